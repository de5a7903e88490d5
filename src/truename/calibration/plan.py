"""What becomes of each request, decided from a picture of the database. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from truename.calibration.words import Answer, NoRoom, Rules, Submission, Submitted
from truename.magnet import second_hash
from truename.model import LookupStatus, TaskStatus
from truename.store.lookups import ActiveLookup, NewLookup
from truename.store.names import KnownName
from truename.store.sources import Sources
from truename.store.tasks import TaskRow


@dataclass(slots=True)
class Ground:
    """What the database says about the hashes of a group of submissions. The plan keeps it up to date as it goes.

    `known` have a name, be it only claimed; `names` has those that are proven.
    """

    known: Collection[str] = ()
    names: dict[str, KnownName] = field(default_factory=dict)
    active: dict[str, ActiveLookup] = field(default_factory=dict)
    own: dict[tuple[int, str], TaskRow] = field(default_factory=dict)
    last_rank: dict[tuple[int, int], int] = field(default_factory=dict)
    taken_rank: dict[int, int] = field(default_factory=dict)
    queued: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Plan:
    """What is to be written. A task in `added` whose look-up is new has -1 minus its index in `new_lookups`."""

    answers: list[Answer] = field(default_factory=list)
    new_lookups: list[NewLookup] = field(default_factory=list)
    joined: dict[int, ActiveLookup] = field(default_factory=dict)
    added: list[TaskRow] = field(default_factory=list)
    raised: dict[str, TaskRow] = field(default_factory=dict)


def plan_submissions(ground: Ground, submissions: Iterable[Submission], rules: Rules) -> Plan:
    """Decide, one after the other, what becomes of each request. Changes `ground` as the database will have changed."""
    plan = Plan()
    for asked in submissions:
        known = ground.names.get(asked.magnet.info_hash)
        if known is not None:
            plan.added.append(_completed(asked, known))
            plan.answers.append(Submitted(task_id=asked.task_id, status=TaskStatus.COMPLETED))
            continue
        if (asked.person_id, asked.magnet.info_hash) not in ground.own and not _room(ground, asked.person_id, rules):
            plan.answers.append(NoRoom())
            continue
        rank, sources = _rank_of(ground, asked), _sources(asked)
        lookup_id = _ask(ground, plan, asked, sources)
        mine = ground.own.get((asked.person_id, asked.magnet.info_hash))
        if mine is not None:
            hurried = _hurried(mine, asked, rank, sources)
            if hurried.prio != mine.prio:
                _advance(ground, asked, rank)
            if hurried != mine:
                ground.own[asked.person_id, asked.magnet.info_hash] = plan.raised[mine.id] = hurried
            plan.answers.append(Submitted(task_id=mine.id, status=hurried.status, deduplicated=True))
            continue
        task = _pending(asked, sources, lookup_id, rank)
        _advance(ground, asked, rank)
        plan.added.append(task)
        ground.queued[asked.person_id] += 1
        ground.own[asked.person_id, asked.magnet.info_hash] = task
        plan.answers.append(Submitted(task_id=task.id, status=task.status))
    _stand(plan)
    return plan


def _stand(plan: Plan) -> None:
    """Where the look-ups that begin stand: in each priority, where the first of their tasks does."""
    for row in ({task.id: task for task in plan.added} | plan.raised).values():
        if row.lookup_id is not None and row.lookup_id < 0:
            begun = plan.new_lookups[-1 - row.lookup_id]
            ranks = list(begun.ranks)
            ranks[row.prio] = min(row.rank, ranks[row.prio] or row.rank)
            plan.new_lookups[-1 - row.lookup_id] = replace(begun, ranks=tuple(ranks))


def _room(ground: Ground, person_id: int, rules: Rules) -> bool:
    return ground.queued[person_id] < rules.max_queued_per_user and ground.queued.total() < rules.max_queued


def _ask(ground: Ground, plan: Plan, asked: Submission, sources: Sources) -> int:
    """Join the look-up of the hash, or begin one; its id, which for one that begins counts down from -1."""
    info_hash = asked.magnet.info_hash
    active = ground.active.get(info_hash)
    if active is None:
        active = ActiveLookup(
            id=-1 - len(plan.new_lookups),
            hash=info_hash,
            hash_v2=asked.magnet.info_hash_v2,
            status=LookupStatus.PENDING,
            sources=sources,
        )
        plan.new_lookups.append(
            NewLookup(
                hash=info_hash,
                hash_v2=asked.magnet.info_hash_v2,
                sources=sources,
                created_at=asked.at,
            )
        )
    else:
        is_asked = active.status is LookupStatus.RUNNING
        second = second_hash(active.hash_v2, asked.magnet.info_hash_v2, is_asked=is_asked)
        active = _joined(ground, plan, replace(active, hash_v2=second, sources=active.sources.joined(sources)))
    ground.active[info_hash] = active
    return active.id


def _joined(ground: Ground, plan: Plan, active: ActiveLookup) -> ActiveLookup:
    if active.status is LookupStatus.WAITING:  # for another try; who asks now does not want to wait for that
        active = replace(active, status=LookupStatus.PENDING)
    if active.id < 0:
        begun = plan.new_lookups[-1 - active.id]
        plan.new_lookups[-1 - active.id] = replace(begun, hash_v2=active.hash_v2, sources=active.sources)
    elif active != ground.active[active.hash]:
        plan.joined[active.id] = active
    return active


def _hurried(mine: TaskRow, asked: Submission, rank: int, named: Sources) -> TaskRow:
    """A task that its owner asks for again: it waits for no later try, perhaps in a faster lane, and knows more.

    One that runs goes on in the time it has, whatever else it is told to ask. What the watch had asked for is the
    owner's own from then on, and begins a watch that was stopped.
    """
    sources = Sources.of_text(mine.sources).joined(named)
    mine = replace(mine, next_attempt_at=None, sources=sources.as_text())
    second = mine.hash_v2 or asked.magnet.info_hash_v2
    mine = replace(mine, watched=mine.watched and asked.watched, hash_v2=second)
    return replace(mine, prio=asked.priority, rank=rank) if asked.priority < mine.prio else mine


def _rank_of(ground: Ground, asked: Submission) -> int:
    """Behind the person's own last one in that priority, and not before what has been taken already."""
    lane = (int(asked.priority), asked.person_id)
    return max(ground.taken_rank.get(asked.priority, 0), ground.last_rank.get(lane, 0)) + 1


def _advance(ground: Ground, asked: Submission, rank: int) -> None:
    """The rank is used up, by who joins as well: else their next place would tell that somebody else has asked."""
    ground.last_rank[int(asked.priority), asked.person_id] = rank


def _pending(asked: Submission, sources: Sources, lookup_id: int | None, rank: int = 0) -> TaskRow:
    return TaskRow(
        id=asked.task_id,
        person_id=asked.person_id,
        hash=asked.magnet.info_hash,
        hash_v2=asked.magnet.info_hash_v2,
        status=TaskStatus.PENDING,
        prio=asked.priority,
        rank=rank,
        lookup_id=lookup_id,
        watched=asked.watched,
        created_at=asked.at,
        sources=sources.as_text(),
    )


def _sources(asked: Submission) -> Sources:
    return Sources.of(asked.magnet.trackers, asked.magnet.peers)


def _completed(asked: Submission, known: KnownName) -> TaskRow:
    """What the magnet says of its second hash nobody has looked at; what stands beside the name is proven."""
    return replace(
        _pending(asked, _sources(asked), None),
        hash_v2=known.beside(asked.magnet.info_hash),
        status=TaskStatus.COMPLETED,
        name=known.name,
        source=known.source,
        verified=known.verified,
        completed_at=asked.at,
    )
