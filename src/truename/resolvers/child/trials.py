"""Which look-up is it that kills the child? Pure: numbers of look-ups in, numbers out.

One crash may have any cause, so after it everything is asked again at once. Look-ups that were in a second one go on
trial: half of them are asked alone, and that half is halved again when the child crashes, or the other one has its turn
when it does not. A look-up is given up when it was in three crashed children and in the last of them all by itself; so
its neighbours lose time and not their names.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

CRASHES: Final = 3
_MOST_CRASHES = 32
_MOST_DOUBT = 5


class Trials:
    """Owns the number of crashes of each look-up, and who is on trial."""

    def __init__(self) -> None:
        self._crashes: dict[int, int] = {}
        self._kills: dict[int, int] = {}
        self._groups: list[list[int]] = []  # the last one is next
        self._on_trial: set[int] = set()
        self._doubt = 0

    @property
    def on_trial(self) -> Collection[int]:
        """Those that may be asked now; nobody: there is no trial, and all may."""
        return self._on_trial

    @property
    def patience(self) -> int:
        """How much longer a trial takes than at first: twice as long after each round that found nobody."""
        return 1 << self._doubt

    def crashed(self, inside: Sequence[int]) -> list[int]:
        """The child has crashed with these inside. Output: those to give up."""
        for number in inside:
            self._crashes[number] = self._crashes.get(number, 0) + 1
        limit = CRASHES if len(inside) == 1 else _MOST_CRASHES
        given_up = [number for number in inside if self._crashes[number] >= limit]
        for number in given_up:
            del self._crashes[number]
        suspects = [number for number in inside if self._is_suspect(number)]
        self._on_trial = set()
        if given_up:
            self._doubt = 0
        if suspects:
            middle = len(suspects) // 2
            self._groups += [half for half in (suspects[middle:], suspects[:middle]) if half]
        self._next()
        return given_up

    def killed(self, inside: Sequence[int]) -> list[int]:
        """Somebody has killed the child with these inside, which is hardly their fault. Output: those to give up."""
        for number in inside:
            self._kills[number] = self._kills.get(number, 0) + 1
        if self._on_trial:  # once more, as nothing has been shown
            self._groups.append(list(self._on_trial))
            self._on_trial = set()
            self._next()
        return [number for number in inside if self._kills[number] >= _MOST_CRASHES]

    def passed(self) -> None:
        """Those on trial have done no harm in the time given."""
        if self._on_trial:
            self._on_trial = set()
            self._next()
            if not self._on_trial:
                self._doubt = min(self._doubt + 1, _MOST_DOUBT)

    def forget(self, number: int) -> bool:
        """A look-up has ended. Output: whether that ended a trial, so that it is somebody else's turn."""
        self._kills.pop(number, None)
        if self._crashes.pop(number, None) is None:
            return False
        if not self._crashes:
            self._doubt = 0
        if number not in self._on_trial:
            return False
        self._on_trial.discard(number)
        if self._on_trial:
            return False
        self._next()
        return True

    def _is_suspect(self, number: int) -> bool:
        """Of a child in which somebody was on trial those who were; else who was in two of them."""
        if number not in self._crashes:
            return False
        return number in self._on_trial if self._on_trial else self._crashes[number] >= CRASHES - 1

    def _next(self) -> None:
        while self._groups and not self._on_trial:
            self._on_trial = self._known(self._groups.pop())

    def _known(self, numbers: Iterable[int]) -> set[int]:
        return {number for number in numbers if number in self._crashes}
