"""What a transaction has changed, and what follows from that: batches that end, notes that are renamed, events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from truename.store import batches, events, names, renames
from truename.store.database import Connection
from truename.store.names import KnownName
from truename.store.progress import Touched
from truename.store.tasks import TaskRow


@dataclass(slots=True)
class Changes:
    """Collected while a transaction goes on, written at its end: the lock order has the events last."""

    at: float
    tells_batches: bool = False
    tasks: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, int]] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def changed(self, touched: Iterable[TaskRow | Touched]) -> None:
        """These tasks have changed, and those that were active before still are."""
        self.tasks += [(task.person_id, task.id) for task in touched]

    def ended(self, touched: Sequence[Touched]) -> None:
        """These tasks have just ended."""
        self.changed(touched)
        self.over += [task.id for task in touched]

    async def rename(
        self, connection: Connection, named: Iterable[tuple[int, str]], known: Mapping[str, KnownName]
    ) -> None:
        """Write the names that are known into the notes of the people who asked, given as (person, hash).

        Who asks by one hash asks for the torrent, whichever of its proven hashes stands in the note.
        """
        named = list(named)
        together = await names.together(connection, {one for _, one in named if known[one].info_hash_v2 is not None})
        theirs: dict[int, dict[str, str]] = {}
        for person_id, info_hash in named:
            for one in together.get(info_hash, (info_hash,)):
                theirs.setdefault(person_id, {})[one] = known[info_hash].name
        self.notes += await renames.write_names(connection, theirs, at=self.at)

    async def correct(self, connection: Connection, claimed: Mapping[str, tuple[str, str]]) -> None:
        """Write names over ones that were only claimed, given by hash as (claimed, now), whoever was told of those."""
        self.notes += await renames.correct_names(connection, claimed, at=self.at)

    async def write(self, connection: Connection) -> None:
        """Count the batches down and append the events."""
        await batches.count_down(connection, self.over, at=self.at, tells=self.tells_batches)
        await events.append(connection, at=self.at, tasks=self.tasks, notes=self.notes)
