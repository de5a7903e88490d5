"""What can go wrong, one branch for each reaction of the caller. Knows nothing of where an error came from.

| class          | reaction                                                                   |
|----------------|----------------------------------------------------------------------------|
| `InvalidInput` | tell the person what to change; nothing was done                           |
| `NotYet`       | nobody answered in the time given; another day they may                    |
| `BadMetadata`  | this answer is worthless: ask the next peer or resolver                    |
| `BadName`      | the torrent itself has no usable name: asking again does not help          |
| `Refused`      | this resolver has answered that it cannot find the name: ask the next one  |
| `ResolverDown` | the resolver cannot work now: try another one, or the same one later       |
"""

from truename.codes import Code


class TruenameError(Exception):
    """Root of everything this package raises on purpose."""


class InvalidInput(TruenameError):  # noqa: N818 - named after what it is, as all of these
    """The person's input cannot be used. `code` is the word of the API, `detail` says what exactly."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class NotYet(TruenameError):  # noqa: N818
    """The time is over without an answer.

    `peers_seen` tells an empty swarm from a silent one; None: the resolver asks somebody else, and knows of no peers.
    """

    def __init__(self, *, peers_seen: int | None) -> None:
        super().__init__(f"no metadata; {peers_seen} peers seen")
        self.peers_seen = peers_seen

    @property
    def code(self) -> Code:
        """`no_peers`, `no_metadata` or `deadline`."""
        if self.peers_seen is None:
            return Code.DEADLINE
        return Code.NO_METADATA if self.peers_seen else Code.NO_PEERS


class BadMetadata(TruenameError):  # noqa: N818
    """Bytes that claim to be an info dictionary and are not the one asked for."""


class BadName(TruenameError):  # noqa: N818
    """The digest is right, but the info dictionary has no name that could be written into a magnet."""


class Refused(TruenameError):  # noqa: N818
    """A resolver has answered that it failed. `said` are its own words, hostile and unbounded no more than a line.

    `reason` is a word of `truename.texts`, where it has answered with what is no answer.
    """

    def __init__(self, said: str = "", *, reason: str = "") -> None:
        super().__init__(said or reason)
        self.said = said
        self.reason = reason


class ResolverDown(TruenameError):  # noqa: N818
    """Nobody could be asked. `reason` is a word of `truename.texts`, `subject` what it is about (an address, say)."""

    def __init__(self, reason: str, subject: str = "") -> None:
        super().__init__(f"{reason} {subject}".strip())
        self.reason = reason
        self.subject = subject
