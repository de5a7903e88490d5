"""The terminal as an edge: what the commands read, ask for, print and write. `cli.py` only reads their arguments."""
