"""A unified diff of two texts of equally many lines: what a rename changed. Pure.

Lines are compared in place, so it is linear; a general diff is not, on a long list of alike lines.
Source: POSIX.1-2017, `diff -u`.
"""

from collections.abc import Iterator

_CONTEXT = 3
_NO_NEWLINE = "\n\\ No newline at end of file\n"


def unified_diff(before: str, after: str, name: str) -> Iterator[str]:
    """The pieces of the diff, to be written one after the other; nothing when the texts are equal.

    Input:  texts with equally many line ends, as a rename leaves them.
    """
    old, new = _lines(before), _lines(after)
    changed = [index for index, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    if changed:
        end = "\t" if any(map(str.isspace, name)) else ""  # else `patch` ends the name at the first white space
        yield f"--- {name}{end}\n+++ {name}{end}\n"
    for first, last in _hunks(changed, len(old)):
        yield f"@@ -{first + 1},{last - first} +{first + 1},{last - first} @@\n"
        yield from _hunk(old[first:last], new[first:last])


def _lines(text: str) -> list[str]:
    """Only a line feed ends a line here: other separators are part of what a person wrote."""
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _hunks(changed: list[int], count: int) -> Iterator[tuple[int, int]]:
    start = end = -1
    for index in changed:
        first, last = max(0, index - _CONTEXT), min(count, index + _CONTEXT + 1)
        if start < 0:
            start, end = first, last
        elif first <= end:
            end = last
        else:
            yield start, end
            start, end = first, last
    if start >= 0:
        yield start, end


def _hunk(old: list[str], new: list[str]) -> Iterator[str]:
    """Lines that changed together stand together, the old ones first."""
    added: list[str] = []
    for one, other in zip(old, new, strict=True):
        if one == other:
            yield from added
            added = []
            yield _marked(" ", one)
        else:
            yield _marked("-", one)
            added.append(_marked("+", other))
    yield from added


def _marked(mark: str, line: str) -> str:
    return mark + (line if line.endswith("\n") else line + _NO_NEWLINE)
