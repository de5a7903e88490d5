"""How much of a note stands on a page, what is folded away, and what is left to the note's own page. Pure.

A megabyte of text, or thousands of magnets, must neither fill the list nor make a page that a browser chokes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from truename.magnet import find_magnets
from truename.names import is_hidden, make_visible, shown
from truename.notes import MagnetView, NoteView
from truename.web.views import state_of

SHORT_LINES, SHORT_CHARS = 15, 1500  # as much is shown without a fold
FIRST_LINES, FIRST_CHARS = 10, 1000  # else so much stands before it
LISTED_CHARS = 20_000
SHORT_MAGNETS, FIRST_MAGNETS = 12, 10
LISTED_MAGNETS, OWN_MAGNETS = 100, 500
MAX_UNREAD, UNREAD_CHARS = 20, 120
MAX_PIECES = 2000
MAX_DIRECTED_CHARS = 100_000

_NAMED = ("completed", "known")
_WAITING = ("pending", "running")


def lacks_name(view: MagnetView) -> bool:
    """Whether asking may bring a name into the note: it does not stand there, and the person has not chosen another."""
    state = state_of(view)
    return state not in _NAMED or (state == "known" and not view.own)


class Unread(NamedTuple):
    """A link of a note that cannot be asked for: its beginning, made visible, and the word of why not."""

    text: str
    problem: str


class Piece(NamedTuple):
    """A part of a text, made visible: a magnet, or what stands between them."""

    text: str
    is_magnet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A note on a page. `after` is the cursor of that page of the list, None on the note's own page.

    `first` is the beginning of its text, `rest` what is folded away: `rest_chars` of it, which are left to the note's
    own page when the list cannot hold so many. The same with magnets: `unlisted` of them do not stand on this page.
    `unread` are the first of the `unread_count` links that have no info-hash which could be asked for.
    """

    view: NoteView
    after: str | None
    first: Sequence[Piece]
    rest: Sequence[Piece]
    rest_chars: int
    magnets: Sequence[MagnetView]
    folded: Sequence[MagnetView]
    unlisted: int
    named: int
    waiting: int
    unread: Sequence[Unread]
    unread_count: int

    @classmethod
    def of(cls, view: NoteView, *, after: str | None) -> "Card":
        """A note as it stands on its own page, or on a page of the list."""
        text, magnets, listed = view.note.text, view.magnets, after is not None
        end, begin = fold_of(text)
        rest_chars = len(text) - begin
        at = len(magnets) if len(magnets) <= SHORT_MAGNETS else FIRST_MAGNETS
        most = LISTED_MAGNETS if listed else OWN_MAGNETS
        states = [state_of(one) for one in magnets]
        unread, unread_count = unread_of(text)
        return cls(
            view=view,
            after=after,
            first=list(pieces(text, magnets, 0, end)),
            rest=[] if listed and rest_chars > LISTED_CHARS else list(pieces(text, magnets, begin, len(text))),
            rest_chars=rest_chars,
            magnets=magnets[:at],
            folded=magnets[at:most],
            unlisted=max(0, len(magnets) - most),
            named=sum(not lacks_name(one) for one in magnets),
            waiting=sum(state in _WAITING for state in states),
            unread=unread,
            unread_count=unread_count,
        )


def unread_of(text: str) -> tuple[Sequence[Unread], int]:
    """The first links of a text that look like magnets and have no info-hash, and how many there are."""
    broken = (span for span in find_magnets(text, broken=True) if span.info_hash is None and span.problem is not None)
    first = [Unread(_beginning(span.text), span.problem or "") for span in islice(broken, MAX_UNREAD)]
    return first, len(first) + sum(1 for _ in broken)


def _beginning(text: str) -> str:
    return shown(text if len(text) <= UNREAD_CHARS else text[: UNREAD_CHARS - 1] + "…")


def fold_of(text: str) -> tuple[int, int]:
    """Where the first part of a text ends and the folded one begins: between two lines, unless one is very long."""
    if len(text) <= SHORT_CHARS and text.count("\n") < SHORT_LINES:
        return len(text), len(text)
    end = -1
    for _ in range(FIRST_LINES):
        following = text.find("\n", end + 1, FIRST_CHARS)
        if following < 0:
            break
        end = following
    end = end if end > 0 else FIRST_CHARS
    begin = end + 1 if text[end] == "\n" else end
    return (end - 1 if text.startswith("\r\n", end - 1) else end), begin


def pieces(text: str, magnets: Sequence[MagnetView], start: int, end: int) -> Iterator[Piece]:
    """A part of a text, magnets apart from the rest. Beyond `MAX_PIECES` magnets they are told apart no longer."""
    inside = [one for one in magnets if one.start < end and one.end > start]
    at = start
    for one in inside[:MAX_PIECES]:
        begin, stop = max(one.start, start), min(one.end, end)
        if at < begin:
            yield Piece(visible_lines(text[at:begin]), is_magnet=False)
        yield Piece(visible_lines(text[begin:stop]), is_magnet=True)
        at = stop
    if at < end:
        yield Piece(visible_lines(text[at:end]), is_magnet=False)


def visible_lines(text: str) -> str:
    """A text in which nothing can hide, its line ends and tabs left as they are."""
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    marks = {ord(one): make_visible(one) for one in set(text) - {"\n", "\t"} if is_hidden(one)}
    return text.translate(marks) if marks else text


def direction_of(chars: int) -> str:
    """The `dir` of a text: each paragraph has its own, unless that would cost a browser seconds for each key."""
    return "auto" if chars <= MAX_DIRECTED_CHARS else "ltr"


def changed_lines(now: str, mine: str) -> list[tuple[str, bool]]:
    """The lines of one text, each with whether the other has no such line."""
    there = set(mine.split("\n"))
    return [(line, line not in there) for line in now.split("\n")]
