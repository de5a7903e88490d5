"""The port: what the rest of the program knows of any way to a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from truename.asked import Asked, Ended
from truename.magnet import Magnet
from truename.metainfo import Metainfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverHealth:
    """How a resolver is doing, for `truename doctor`.

    `able`: it can ask somebody now. `reason` is a word of `truename.texts` that says why not, or why no DHT, `subject`
    what about. `proxied`: it goes out through a proxy. `coming_up`: it has only just begun, and may do better soon.
    `dht_for_s`: for how many seconds the DHT has been as it is, answering or silent.
    """

    able: bool
    listening: tuple[str, ...] = ()
    dht_enabled: bool = False
    dht_nodes: int = 0
    reason: str = ""
    subject: str = ""
    proxied: bool = False
    coming_up: bool = False
    dht_for_s: float = 0.0


NamedHealth = tuple[str, ResolverHealth | None]
"""A resolver's name and how it is; None when it has not said."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A name that somebody said, with nothing to prove it. `name_guessed`: its bytes were not UTF-8."""

    name: str
    name_guessed: bool = False


Found = Metainfo | Claim

MAX_METADATA_BYTES = 4 << 20
"""No client of ours takes more of a stranger for a name."""


class Trail:
    """What a resolver does for one look-up, written down as it goes on, to be read at any moment.

    `asked`: the first question has been sent. `counts` are numbers by the words of `COUNTS`. `peers` (`host:port`) are
    those it knows of and gets nothing from; another resolver may fare better. `said`: what a tracker answered instead
    of peers, hostile. `has_found`: the dictionary is there, and is only being read.
    `on_news` is called after `question_sent` and `needs_help`; a trail that nobody follows has none.
    """

    __slots__ = ("_on_news", "asked", "counts", "has_found", "peers", "said", "stuck")

    def __init__(self, on_news: Callable[[], None] | None = None) -> None:
        self._on_news = on_news
        self.asked = False
        self.stuck = False
        self.has_found = False
        self.said = ""
        self.counts: dict[str, int] = {}
        self.peers: tuple[str, ...] = ()

    def question_sent(self) -> None:
        """Somebody is being asked: the time of the look-up begins."""
        if not self.asked:
            self.asked = True
            self._tell()

    def needs_help(self, peers: tuple[str, ...] = ()) -> None:
        """It goes on, with little hope: whoever comes next need not wait for it, and may ask these peers too."""
        if not self.stuck or not set(peers) <= set(self.peers):
            self.stuck = True
            self.peers = tuple(dict.fromkeys((*self.peers, *peers)))
            self._tell()

    def note(self, counts: Mapping[str, int]) -> None:
        """Keep these numbers, in the place of what was known of the same words."""
        self.counts.update(counts)

    def _tell(self) -> None:
        if self._on_news is not None:
            self._on_news()


class Resolver(Protocol):
    """A way to get the name of a torrent.

    Any number of people may ask at once. Those who ask for one hash share the work, and each has a time of their own.
    """

    @property
    def name(self) -> str:
        """The word of the setting `RESOLVERS`, and the `source` of the names it finds."""

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        """Ask for the name.

        Input:  `trail`, when somebody wants to follow.
        Output: a dictionary whose digest equals one of the magnet's hashes, or a mere claim; names may be hostile.
        Units:  `deadline_s` counts from the first question sent for this hash; waiting for a turn does not count.
        Errors: `NotYet` nobody answered in time; `BadName` there is no usable name; `BadMetadata` what came cannot be
                read, and another resolver may do better; `Refused` it answered that it failed; `ResolverDown` nobody
                can be asked now. Cancellation closes the conversation, then propagates.
        """

    async def health(self) -> ResolverHealth:
        """Look at the resolver as it is, which may take it a few seconds; never raises."""

    async def aclose(self) -> None:
        """End all conversations. Idempotent."""


class Beginning(Protocol):
    """What a resolver may offer besides: to be asked without a task, so that a look-up that waits costs little."""

    def begin(self, magnet: Magnet, ended: Ended[Metainfo], *, deadline_s: float, trail: Trail) -> Asked[Metainfo]:
        """Ask for the name, as `resolve` does; `ended` is called with what it would return or raise.

        Output: the question, by which it can be taken back. Errors: `ResolverDown`.
        """
