"""Reports come back: look-ups have begun, or have an outcome.

Invariant: a name whose digest is right is taken from any delivery, even a late one; a claim and a failure only from the
current.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from truename.calibration.changes import Changes
from truename.calibration.words import Heard, Rules
from truename.codes import WATCHED, Code
from truename.model import Outcome, TaskStatus
from truename.queue.base import Report
from truename.store import lookups, names, notes, progress, tasks, watches
from truename.store.database import Connection
from truename.store.names import Finding
from truename.store.progress import Touched
from truename.store.sources import Sources
from truename.store.watches import Failure
from truename.timeline import own, pack

_Cause = tuple[TaskStatus, str, str, int]


async def apply_all(connection: Connection, told: Sequence[Heard], *, rules: Rules) -> Sequence[bool]:
    """The writer's work for reports.

    Output: whether each report counted; applying one twice is applying it once.
    """
    changes = Changes(at=max(one.at for one in told), tells_batches=rules.tells_batches)
    # Whose name has come has begun as well. The name of another torrent than was asked for is a failure.
    named = {one.report.lookup.delivery for one in told if _name(one) and not _is_failure(one.report)}
    beginnings = [one for one in told if one.report.outcome is None and one.report.lookup.delivery not in named]
    begun = await _begin(connection, beginnings, rules, changes)
    names_told = await _that_count(connection, [one for one in told if _name(one)])
    completed = await _name_all(connection, [one.report for one in names_told], changes)
    failed = await _fail_all(connection, [one for one in told if _is_failure(one.report)], rules, changes)
    await changes.write(connection)
    return [
        _id(one) in completed or _is_of(one, failed) if _is_over(one, named) else _is_of(one, begun) for one in told
    ]


async def learn_all(connection: Connection, found: Sequence[Outcome], *, at: float, tells_batches: bool) -> None:
    """Names that a command has found beside the server: whoever waits for one has it, and whoever watches for it."""
    changes = Changes(at=at, tells_batches=tells_batches)
    findings = [Finding.of(one) for one in found]
    await _name_torrents(connection, [one for one in findings if one.known.verified], changes)
    over = await names.learn(connection, [one for one in findings if not one.known.verified], at=at)
    now = await names.known_names(connection, over)
    await changes.correct(connection, {one: (old, now[one].name) for one, old in over.items() if one in now})
    await changes.write(connection)


async def _begin(connection: Connection, told: Sequence[Heard], rules: Rules, changes: Changes) -> dict[int, str]:
    current = await lookups.current_of(connection, _deliveries(told))
    in_strands: dict[int, list[int]] = {}
    for one in told:
        if _is_of(one, current):
            in_strands.setdefault(one.report.lookup.strand, []).append(_id(one))
    for strand, ids in sorted(in_strands.items()):
        changes.changed(
            await progress.start(connection, ids, strand=strand, at=changes.at, longest_delay_s=rules.longest_delay_s)
        )
    return current


async def _that_count(connection: Connection, told: Sequence[Heard]) -> list[Heard]:
    """Of reports with a name those that are proven, or of a delivery that counts."""
    claims = [one for one in told if not _is_proven(one)]
    current = await lookups.current_of(connection, _deliveries(claims)) if claims else {}
    return [one for one in told if _is_proven(one) or _is_of(one, current)]


async def _name_all(connection: Connection, reports: Sequence[Report], changes: Changes) -> set[int]:
    """Learn the names, and complete every task that waits for one, whoever's delivery it was."""
    findings = [Finding.of(report.outcome) for report in reports if report.outcome is not None]
    details = _Details(reports, at=changes.at)
    return {task.lookup_id for task in await _name_torrents(connection, findings, changes, detail=details.of)}


async def _name_torrents(
    connection: Connection,
    findings: list[Finding],
    changes: Changes,
    *,
    detail: Callable[[Touched], str | None] = lambda _: None,
) -> Sequence[Touched]:
    """The same for what was found; the tasks that are completed."""
    if not findings:
        return ()
    findings.sort(key=lambda finding: not finding.known.verified)  # the first one of a hash is the one that is learnt
    answered = {one: finding.known for finding in reversed(findings) for one in finding.hashes}
    active = await lookups.ids_of_active(connection, answered)
    over = await names.learn(connection, findings, at=changes.at)
    # What is claimed counts as far as nothing is proven: a command beside the server may have found the name.
    answered |= await names.known_names(connection, (one for one, known in answered.items() if not known.verified))
    by_lookup = {lookup_id: answered[info_hash] for info_hash, lookup_id in active.items()}
    completed = await progress.complete(connection, by_lookup, at=changes.at, detail=detail)
    await lookups.end_all(connection, by_lookup)
    await watches.answered(connection, (one for one, known in answered.items() if known.verified), at=changes.at)
    await watches.forget(connection, ((task.person_id, task.hash) for task in completed))
    changes.ended(completed)
    await changes.rename(connection, ((task.person_id, task.hash) for task in completed), answered)
    await changes.correct(connection, {one: (old, answered[one].name) for one, old in over.items()})
    return completed


async def _fail_all(connection: Connection, told: Sequence[Heard], rules: Rules, changes: Changes) -> dict[int, str]:
    """End what failed in its current delivery, or put it off when the trouble may pass.

    A task that joined while the delivery was under way has its own full time: in a strand that goes on, or when its
    look-up takes another turn.
    """
    if not told:
        return {}
    current = await lookups.current_of(connection, _deliveries(told))
    counting: dict[tuple[int, int], Heard] = {}
    for one in told:
        if _is_of(one, current):  # a strand that ran twice ends as it was first told
            counting.setdefault((_id(one), one.report.lookup.strand), one)
    by_cause: dict[_Cause, list[Heard]] = {}
    for one in counting.values():
        by_cause.setdefault(_cause(one.report), []).append(one)
    left: set[int] = set()
    for cause, failed in by_cause.items():
        ended = await _fail(connection, cause, failed, rules, changes)
        left |= {task.lookup_id for task in ended}
    over = {_id(one) for one in counting.values() if not one.report.goes_on}
    changes.changed(await _wait_again(connection, current, left, go_on=current.keys() - over))
    codes: dict[str, str] = {
        one.report.lookup.magnet.info_hash: cause[1] for cause, failed in by_cause.items() for one in failed
    }
    await names.note_failures(connection, codes, at=changes.at)
    return current


async def _fail(
    connection: Connection, cause: _Cause, failed: Sequence[Heard], rules: Rules, changes: Changes
) -> Sequence[Touched]:
    status, code, reason, strand = cause
    ids = [_id(one) for one in failed]
    tries = rules.max_attempts if code == Code.RESOLVER_UNAVAILABLE else 0
    ended = await progress.end(
        connection, ids, status=status, code=code, reason=reason, strand=strand, tries=tries, at=changes.at
    )
    changes.ended(ended)
    details = _Details([one.report for one in failed], at=changes.at)
    await progress.tell(connection, {task.id: detail for task in ended if (detail := details.of(task))})
    if code == Code.BAD_NAME:
        await watches.forget_hashes(connection, (one.report.lookup.magnet.info_hash for one in failed))
    else:
        await _watch(connection, ended, code, rules, changes.at)
    for attempt in range(1, tries):
        due = {_id(one): changes.at + rules.retry_delay_s(attempt, one.chance) for one in failed}
        changes.changed(await progress.put_off(connection, due, strand=strand, attempt=attempt))
    return ended


async def _wait_again(
    connection: Connection, current: Iterable[int], left: AbstractSet[int], *, go_on: AbstractSet[int]
) -> Sequence[Touched]:
    """Look-ups for which somebody still waits take their turn again, at once or when the first task is due.

    Input:  `left`: those that somebody else has left, whose sources and haste count no more; `go_on`: those of which
            another strand runs, which end only when nobody waits any more.
    Output: the tasks that were running in a strand of which no end was told, and wait now.
    """
    due = await progress.due_of(connection, current)
    await lookups.ask_anew(connection, await tasks.wanted_by_those_who_wait(connection, left & due.keys()))
    await lookups.stand(connection, left & due.keys())
    await lookups.end_all(connection, [one for one in current if one not in due])
    over = {one: at for one, at in due.items() if one not in go_on}
    await lookups.give_back(connection, [one for one, at in over.items() if at is None])
    await lookups.put_off(connection, {one: at for one, at in over.items() if at is not None})
    return await progress.give_back(connection, over)


async def _watch(connection: Connection, ended: Sequence[Touched], code: str, rules: Rules, at: float) -> None:
    """Hashes in the person's notes are asked for again, more and more rarely, while that can help."""
    standing = await notes.standing(connection, {(task.person_id, task.hash) for task in ended})
    failures = {
        (task.person_id, task.hash): Failure(code=code, at=at, by_watch=task.watched, begins=code in WATCHED)
        for task in ended
        if (task.person_id, task.hash) in standing
    }
    await watches.failed(connection, failures, next_ask=rules.next_ask)


class _Details:
    """What each task is told of what was done for it, out of reports that came at the same time.

    What came of trackers that others have named, too, is not its business.
    """

    def __init__(self, reports: Iterable[Report], *, at: float) -> None:
        self._at = at
        self._outcomes: dict[str, Outcome] = {}
        self._asked: dict[str, str] = {}
        for report in reports:
            if report.outcome is not None:
                magnet = report.lookup.magnet
                self._asked.setdefault(
                    magnet.info_hash, Sources(trackers=magnet.trackers, peers=magnet.peers).as_text()
                )
                for info_hash in report.outcome.hashes:
                    self._outcomes.setdefault(info_hash, report.outcome)

    def of(self, task: Touched) -> str | None:
        """The packed text, or None when nothing is known."""
        outcome = self._outcomes.get(task.hash)
        if outcome is None or not outcome.accounts:
            return None
        came_later = task.created_at > self._at - outcome.elapsed_s
        is_alone = task.sources == self._asked.get(task.hash, task.sources)
        return pack(own(outcome.accounts, joined=came_later or not is_alone))


def _id(told: Heard) -> int:
    return told.report.lookup.lookup_id


def _deliveries(told: Iterable[Heard]) -> set[tuple[int, str]]:
    return {(_id(one), one.report.lookup.delivery) for one in told}


def _is_of(told: Heard, deliveries: Mapping[int, str]) -> bool:
    return deliveries.get(_id(told)) == told.report.lookup.delivery


def _name(told: Heard) -> str | None:
    return told.report.outcome.name if told.report.outcome is not None else None


def _is_proven(told: Heard) -> bool:
    return told.report.outcome is not None and told.report.outcome.verified


def _is_over(told: Heard, named: set[str]) -> bool:
    return told.report.outcome is not None or told.report.lookup.delivery in named


def _is_failure(report: Report) -> bool:
    return report.outcome is not None and not report.is_answer


def _cause(report: Report) -> _Cause:
    outcome, strand = report.outcome, report.lookup.strand
    if outcome is None or outcome.name is not None:
        return TaskStatus.TIMEOUT, Code.NO_METADATA, Code.NO_METADATA, strand
    return outcome.status, outcome.code or "", outcome.reason, strand
