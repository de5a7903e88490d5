"""The port: what the rest of the program knows of any way to a name."""

from dataclasses import dataclass
from typing import Protocol

from truename.magnet import Magnet
from truename.metainfo import Metainfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverHealth:
    """How a resolver is doing, for `truename doctor`.

    `able`: it can ask somebody now. `reason` is a word of `truename.texts` that says why not, `subject` what about.
    """

    able: bool
    listening: tuple[str, ...] = ()
    dht_enabled: bool = False
    dht_nodes: int = 0
    reason: str = ""
    subject: str = ""


class Resolver(Protocol):
    """A way to get the info dictionary of a torrent."""

    @property
    def name(self) -> str:
        """The word of the setting `RESOLVERS`, and the `source` of the names it finds."""

    async def resolve(self, magnet: Magnet, *, deadline_s: float) -> Metainfo:
        """Ask for the info dictionary.

        Output: a dictionary whose digest equals one of the magnet's hashes; its name may still be hostile.
        Units:  `deadline_s` counts from the first question sent for this hash; waiting for a turn does not count.
        Errors: `NotYet` nobody answered in time; `BadName` there is no usable name; `BadMetadata` what came cannot be
                read, and another resolver may do better; `ResolverDown` nobody can be asked now.
                Cancellation closes the conversation, then propagates.
        """

    async def health(self) -> ResolverHealth:
        """Look at the resolver, giving it a few seconds to come up; never raises."""

    async def aclose(self) -> None:
        """End all conversations. Idempotent."""
