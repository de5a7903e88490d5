"""The watch: hashes in notes that did not answer are asked for again, more and more rarely, for weeks.

It asks as the person would, at low priority and never for more at once than its slots; when to ask is `Rules.next_ask`.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from truename import calibration
from truename.calibration import Answer, Granted, NoRoom, Priority, Submission
from truename.clock import Clock
from truename.hub import Hub
from truename.magnet import InfoHash, Magnet, find_magnets
from truename.note_texts import magnets_of
from truename.store import notes, tasks, watches
from truename.store.database import Connection, Database, StoreUnavailable
from truename.store.ids import new_task_id
from truename.store.watches import Due, Postponed
from truename.store.writer import Work, Writer

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0
_ASK_ANYWAY_S = 3600.0
_ROOM_AGAIN_S = 15.0
"""Until it asks again for what was refused since the person has asked for so much else."""

_NOTES_LOOKED_AT = 3


class Watch:
    """Asks for what is due. `resting` tells that nothing may start; `asked` is told what was asked for.

    Units: `longest_delay_s` is the longest that a person's hash ever sleeps; what seems to sleep for longer was put off
    by a clock that has been set back.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        hub: Hub,
        *,
        clock: Clock,
        submit: Work[Submission, Answer],
        slots: int,
        resting: Callable[[], bool],
        asked: Callable[[Iterable[Granted], int], Awaitable[None]],
        longest_delay_s: float = math.inf,
    ) -> None:
        self._database = database
        self._writer = writer
        self._hub = hub
        self._clock = clock
        self._submit = submit
        self._slots = slots
        self._resting = resting
        self._asked = asked
        self._longest_delay_s = max(longest_delay_s, _ASK_ANYWAY_S)

    async def run(self) -> None:
        """Look at every second what is due, until cancelled."""
        while True:
            if not self._resting():
                try:
                    await self.ask()
                except StoreUnavailable as trouble:
                    log.warning("the watch asks later", extra={"reason": str(trouble)})
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def now(self, person_id: int, info_hash: str) -> bool:
        """Ask for a hash that sleeps at the next moment; whether the person watches it. Errors: `StoreUnavailable`."""
        return await self._writer.write(watches.hurry_all, (person_id, info_hash, self._clock()))

    async def stop(self, person_id: int, info_hash: str) -> bool:
        """Ask for it no more; whether the person watches it. Errors: `StoreUnavailable`."""
        return await self._writer.write(watches.stop_all, (person_id, info_hash))

    async def ask(self) -> int:
        """Ask for what is due, as far as there are slots. Output: how many were asked for."""
        now = self._clock()
        due = await self._database.read(_due, at=now, longest_delay_s=self._longest_delay_s, slots=self._slots)
        gone = [(one.person_id, one.hash) for one, magnet in due.items() if magnet is None]
        late = [Postponed(due=one, next_at=now + _ASK_ANYWAY_S) for one in due]  # until a failure says better
        still_due = await asyncio.gather(*(self._writer.begin(watches.postpone_all, one) for one in late))
        asked = [
            Submission(
                task_id=new_task_id(),
                person_id=one.person_id,
                magnet=magnet,
                priority=Priority.LOW,
                at=now,
                watched=True,
            )
            for (one, magnet), is_due in zip(due.items(), still_due, strict=True)
            if magnet is not None and is_due
        ]
        await asyncio.gather(*(self._writer.begin(watches.forget_all, key) for key in gone))
        answers = await asyncio.gather(*(self._writer.begin(self._submit, one) for one in asked))
        refused = [one for one, answer in zip(asked, answers, strict=True) if isinstance(answer, NoRoom)]
        await asyncio.gather(
            *(self._writer.begin(watches.postpone_all, self._when_there_is_room(one)) for one in refused)
        )
        if due:
            await self._asked(calibration.granted((one.magnet for one in asked), answers), Priority.LOW)
            self._hub.publish()
        return len(asked)

    def _when_there_is_room(self, refused: Submission) -> Postponed:
        asked = Due(person_id=refused.person_id, hash=refused.magnet.info_hash, next_at=refused.at + _ASK_ANYWAY_S)
        return Postponed(due=asked, next_at=refused.at + _ROOM_AGAIN_S)


async def _due(connection: Connection, *, at: float, longest_delay_s: float, slots: int) -> dict[Due, Magnet | None]:
    """What to ask for now, with the sources that its note names; None where no note has it any more."""
    due = await watches.due(connection, at=at, longest_delay_s=longest_delay_s, limit=slots)
    if not due:  # as nearly always, and counting costs more than looking
        return {}
    free = max(0, slots - await tasks.count_watched(connection))
    found: dict[Due, Magnet | None] = {}
    for one in due[:free]:
        texts = await notes.texts_with(connection, one.person_id, one.hash, limit=_NOTES_LOOKED_AT)
        found[one] = _magnet_in(texts, one.hash)
    return found


def _magnet_in(texts: Sequence[str], info_hash: str) -> Magnet | None:
    """Of a hybrid the hash that is watched, whichever it is: what comes of the other one would not end the watch."""
    for text in texts:
        pairs = [span.hash_pair for span in find_magnets(text, among={info_hash})]
        together = {one for pair in pairs if info_hash in pair for one in pair if one is not None}
        for magnet in magnets_of(text, among=together):
            if info_hash == magnet.info_hash:
                return magnet
            if info_hash in magnet.hashes:
                return replace(magnet, info_hash=InfoHash(info_hash), info_hash_v2=None)
    return None
