"""Who may come in. The example's people are given at the start; an application has a table of its own."""

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from werkzeug.security import check_password_hash, generate_password_hash

MAX_TRIES = 10
WINDOW_S = 60.0
SESSION_S = 7 * 24 * 3600.0
_MAX_REMEMBERED = 10_000


class TooManyTries(Exception):  # noqa: N818
    """Wrong passwords came too fast; further ones are not even looked at for a while."""


class People:
    """Passwords by user name, and who is logged in. Thread-safe.

    A session is known here, not only signed: a copied cookie is worth nothing after the logout.

    Tries are counted for a name *and* the address they come from, so that a stranger cannot lock a person out.
    """

    def __init__(
        self,
        passwords: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
        hash_method: str = "scrypt",
    ) -> None:
        self._hashes = {name: generate_password_hash(password, hash_method) for name, password in passwords.items()}
        self._nobody = generate_password_hash("", hash_method)  # an unknown name takes as long as a wrong password
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self._sessions: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def may_enter(self, name: str, password: str, address: str) -> bool:
        """Whether the password is right. Errors: `TooManyTries`."""
        key = (name[:100], address)
        self._count(key)
        entered = check_password_hash(self._hashes.get(name, self._nobody), password) and name in self._hashes
        if entered:
            with self._lock:
                self._tries.pop(key, None)
        return entered

    def come_in(self, name: str) -> str:
        """Begin a session; its id."""
        session_id = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[session_id] = (name, self._clock())
            while len(self._sessions) > _MAX_REMEMBERED:
                self._sessions.popitem(last=False)
        return session_id

    def is_inside(self, name: object, session_id: object) -> bool:
        """Whether this is a session of that person, and not too old."""
        known, since = self._sessions.get(str(session_id), (None, 0.0))
        return known is not None and known == name and self._clock() - since <= SESSION_S

    def leave(self, session_id: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def _count(self, key: tuple[str, str]) -> None:
        now = self._clock()
        with self._lock:
            tries = self._tries.setdefault(key, deque())
            while tries and now - tries[0] > WINDOW_S:
                tries.popleft()
            if len(tries) >= MAX_TRIES:
                raise TooManyTries
            tries.append(now)
            self._tries.move_to_end(key)
            while len(self._tries) > _MAX_REMEMBERED:
                self._tries.popitem(last=False)
