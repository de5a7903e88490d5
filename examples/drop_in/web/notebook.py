"""The notes of the example, in memory; an application has a table of its own.

A name that was found is written into the notes here, by whoever found it, so that it arrives with the browser closed.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from truename.magnet import find_magnets, rename
from truename.names import shown

MAX_NOTES_PER_PERSON = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a note as the page shows it: plain text, or a magnet when there is an `info_hash`."""

    text: str
    info_hash: str = ""


class Notebook:
    """Everybody's notes, newest first. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: dict[str, list[str]] = {}

    def add(self, person: str, text: str) -> bool:
        """Keep a note; False when the person has too many."""
        with self._lock:
            notes = self._notes.setdefault(person, [])
            if len(notes) >= MAX_NOTES_PER_PERSON:
                return False
            notes.insert(0, text)
            return True

    def of(self, person: str) -> list[str]:
        """The person's notes."""
        with self._lock:
            return list(self._notes.get(person, ()))

    def write_name(self, info_hash: str, name: str) -> None:
        """Give every magnet of that hash its true name; every other byte stays as it is."""
        with self._lock:
            for notes in self._notes.values():
                notes[:] = [rename(text, {info_hash: name}) for text in notes]


def pieces(text: str) -> Iterator[Piece]:
    """A note, cut at its magnets; a magnet's text is the name it claims, made visible, or its hash."""
    at = 0
    for span in find_magnets(text):
        if span.info_hash is None:
            continue
        yield from _plain(text[at : span.start])
        yield Piece(text=shown(span.display_name or "") or span.info_hash, info_hash=span.info_hash)
        at = span.end
    yield from _plain(text[at:])


def _plain(stretch: str) -> Iterator[Piece]:
    """Text beside a magnet, which has a row of its own: white space at its ends would only show as a gap."""
    if stretch.strip():
        yield Piece(text=stretch.strip())
