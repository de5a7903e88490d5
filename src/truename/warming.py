"""What must not be half done in one thread while another forks: first imports, and the start of what they bring.

In the child that thread is gone, and the lock of its import stays taken for ever.
"""

import os
import threading
from typing import Final

_PATIENCE_S: Final = 10.0
"""For a start that hangs, or whoever forks in the midst of their own."""


class Warming:
    """A lock for `with`, which a fork waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forking: int | None = None  # the thread that has taken it in order to fork

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        """Wait for whoever is at it."""
        if self._lock.acquire(timeout=_PATIENCE_S):
            self._forking = threading.get_ident()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._forking == threading.get_ident():
            self._forking = None
            self._lock.release()

    def after_fork_in_child(self) -> None:
        """Whoever had it is not here."""
        self._lock, self._forking = threading.Lock(), None


warming = Warming()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=warming.before_fork,
        after_in_parent=warming.after_fork_in_parent,
        after_in_child=warming.after_fork_in_child,
    )
