"""The line ends of a text that went through a form. Pure.

A browser keeps a text field with bare line feeds and sends it with CR LF (HTML Living Standard, "normalize newlines"),
so what the note had is taken from the note itself: outside of what a person changed, no byte of it may change.
"""

import re
from collections import deque

_LINE_END = re.compile("\r\n|\r|\n")


def bare(text: str) -> str:
    """The text with a line feed at the end of each line, as a text field holds it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def restored(text: str, before: str) -> str:
    """What came from a form, with the line ends of the text that it was made from.

    A line that was there already keeps its own end, and so does the n-th of as many lines as were replaced. Any other
    gets what most lines have.
    """
    text = bare(text)
    if "\r" not in before:
        return text
    both = before.count("\r\n")
    counts = {"\r\n": both, "\n": before.count("\n") - both, "\r": before.count("\r") - both}
    usual = max(counts, key=counts.__getitem__)
    if counts[usual] == sum(counts.values()):
        return text.replace("\n", usual)
    old, old_ends, new = _LINE_END.split(before), _LINE_END.findall(before), text.split("\n")
    start = _common(new, old)
    tail = min(_common(new[::-1], old[::-1]), min(len(new), len(old)) - start)
    until, old_until = len(new) - tail, len(old) - tail
    ends = [*old_ends, usual]  # the last line has none; when something now stands behind it, it gets one
    found = [
        *ends[:start],
        *_of_changed(new[start:until], old[start:old_until], ends[start:old_until], usual),
        *ends[old_until:],
    ]
    return _joined(new, found)


def _of_changed(new: list[str], old: list[str], ends: list[str], usual: str) -> list[str]:
    waiting: dict[str, deque[str]] = {}
    for line, end in zip(old, ends, strict=True):
        waiting.setdefault(line, deque()).append(end)
    others = ends if len(old) == len(new) else [usual] * len(new)
    return [same.popleft() if (same := waiting.get(line)) else other for line, other in zip(new, others, strict=True)]


def _joined(lines: list[str], ends: list[str]) -> str:
    """The lines with their ends, none behind the last.

    A CR and the LF of an empty line behind it would be read as one end, so that CR becomes a line feed as well.
    """
    pieces = [lines[-1]]
    for line, end in zip(lines[-2::-1], ends[-2::-1], strict=True):
        melts = end == "\r" and not pieces[-1] and pieces[-2:-1] == ["\n"]
        pieces += ("\n" if melts else end, line)
    return "".join(reversed(pieces))


def _common(some: list[str], others: list[str]) -> int:
    """How many lines are the same at the beginning of both."""
    pairs = enumerate(zip(some, others, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(some), len(others)))
