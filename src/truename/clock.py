"""What time it is, as an argument: whoever needs to know is told by a function, so that a test can say it."""

from collections.abc import Callable

Clock = Callable[[], float]
"""Now, in epoch seconds. It may be set, also backwards; what measures how long something took uses another one."""
