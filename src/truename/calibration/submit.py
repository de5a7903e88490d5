"""Requests come in: a known name answers at once, a hash that is being asked for is joined, else it is asked."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from truename.calibration.census import Census
from truename.calibration.changes import Changes
from truename.calibration.plan import Ground, Plan, plan_submissions
from truename.calibration.words import (
    Answer,
    BatchOrder,
    Granted,
    NoRoom,
    OfBatch,
    OfTask,
    Priority,
    Retried,
    Rules,
    Submission,
)
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.store import batches, lookups, names, notes, tasks, watches
from truename.store.batches import BatchTask, NewBatch
from truename.store.database import Connection
from truename.store.ids import new_task_id
from truename.store.lookups import ActiveLookup
from truename.store.sources import Sources
from truename.store.tasks import TaskRow


async def submit_all(
    connection: Connection, submissions: Sequence[Submission], *, rules: Rules, census: Census | None = None
) -> Sequence[Answer]:
    """The writer's work for single requests."""
    plan = await _submit(connection, submissions, rules, census or Census())
    return plan.answers


async def hurry_all(
    connection: Connection, wanted: Sequence[OfTask], *, rules: Rules, census: Census | None = None
) -> Sequence[Granted | None]:
    """The writer's work for tasks that are wanted first: those that still wait are so in the highest priority.

    Output: what is asked for then; None for those that run or have ended, and for those of others. One whose name is
    known by now needs no haste.
    """
    submissions = [await _hurried(connection, one) for one in wanted]
    plan = await _submit(connection, [one for one in submissions if one is not None], rules, census or Census())
    given = granted((one.magnet for one in submissions if one is not None), plan.answers)
    return [None if one is None else next(given) for one in submissions]


async def _hurried(connection: Connection, wanted: OfTask) -> Submission | None:
    found = await tasks.of_ids(connection, [wanted.task_id], person_id=wanted.person_id, ended_after=wanted.at)
    row = found.get(wanted.task_id)
    if row is None or row.status is not TaskStatus.PENDING:
        return None
    known = (await names.known_names(connection, [row.hash])).get(row.hash)
    if known is not None and known.verified:
        return None
    return Submission(
        task_id=new_task_id(),
        person_id=wanted.person_id,
        magnet=magnet_of(row),
        priority=Priority.HIGH,
        at=wanted.at,
    )


async def lift_all(connection: Connection, asked: Sequence[Sequence[tuple[int, str]]]) -> Sequence[None]:
    """The writer's work before requests that come in portions: each (person, hash) is asked for, see `notes.lift`.

    A note in which all of them stand is gone through once, and not for each portion.
    """
    await notes.lift(connection, chain.from_iterable(asked))
    return [None] * len(asked)


async def submit_batches(
    connection: Connection, orders: Sequence[BatchOrder], *, rules: Rules, census: Census | None = None
) -> Sequence[Sequence[Answer]]:
    """The writer's work for requests that belong together. An answer for each of them, in order."""
    return [await _submit_batch(connection, one, rules, census or Census()) for one in orders]


async def retry_batches(
    connection: Connection, wanted: Sequence[OfBatch], *, rules: Rules, census: Census | None = None
) -> Sequence[Retried]:
    """Ask again for what failed or timed out in a batch: new tasks in the places of the old."""
    return [await _retry_batch(connection, one, rules, census or Census()) for one in wanted]


async def _submit_batch(connection: Connection, order: BatchOrder, rules: Rules, census: Census) -> Sequence[Answer]:
    plan = await _submit(connection, order.submissions, rules, census)
    active = {task.id for task in plan.added if not task.status.is_final}
    created = {task.id for task in plan.added}
    members: dict[str, BatchTask] = {}
    for place, answer in enumerate(plan.answers):
        if not isinstance(answer, NoRoom):
            member = BatchTask(task_id=answer.task_id, place=place, created=answer.task_id in created)
            members.setdefault(answer.task_id, member)
            if answer.deduplicated and not answer.status.is_final:
                active.add(answer.task_id)
    batch = NewBatch(id=order.batch_id, person_id=order.person_id, total=order.total, active=len(active), at=order.at)
    await batches.insert_all(connection, [(batch, list(members.values()))], tells=rules.tells_batches)
    return plan.answers


async def _retry_batch(connection: Connection, wanted: OfBatch, rules: Rules, census: Census) -> Retried:
    old = await batches.unnamed_of(connection, wanted.batch_id, person_id=wanted.person_id)
    submissions = [
        Submission(
            task_id=new_task_id(),
            person_id=wanted.person_id,
            magnet=magnet_of(row),
            priority=Priority(row.prio),
            at=wanted.at,
        )
        for row in old
    ]
    plan = await _submit(connection, submissions, rules, census)
    made = {task.id for task in plan.added}
    taken = [(row, answer) for row, answer in zip(old, plan.answers, strict=True) if not isinstance(answer, NoRoom)]
    pairs = [(row.id, answer.task_id, answer.task_id in made) for row, answer in taken]
    waiting = sum(answer.status is not TaskStatus.COMPLETED for _, answer in taken)
    await batches.put_in_place(
        connection, wanted.batch_id, pairs, waiting=waiting, at=wanted.at, tells=rules.tells_batches
    )
    asked = tuple(
        (Granted(magnet_of(row), is_new=not answer.deduplicated), Priority(row.prio)) for row, answer in taken
    )
    return Retried(asked=asked, refused=len(old) - len(taken))


def granted(magnets: Iterable[Magnet], answers: Iterable[Answer]) -> Iterator[Granted]:
    """Those of the magnets that were not refused."""
    return (
        Granted(magnet, is_new=not answer.deduplicated)
        for magnet, answer in zip(magnets, answers, strict=True)
        if not isinstance(answer, NoRoom)
    )


def magnet_of(row: TaskRow) -> Magnet:
    """What a task asked for, to be asked for again; never whom others have named for the same hash."""
    return Sources.of_text(row.sources).magnet(row.hash, row.hash_v2)


async def _submit(connection: Connection, submissions: Sequence[Submission], rules: Rules, census: Census) -> Plan:
    if not submissions:
        return Plan()
    ground = await _look_around(connection, submissions)
    ground.queued = await census.of(connection, submissions, rules)
    plan = plan_submissions(ground, submissions, rules)
    ids = await lookups.insert_all(connection, plan.new_lookups)
    await lookups.change_all(connection, list(plan.joined.values()))
    await tasks.insert_all(connection, plan.added, ids)
    census.added(task.person_id for task in plan.added if not task.status.is_final)
    await tasks.place_all(connection, plan.raised.values())
    await lookups.stand(connection, _joined(plan))
    await _make_room(connection, [one for one in plan.joined.values() if one.sources.is_crowded])
    changes = Changes(at=max(submission.at for submission in submissions))
    changes.changed((*plan.added, *plan.raised.values()))
    named = [(task.person_id, task.hash) for task in plan.added if task.name is not None]
    await watches.forget(connection, named)
    asked_by_hand = (one for one in submissions if not one.watched and one.magnet.info_hash in ground.known)
    await notes.lift(connection, ((one.person_id, one.magnet.info_hash) for one in asked_by_hand))
    await changes.rename(connection, named, ground.names)
    await changes.write(connection)
    return plan


def _joined(plan: Plan) -> Iterator[int]:
    """The look-ups that were there, and for which somebody waits who has not before, or has with less haste."""
    for row in (*plan.added, *plan.raised.values()):
        if row.lookup_id is not None and row.lookup_id >= 0:
            yield row.lookup_id


async def _make_room(connection: Connection, crowded: Sequence[ActiveLookup]) -> None:
    """Where many are named, all who ask have turns alike, however often one of them has asked."""
    wanted = await tasks.wanted_by_those_who_wait(connection, [one.id for one in crowded])
    second = {one.id: one.hash_v2 for one in crowded}
    await lookups.ask_anew(connection, {one: replace(wants, hash_v2=second[one]) for one, wants in wanted.items()})


async def _look_around(connection: Connection, submissions: Sequence[Submission]) -> Ground:
    hashes = [submission.magnet.info_hash for submission in submissions]
    active = await lookups.active_of(connection, hashes)
    known = await names.known_names(connection, hashes)
    own = await tasks.active_of(connection, _joiners(submissions, active))
    lanes = ((int(submission.priority), submission.person_id) for submission in submissions)
    last, taken = await tasks.last_ranks(connection, lanes), await lookups.ranks_taken(connection)
    return Ground(
        known=known.keys(),
        names={one: name for one, name in known.items() if name.verified},
        active=active,
        own=own,
        last_rank=last,
        taken_rank=taken,
    )


def _joiners(submissions: Iterable[Submission], active: Container[str]) -> Iterator[tuple[int, str]]:
    """Who may have an active task of the hash already: nobody has one without an active look-up."""
    for one in submissions:
        if one.magnet.info_hash in active:
            yield one.person_id, one.magnet.info_hash
