"""Passwords: which ones are good enough, how they are kept and checked. Knows nobody.

A hash costs 64 MiB and a good part of a core on purpose, so at most two are made at once, in threads of their own, and
only a few may wait for that. A person who does not exist costs the same as one who does.
Source: RFC 9106 (second recommended option); RFC 8265, 4.2 (passwords are compared in NFC).
"""

import asyncio
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from truename.errors import TruenameError
from truename.web.weak import is_weak

MIN_CHARS, MAX_CHARS = 12, 1024
AT_ONCE = 2
MAX_WAITING = 16

Result = TypeVar("Result")


class TooBusy(TruenameError):  # noqa: N818 - named after what it is
    """So many passwords are in hand already that this one would have to wait too long."""


class Passwords:
    """Makes and checks hashes. Close it to end its threads."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._places = threading.BoundedSemaphore(AT_ONCE + MAX_WAITING)
        self._nobody = threading.Lock(), [""]

    async def hash(self, password: str) -> str:
        """What is to be kept of a password.

        Errors: `TooBusy`.
        """
        return await self._run(lambda: self._hasher.hash(prepared(password)))

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the password that was kept; with None, of nobody, False after the same time.

        Errors: `TooBusy`.
        """
        return await self._run(lambda: self._check(prepared(password), kept))

    def close(self) -> None:
        """End the threads, after what they have in hand. Idempotent."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise TooBusy
        future = self._threads.submit(work)
        # The place is taken until a thread is through with it, whether or not somebody still waits for the answer.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def _check(self, password: bytes, kept: str | None) -> bool:
        try:
            return self._hasher.verify(kept or self._hash_of_nobody(), password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False

    def _hash_of_nobody(self) -> str:
        """A hash that no password has; made once, with the cost that all others have."""
        lock, made = self._nobody
        with lock:
            made[0] = made[0] or self._hasher.hash(secrets.token_bytes(32))
            return made[0]


def prepared(password: str) -> bytes:
    """A password as it is hashed. What is far too long is cut, to a length that no kept one has."""
    return unicodedata.normalize("NFC", password[: 4 * MAX_CHARS]).encode("utf-8", "surrogatepass")


def fault_of(password: str, username: str) -> str | None:
    """The word of `truename.texts` for what is wrong with somebody's new password, or None."""
    length = len(unicodedata.normalize("NFC", password[: 4 * MAX_CHARS + 1]))
    if length < MIN_CHARS:
        return "password_too_short"
    if length > MAX_CHARS:
        return "password_too_long"
    return "password_too_common" if is_weak(password, username) else None
