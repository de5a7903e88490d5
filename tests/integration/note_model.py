"""A model of a note: its lines, its versions, and which names are its person's own."""

from dataclasses import dataclass, field

Line = tuple[tuple[str, ...], str]


@dataclass
class Note:
    """A note of the model: its lines as (hashes, name), and what each of its versions was.

    Hashes are not renamed that are `typed`, nor those that are `undone` until their person asks for them.
    """

    person: int
    lines: list[Line]
    title: str = "saved"
    typed: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    before: list[tuple[str, list[Line]]] = field(default_factory=list)

    @property
    def own(self) -> set[str]:
        """Not to be renamed."""
        return self.typed | self.undone

    def versions(self) -> list[tuple[str, list[Line]]]:
        """Why each version came, and what it said."""
        causes = ["saved", *(cause for cause, _ in self.before)]
        return list(zip(causes, [*(lines for _, lines in self.before), self.lines], strict=True))

    def lift(self, info_hash: str) -> None:
        """Who asks for a hash takes back what they had undone."""
        for hashes, _ in self.lines:
            if info_hash in hashes:
                self.undone -= set(hashes)

    def edit(self, version: int, place: int, dn: str, title: str) -> bool:
        """A person has changed one line of what the note said in a version; whether that is taken."""
        if any(cause == "edited" for cause, _ in self.before[version - 1 :]):
            return False
        base = [*(lines for _, lines in self.before), self.lines][version - 1]
        if base[place][1] != dn:
            theirs = [lines for cause, lines in self.versions()[:version] if cause != "renamed"]
            hashes = set(base[place][0])
            if not hashes & self.typed and dn in (theirs[0][place][1], theirs[-1][place][1]):
                self.undone |= hashes
            else:
                self.typed, self.undone = self.typed | hashes, self.undone - hashes
        lines = [
            (one, dn if index == place and base[place][1] != dn else now) for index, (one, now) in enumerate(self.lines)
        ]
        self.before.append(("edited", self.lines))
        self.lines, self.title = lines, title
        return True

    def rename(self, info_hash: str, name: str, *, again: bool) -> bool:
        """A name has come: write it into the magnets of its hash; whether that makes a new version.

        Input: `again`: in a transaction that has made one already.
        """
        if info_hash in self.own:
            return False
        lines = [(one, name if info_hash in one else dn) for one, dn in self.lines]
        is_new = lines != self.lines and not again
        if is_new:
            self.before.append(("renamed", self.lines))
        self.lines = lines
        return is_new


def text_of(note: Note) -> str:
    """A note as its person wrote it."""
    links = [
        "&".join(f"xt=urn:btih:{one}" if len(one) == 40 else f"xt=urn:btmh:1220{one}" for one in hashes)
        for hashes, _ in note.lines
    ]
    return "\n".join(
        (note.title, *(f"magnet:?{link}&dn={dn}" for link, (_, dn) in zip(links, note.lines, strict=True)))
    )
