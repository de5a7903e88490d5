"""Passwords: what is good enough, what matches, how much at once. With a hasher that costs little."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher

from truename.texts import TEXTS
from truename.web.passwords import AT_ONCE, MAX_WAITING, Passwords, TooBusy, fault_of

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


def test_a_password_matches_itself_and_nothing_else() -> None:
    async def scenario() -> None:
        passwords = Passwords(CHEAP)
        kept = await passwords.hash(PASSWORD)
        assert kept.startswith("$argon2id$")
        assert PASSWORD not in kept
        assert kept != await passwords.hash(PASSWORD)
        assert await passwords.matches(PASSWORD, kept)
        for other in ("", PASSWORD.upper(), PASSWORD + " ", PASSWORD[:-1], PASSWORD + "x" * 100_000):
            assert not await passwords.matches(other, kept)
        passwords.close()

    asyncio.run(scenario())


def test_the_cost_is_that_of_the_recommendation() -> None:
    hasher = PasswordHasher()
    assert (hasher.time_cost, hasher.memory_cost) >= (3, 64 * 1024)


def test_an_accent_matches_however_it_was_typed() -> None:
    async def scenario() -> None:
        passwords = Passwords(CHEAP)
        kept = await passwords.hash("cafe\u0301 au lait, please")
        assert await passwords.matches("caf\u00e9 au lait, please", kept)
        passwords.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("kept", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$broken"])
def test_a_hash_that_is_none_matches_nothing(kept: str) -> None:
    async def scenario() -> bool:
        passwords = Passwords(CHEAP)
        try:
            return await passwords.matches(PASSWORD, kept)
        finally:
            passwords.close()

    assert asyncio.run(scenario()) is False


class Counting(PasswordHasher):
    """Counts checks; holds them up until told otherwise."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()
        self.go.set()
        self.checked = 0
        self.now = 0
        self.most = 0
        self.lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
        with self.lock:
            self.checked += 1
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(60)
        try:
            return bool(super().verify(hash, password))
        finally:
            with self.lock:
                self.now -= 1


def test_nobody_is_checked_as_everybody_is() -> None:
    async def scenario() -> None:
        hasher = Counting()
        passwords = Passwords(hasher)
        assert await passwords.matches(PASSWORD, None) is False
        assert await passwords.matches("", None) is False
        assert hasher.checked == 2
        passwords.close()

    asyncio.run(scenario())


def test_a_bounded_number_is_checked_at_once_and_a_bounded_number_waits() -> None:
    async def scenario() -> None:
        hasher = Counting()
        passwords = Passwords(hasher)
        hasher.go.clear()
        asked = [asyncio.ensure_future(passwords.matches(PASSWORD, None)) for _ in range(AT_ONCE + MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await passwords.matches(PASSWORD, None)
        hasher.go.set()
        assert await asyncio.gather(*asked) == [False] * len(asked)
        assert hasher.most <= AT_ONCE
        assert await passwords.matches(PASSWORD, None) is False
        passwords.close()

    asyncio.run(scenario())


def test_a_caller_that_leaves_gives_its_place_back_only_when_the_work_is_done() -> None:
    async def scenario() -> None:
        hasher = Counting()
        passwords = Passwords(hasher)
        hasher.go.clear()
        asked = [asyncio.ensure_future(passwords.matches(PASSWORD, None)) for _ in range(AT_ONCE + MAX_WAITING)]
        await asyncio.sleep(0)
        while hasher.now < AT_ONCE:
            await asyncio.sleep(0)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        again = [asyncio.ensure_future(passwords.matches(PASSWORD, None)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await passwords.matches(PASSWORD, None)
        hasher.go.set()
        await asyncio.gather(*again)
        passwords.close()

    asyncio.run(scenario())


def sentence_of(length: int) -> str:
    """A text of that length in which nothing repeats soon."""
    return "".join(chr(0x4E00 + number) for number in range(length))


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("x" * 11, "password_too_short"),
        ("", "password_too_short"),
        ("e\u0301" * 11, "password_too_short"),
        (sentence_of(11), "password_too_short"),
        (sentence_of(12), None),
        (sentence_of(1024), None),
        (sentence_of(1025), "password_too_long"),
        ("x" * 1_000_000, "password_too_long"),
        ("x" * 12, "password_too_common"),
        ("x" * 1024, "password_too_common"),
    ],
)
def test_a_new_password_has_a_length_between_two_bounds(password: str, word: str | None) -> None:
    assert fault_of(password, "alice") == word
    assert word is None or word in TEXTS
