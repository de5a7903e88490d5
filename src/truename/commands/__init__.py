"""Groups of commands, and how the process of a command begins and ends."""
