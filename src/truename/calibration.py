"""The heart: submit, start, apply. What is decided here is decided from a picture of the database, in pure functions.

Each public coroutine that ends in `_all` is work for the writer (`store/writer.py`): a list in, a list out, one
transaction for everything that waits. Lock order everywhere: look-ups (by id), tasks, notes, events.
Invariant: a name whose digest is right is taken from any delivery, even a late one; a failure only from the current.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from truename.magnet import Magnet
from truename.model import Lookup, Outcome, TaskStatus
from truename.queue.base import Report
from truename.store import events, lookups, names, notes, tasks
from truename.store.database import Connection
from truename.store.lookups import ActiveLookup, NewLookup, Sources
from truename.store.names import Finding, KnownName
from truename.store.tasks import TaskRow, Touched


class Priority(IntEnum):
    """In which lane a request waits. The smaller number is taken first, each by its share."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


SHARES = {Priority.HIGH: 80, Priority.NORMAL: 15, Priority.LOW: 5}
"""Of a hundred look-ups taken, while all priorities have some waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One request. The caller makes `task_id`, so that it knows the task whatever happens to the answer."""

    task_id: str
    person_id: int
    magnet: Magnet
    priority: Priority = Priority.NORMAL
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The task that answers a request: a new one or, `deduplicated`, the one the person had active already."""

    task_id: str
    status: TaskStatus
    deduplicated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A worker's report, and when it came."""

    report: Report
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Look-ups to be taken: how many in all, and a fresh text that makes their deliveries."""

    count: int
    delivery: str
    only_high: bool = False


@dataclass(slots=True)
class Ground:
    """What the database says about the hashes of a group of submissions. The plan keeps it up to date as it goes."""

    names: dict[str, KnownName] = field(default_factory=dict)
    active: dict[str, ActiveLookup] = field(default_factory=dict)
    own: dict[tuple[int, str], TaskRow] = field(default_factory=dict)
    last_rank: dict[tuple[int, int], int] = field(default_factory=dict)
    taken_rank: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What is to be written. A task in `added` whose look-up is still to be begun has -1 minus its index in `begun`."""

    answers: list[Submitted] = field(default_factory=list)
    begun: list[NewLookup] = field(default_factory=list)
    joined: dict[int, ActiveLookup] = field(default_factory=dict)
    ranks: dict[tuple[int, int], int] = field(default_factory=dict)
    added: list[TaskRow] = field(default_factory=list)


async def submit_all(connection: Connection, submissions: Sequence[Submission]) -> Sequence[Submitted]:
    """Take requests in: a known name answers at once, a hash that is being asked for is joined, else it is asked."""
    ground = await _look_around(connection, submissions)
    plan = plan_submissions(ground, submissions)
    at = max(submission.at for submission in submissions)
    ids = await lookups.insert_all(connection, plan.begun)
    await lookups.change_all(connection, list(plan.joined.values()))
    await lookups.write_ranks(connection, plan.ranks)
    added = [_with_id(task, ids) for task in plan.added]
    await tasks.insert_all(connection, added)
    theirs = _by_person((task.person_id, task.hash, task.name) for task in added if task.name is not None)
    changed = await notes.write_names(connection, theirs, at=at)
    await events.append(connection, at=at, tasks=_of_tasks(added), notes=_of_notes(changed))
    return plan.answers


async def apply_all(connection: Connection, told: Sequence[Told]) -> Sequence[bool]:
    """Reports have come: look-ups have begun, or have an outcome.

    Output: whether each report counted; applying one twice is applying it once.
    """
    at = max(one.at for one in told)
    reports = [one.report for one in told]
    named = {one.lookup.delivery for one in reports if _name(one)}  # these have begun as well
    beginnings = [one for one in reports if one.outcome is None and one.lookup.delivery not in named]
    begun, started = await _apply_beginnings(connection, beginnings, at=at)
    completed, renamed = await _apply_names(connection, [one for one in reports if _name(one)], at=at)
    failed, ended = await _apply_failures(connection, [one for one in reports if _is_failure(one)], at=at)
    await events.append(connection, at=at, tasks=_of_tasks(started + completed + failed), notes=_of_notes(renamed))
    ended |= {task.lookup_id for task in completed}
    return [
        one.lookup.lookup_id in (ended if one.outcome or one.lookup.delivery in named else begun) for one in reports
    ]


async def take_all(connection: Connection, wanted: Sequence[Wanted]) -> Sequence[Sequence[Lookup]]:
    """Take what is next. Each priority has its share; what one does not use is given to the others, highest first."""
    return [await _take(connection, one) for one in wanted]


async def give_back_all(connection: Connection, given: Sequence[tuple[Lookup, float]]) -> Sequence[bool]:
    """Workers stopped before the end: these look-ups wait again, and the try does not count."""
    at = max(when for _, when in given)
    current = await lookups.current_of(connection, {one.lookup_id: one.delivery for one, _ in given})
    await lookups.give_back(connection, current)
    waiting = await tasks.give_back(connection, current)
    await events.append(connection, at=at, tasks=_of_tasks(waiting))
    return [one.lookup_id in current for one, _ in given]


async def recover(connection: Connection, at: Sequence[float]) -> Sequence[int]:
    """At the start of the only server: whatever was running waits again. Output: how many look-ups those were."""
    count = await lookups.give_back(connection)
    waiting = await tasks.give_back(connection)
    await events.append(connection, at=at[0], tasks=_of_tasks(waiting))
    return [count] * len(at)


def plan_submissions(ground: Ground, submissions: Iterable[Submission]) -> Plan:
    """Decide, one after the other, what becomes of each request. Changes `ground` as the database will have changed."""
    plan = Plan()
    for asked in submissions:
        known = ground.names.get(asked.magnet.info_hash)
        if known is not None:
            plan.added.append(_completed(asked, known))
            plan.answers.append(Submitted(task_id=asked.task_id, status=TaskStatus.COMPLETED))
            continue
        rank = _rank_of(ground, asked)
        lookup_id = _ask(ground, plan, asked, rank)
        mine = ground.own.get((asked.person_id, asked.magnet.info_hash))
        if mine is not None:
            plan.answers.append(Submitted(task_id=mine.id, status=mine.status, deduplicated=True))
            continue
        task = _pending(asked, lookup_id, rank)
        plan.added.append(task)
        ground.own[asked.person_id, asked.magnet.info_hash] = task
        plan.answers.append(Submitted(task_id=task.id, status=task.status))
    return plan


def _ask(ground: Ground, plan: Plan, asked: Submission, rank: int) -> int:
    """Join the look-up of the hash, or begin one; its id, which for one that begins counts down from -1."""
    info_hash = asked.magnet.info_hash
    sources = Sources(trackers=asked.magnet.trackers, peers=asked.magnet.peers)
    active = ground.active.get(info_hash)
    if active is None:
        _advance(ground, plan, asked, rank)
        active = ActiveLookup(
            id=-1 - len(plan.begun), hash=info_hash, prio=asked.priority, rank=rank, status="pending", sources=sources
        )
        plan.begun.append(
            NewLookup(
                hash=info_hash,
                hash_v2=asked.magnet.info_hash_v2,
                prio=asked.priority,
                person_id=asked.person_id,
                rank=rank,
                sources=sources,
                created_at=asked.at,
            )
        )
    else:
        active = _joined(ground, plan, asked, rank, replace(active, sources=active.sources.joined(sources)))
    ground.active[info_hash] = active
    return active.id


def _joined(ground: Ground, plan: Plan, asked: Submission, rank: int, active: ActiveLookup) -> ActiveLookup:
    """A look-up that somebody joins waits in their lane if that is the faster one."""
    if asked.priority < active.prio and active.status == "pending":
        _advance(ground, plan, asked, rank)
        active = replace(active, prio=asked.priority, rank=rank)
    if active.id < 0:
        begun = plan.begun[-1 - active.id]
        plan.begun[-1 - active.id] = replace(begun, prio=active.prio, rank=active.rank, sources=active.sources)
    elif active != ground.active[active.hash]:
        plan.joined[active.id] = active
    return active


def _rank_of(ground: Ground, asked: Submission) -> int:
    """Behind the person's own last one in that priority, and not before what has been taken already."""
    lane = (int(asked.priority), asked.person_id)
    return max(ground.taken_rank.get(asked.priority, 0), ground.last_rank.get(lane, 0)) + 1


def _advance(ground: Ground, plan: Plan, asked: Submission, rank: int) -> None:
    """The rank is used up. Who only joins uses none, and so does not stand behind ghosts the next time."""
    lane = (int(asked.priority), asked.person_id)
    ground.last_rank[lane] = plan.ranks[lane] = rank


def _pending(asked: Submission, lookup_id: int | None, rank: int = 0) -> TaskRow:
    return TaskRow(
        id=asked.task_id,
        person_id=asked.person_id,
        hash=asked.magnet.info_hash,
        hash_v2=asked.magnet.info_hash_v2,
        status=TaskStatus.PENDING,
        prio=asked.priority,
        rank=rank,
        lookup_id=lookup_id,
        created_at=asked.at,
    )


def _with_id(task: TaskRow, ids: Sequence[int]) -> TaskRow:
    begun = task.lookup_id is not None and task.lookup_id < 0
    return replace(task, lookup_id=ids[-1 - (task.lookup_id or 0)]) if begun else task


def _completed(asked: Submission, known: KnownName) -> TaskRow:
    return replace(
        _pending(asked, None),
        status=TaskStatus.COMPLETED,
        name=known.name,
        source=known.source,
        verified=known.verified,
        completed_at=asked.at,
    )


async def _look_around(connection: Connection, submissions: Sequence[Submission]) -> Ground:
    hashes = [submission.magnet.info_hash for submission in submissions]
    active = await lookups.active_of(connection, hashes)
    known = await names.known_names(connection, hashes)
    own = await tasks.active_of(connection, _joiners(submissions, active))
    lanes = ((int(submission.priority), submission.person_id) for submission in submissions)
    last, taken = await lookups.last_ranks(connection, lanes)
    return Ground(
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


async def _take(connection: Connection, wanted: Wanted) -> Sequence[Lookup]:
    if wanted.only_high:
        return await lookups.take(connection, {Priority.HIGH: wanted.count}, wanted.delivery)
    shares = shares_of(wanted.count)
    taken = list(await lookups.take(connection, shares, wanted.delivery))
    counts = Counter(lookup.prio for lookup in taken)
    for priority, share in shares.items():
        if counts[priority] == share:  # otherwise it has none left
            missing = wanted.count - len(taken)
            taken += await lookups.take(connection, {priority: missing}, wanted.delivery)
    return taken


def shares_of(count: int) -> dict[int, int]:
    """How many of `count` places each priority has; none is ever without one."""
    return {priority: max(1, count * percent // 100) for priority, percent in SHARES.items()} if count > 0 else {}


async def _apply_beginnings(
    connection: Connection, reports: Sequence[Report], *, at: float
) -> tuple[set[int], list[Touched]]:
    current = await lookups.current_of(connection, _deliveries(reports))
    return current, await tasks.start(connection, current, at=at)


async def _apply_names(
    connection: Connection, reports: Sequence[Report], *, at: float
) -> tuple[list[Touched], Sequence[notes.NoteRow]]:
    if not reports:
        return [], []
    findings = [_finding(report.outcome) for report in reports if report.outcome is not None]
    answered = {one: finding.known for finding in findings for one in finding.hashes}
    active = await lookups.active_of(connection, answered)
    await names.learn(connection, findings, at=at)
    by_lookup = {one.id: answered[info_hash] for info_hash, one in active.items()}
    completed = await tasks.complete(connection, by_lookup, at=at)
    await lookups.end_all(connection, by_lookup)
    theirs = _by_person((task.person_id, task.hash, by_lookup[task.lookup_id].name) for task in completed)
    changed = await notes.write_names(connection, theirs, at=at)
    return completed, changed


async def _apply_failures(
    connection: Connection, reports: Sequence[Report], *, at: float
) -> tuple[list[Touched], set[int]]:
    """End what failed in its current delivery: the tasks that ended, and the look-ups it was about.

    A task that joined while the delivery was under way has its own full time: its look-up waits for another turn.
    """
    current = await lookups.current_of(connection, _deliveries(reports))
    causes = {one.lookup.lookup_id: _cause(one) for one in reports if one.lookup.lookup_id in current}
    ended: list[Touched] = []
    for status, code, reason in dict.fromkeys(causes.values()):
        ids = [lookup_id for lookup_id, cause in causes.items() if cause == (status, code, reason)]
        ended += await tasks.end(connection, ids, status=status, code=code, reason=reason, at=at)
    still_wanted = await tasks.lookups_with_active(connection, current)
    await lookups.give_back(connection, still_wanted)
    await lookups.end_all(connection, current - still_wanted)
    codes: dict[str, str] = {
        one.lookup.magnet.info_hash: causes[one.lookup.lookup_id][1]
        for one in reports
        if one.lookup.lookup_id in causes
    }
    await names.note_failures(connection, codes, at=at)
    return ended, current


def _deliveries(reports: Iterable[Report]) -> dict[int, str]:
    return {report.lookup.lookup_id: report.lookup.delivery for report in reports}


def _name(report: Report) -> str | None:
    return report.outcome.name if report.outcome is not None else None


def _is_failure(report: Report) -> bool:
    """Whether the hash that was asked for has no name now. The torrent of a magnet's second hash is another matter."""
    if report.outcome is None:
        return False
    return report.outcome.name is None or report.lookup.magnet.info_hash not in report.outcome.hashes


def _cause(report: Report) -> tuple[TaskStatus, str, str]:
    outcome = report.outcome
    if outcome is None or outcome.name is not None:
        return TaskStatus.TIMEOUT, "no_metadata", "no_metadata"
    return outcome.status, outcome.code or "", outcome.reason


def _finding(outcome: Outcome) -> Finding:
    known = KnownName(name=outcome.name or "", source=outcome.source or "", verified=outcome.verified)
    return Finding(hashes=outcome.hashes, known=known)


def _by_person(named: Iterable[tuple[int, str, str]]) -> dict[int, dict[str, str]]:
    """For each person the names, by hash, of what they asked for."""
    theirs: dict[int, dict[str, str]] = {}
    for person_id, info_hash, name in named:
        theirs.setdefault(person_id, {})[info_hash] = name
    return theirs


def _of_tasks(rows: Iterable[TaskRow | Touched]) -> list[tuple[int, str]]:
    return [(row.person_id, row.id) for row in rows]


def _of_notes(rows: Iterable[notes.NoteRow]) -> list[tuple[int, int]]:
    return [(row.person_id, row.id) for row in rows]
