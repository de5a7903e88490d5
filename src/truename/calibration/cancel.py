"""People do not want things any more. A look-up goes on as long as somebody else waits for it."""

from collections.abc import Sequence

from sqlalchemy import Select

from truename.calibration.changes import Changes
from truename.calibration.words import OfBatch, OfTask, Rules
from truename.store import batches, lookups, tasks
from truename.store.database import Connection


async def cancel_all(connection: Connection, wanted: Sequence[OfTask], *, rules: Rules) -> Sequence[Sequence[str]]:
    """The writer's work for tasks. Output: the deliveries that nobody waits for any more, with the first item.

    What has ended already, or is another person's, stays as it is.
    """
    at = max(one.at for one in wanted)
    selected = tasks.active_ones([(one.task_id, one.person_id) for one in wanted])
    deliveries = await _cancel(connection, selected, at, rules)
    return [deliveries, *([] for _ in wanted[1:])]


async def cancel_batches(connection: Connection, wanted: Sequence[OfBatch], *, rules: Rules) -> Sequence[Sequence[str]]:
    """The same for what batches have created and is still active."""
    return [
        await _cancel(connection, batches.active_ones(one.batch_id, person_id=one.person_id), one.at, rules)
        for one in wanted
    ]


async def _cancel(connection: Connection, selected: Select[tuple[str]], at: float, rules: Rules) -> Sequence[str]:
    """Lock order: the look-ups are read first, so that whoever applies an outcome to them meanwhile waits."""
    concerned = await lookups.of_tasks(connection, selected)
    changes = Changes(at=at, tells_batches=rules.tells_batches)
    changes.ended(await tasks.cancel(connection, selected, at=at))
    wanted = await tasks.lookups_with_active(connection, concerned)
    idle = [one for one in concerned.values() if one.id not in wanted]
    await lookups.end_all(connection, [one.id for one in idle])
    await lookups.close_ranks(connection, [one for one in idle if one.status == "pending"])
    await changes.write(connection)
    return [f"{one.delivery}.{one.id}" for one in idle if one.delivery is not None]
