"""People do not want things any more. A look-up goes on as long as somebody else waits for it."""

from collections.abc import Sequence

from truename.calibration.words import OfBatch, OfPerson, OfTask, Rules
from truename.store import cancelling, watches
from truename.store.database import Connection


async def cancel_all(connection: Connection, wanted: Sequence[OfTask], *, rules: Rules) -> Sequence[Sequence[str]]:
    """The writer's work for tasks. Output: the deliveries that nobody waits for any more.

    All of them with each item: whoever is still there drops them, and dropping one twice does no harm. What has ended
    already, or is another person's, stays as it is.
    """
    at = max(one.at for one in wanted)
    selected = cancelling.owned([(one.task_id, one.person_id) for one in wanted])
    return [await _cancel(connection, selected, at, rules)] * len(wanted)


async def cancel_batches(connection: Connection, wanted: Sequence[OfBatch], *, rules: Rules) -> Sequence[Sequence[str]]:
    """The same for what batches have created and is still active."""
    return [
        await _cancel(connection, cancelling.created_by(one.batch_id, person_id=one.person_id), one.at, rules)
        for one in wanted
    ]


async def cancel_waiting(
    connection: Connection, wanted: Sequence[OfPerson], *, rules: Rules
) -> Sequence[tuple[Sequence[str], int]]:
    """The same for what waits of a person's tasks; how many they were stands beside the deliveries."""
    answers = []
    for one in wanted:
        deliveries = await _cancel(connection, cancelling.waiting_of(one.person_id, most=one.most), one.at, rules)
        answers.append((deliveries, await cancelling.count_just_cancelled(connection)))
    return answers


async def _cancel(connection: Connection, selected: cancelling.Selected, at: float, rules: Rules) -> Sequence[str]:
    deliveries = await cancelling.cancel(connection, selected, at=at, tells=rules.tells_batches)
    unasked = await cancelling.watched_just_cancelled(connection)
    await watches.not_asked(connection, unasked, at=at, next_ask=rules.next_ask)
    return deliveries
