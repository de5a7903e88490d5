"""What becomes of requests, decided without a database: known, joined, begun, refused, raised."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.calibration import Ground, NoRoom, Plan, Priority, Rules, Submission, Submitted, plan_submissions
from truename.magnet import MAX_SOURCE_BYTES, InfoHash, Magnet
from truename.model import LookupStatus, TaskStatus
from truename.store.lookups import ActiveLookup
from truename.store.names import KnownName
from truename.store.sources import MAX_SOURCES, Sources
from truename.store.tasks import TaskRow

HIGH, NORMAL, LOW = Priority
ALICE, BOB, CAROL = 1, 2, 3
HASHES = [InfoHash(f"{number:040x}") for number in range(1, 50)]
PENDING, RUNNING, COMPLETED = TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.COMPLETED


def ask(number: int, task_id: str, who: int = ALICE, priority: Priority = NORMAL, **fields: Any) -> Submission:
    magnet = Magnet(info_hash=HASHES[number], **fields)
    return Submission(task_id=task_id, person_id=who, magnet=magnet, priority=priority, at=5.0)


def plan(ground: Ground, *asked: Submission, **rules: Any) -> Plan:
    return plan_submissions(ground, asked, Rules(**rules))


def standing(number: int, *, status: LookupStatus = LookupStatus.PENDING) -> ActiveLookup:
    """A look-up that the database has already."""
    return ActiveLookup(id=100 + number, hash=HASHES[number], hash_v2=None, status=status, sources=Sources())


def own(number: int, task_id: str, *, status: TaskStatus = PENDING, prio: int = NORMAL) -> TaskRow:
    """A task that the database has already."""
    return TaskRow(
        id=task_id,
        person_id=ALICE,
        hash=HASHES[number],
        hash_v2=None,
        status=status,
        prio=prio,
        lookup_id=100 + number,
        created_at=1.0,
    )


def test_a_new_hash_begins_a_look_up_behind_the_persons_last_one() -> None:
    done = plan(Ground(last_rank={(NORMAL, ALICE): 4}, taken_rank={NORMAL: 2}), ask(0, "a"), ask(1, "b"))
    assert done.answers == [Submitted(task_id="a", status=PENDING), Submitted(task_id="b", status=PENDING)]
    assert [(one.hash, one.ranks) for one in done.new_lookups] == [
        (HASHES[0], (None, 5, None)),
        (HASHES[1], (None, 6, None)),
    ]
    assert [(one.lookup_id, one.rank) for one in done.added] == [(-1, 5), (-2, 6)]
    assert (done.joined, done.raised) == ({}, {})


def test_nobody_is_ranked_before_what_has_been_taken() -> None:
    done = plan(Ground(last_rank={(NORMAL, ALICE): 4}, taken_rank={NORMAL: 90, HIGH: 5}), ask(0, "a"))
    assert done.new_lookups[0].ranks == (None, 91, None)


def test_each_person_and_priority_has_ranks_of_its_own() -> None:
    asked = [ask(0, "a"), ask(1, "b", BOB), ask(2, "c", priority=HIGH), ask(3, "d"), ask(4, "e", BOB)]
    assert [one.rank for one in plan(Ground(), *asked).added] == [1, 1, 1, 2, 2]


def test_a_known_name_completes_at_once_and_counts_against_no_limit() -> None:
    known = KnownName(name="Known.mkv", source="swarm", verified=True)
    ground = Ground(names={HASHES[0]: known}, queued=Counter({ALICE: 1}))
    done = plan(ground, ask(0, "a"), ask(1, "b"), max_queued_per_user=1, max_queued=1)
    assert done.answers == [Submitted(task_id="a", status=COMPLETED), NoRoom()]
    (task,) = done.added
    assert (task.name, task.source, task.verified, task.completed_at) == ("Known.mkv", "swarm", True, 5.0)
    assert (task.lookup_id, task.attempt) == (None, 0)
    assert done.new_lookups == []


def test_a_known_name_answers_each_time_anew() -> None:
    known = KnownName(name="Known.mkv", source="swarm", verified=True)
    done = plan(Ground(names={HASHES[0]: known}), ask(0, "a"), ask(0, "b"))
    assert [one.task_id for one in done.answers if isinstance(one, Submitted)] == ["a", "b"]


@pytest.mark.parametrize("status", [PENDING, RUNNING])
def test_the_same_person_gets_the_same_task_also_when_nothing_more_may_wait(status: TaskStatus) -> None:
    ground = Ground(
        active={HASHES[0]: standing(0)},
        own={(ALICE, HASHES[0]): own(0, "old", status=status)},
        queued=Counter({ALICE: 1}),
    )
    done = plan(ground, ask(0, "a"), max_queued=1, max_queued_per_user=1)
    assert done.answers == [Submitted(task_id="old", status=status, deduplicated=True)]
    assert done.added == []


@pytest.mark.parametrize("by_watch", [True, False])
def test_a_task_of_the_watch_is_its_owners_own_once_the_owner_asks(*, by_watch: bool) -> None:
    watched = replace(own(0, "old", prio=LOW), watched=True)
    ground = Ground(active={HASHES[0]: standing(0)}, own={(ALICE, HASHES[0]): watched})
    done = plan(ground, replace(ask(0, "a", priority=LOW), watched=by_watch))
    assert done.answers == [Submitted(task_id="old", status=PENDING, deduplicated=True)]
    assert list(done.raised) == ([] if by_watch else ["old"])
    assert ground.own[ALICE, HASHES[0]].watched is by_watch


def test_inside_one_group_the_second_request_for_a_hash_gets_the_first_ones_task() -> None:
    done = plan(Ground(), ask(0, "a"), ask(0, "b"), ask(0, "c", BOB))
    assert done.answers == [
        Submitted(task_id="a", status=PENDING),
        Submitted(task_id="a", status=PENDING, deduplicated=True),
        Submitted(task_id="c", status=PENDING),
    ]
    assert len(done.new_lookups) == 1
    assert [one.lookup_id for one in done.added] == [-1, -1]


def test_limits_hold_inside_a_group_for_one_and_for_all() -> None:
    asked = [ask(number, f"a{number}") for number in range(4)] + [ask(number, f"b{number}", BOB) for number in range(4)]
    done = plan(Ground(queued=Counter({CAROL: 2})), *asked, max_queued_per_user=3, max_queued=7)
    taken = [one.task_id for one in done.answers if isinstance(one, Submitted)]
    assert taken == ["a0", "a1", "a2", "b0", "b1"]
    assert done.answers.count(NoRoom()) == 3


def test_a_refused_request_leaves_nothing_behind() -> None:
    ground = Ground(active={HASHES[0]: standing(0)}, queued=Counter({ALICE: 3}))
    done = plan(ground, ask(0, "a", priority=HIGH, trackers=("http://t.example/",)), ask(1, "b"), max_queued_per_user=3)
    assert done == Plan(answers=[NoRoom(), NoRoom()])


def test_who_joins_brings_trackers_and_peers_and_uses_up_a_rank_of_their_own() -> None:
    ground = Ground(active={HASHES[0]: standing(0)})
    done = plan(ground, ask(0, "a", trackers=("http://t.example/",), peers=("192.0.2.1:1",)), ask(1, "b"))
    (joined,) = done.joined.values()
    assert joined.sources == Sources(trackers=("http://t.example/",), peers=("192.0.2.1:1",))
    assert [one.lookup_id for one in done.added] == [100, -1]
    assert [one.rank for one in done.added] == [1, 2]


def test_who_joins_without_anything_new_changes_nothing() -> None:
    assert plan(Ground(active={HASHES[0]: standing(0)}), ask(0, "a")).joined == {}


def test_who_named_many_has_not_taken_the_places_of_those_whom_the_next_one_names_and_yet_there_is_an_end() -> None:
    ground = Ground(active={HASHES[0]: standing(0)})
    many = [tuple(f"http://t{number}.{who}.example/" for number in range(MAX_SOURCES)) for who in range(7)]
    done = plan(ground, *(ask(0, f"c{who}", BOB, trackers=trackers) for who, trackers in enumerate(many)))
    kept = done.joined[100].sources.trackers
    assert (len(kept), len(set(kept))) == (500, 500)
    assert [kept.index(trackers[0]) < 200 for trackers in many] == [True] * 7
    again = plan(ground, ask(0, "d", BOB, trackers=many[6]))
    assert again.joined == {}


def test_who_asks_again_and_knows_more_goes_on_with_that() -> None:
    second = InfoHash("ab" * 32)
    running = replace(own(0, "old", status=RUNNING), attempt=1, started_at=3.0, rank=2)
    ground = Ground(active={HASHES[0]: standing(0, status=LookupStatus.RUNNING)}, own={(ALICE, HASHES[0]): running})
    done = plan(ground, ask(0, "a", trackers=("http://t.example/",), info_hash_v2=second))
    assert done.answers == [Submitted(task_id="old", status=RUNNING, deduplicated=True)]
    sources = Sources(trackers=("http://t.example/",))
    assert list(done.raised.values()) == [replace(running, sources=sources.as_text(), hash_v2=second)]
    (joined,) = done.joined.values()
    assert (joined.status, joined.sources, joined.hash_v2) == (LookupStatus.RUNNING, sources, second)


@pytest.mark.parametrize(
    ("status", "kept"), [(LookupStatus.PENDING, 0), (LookupStatus.WAITING, 0), (LookupStatus.RUNNING, 1)]
)
def test_of_two_second_hashes_the_one_that_has_not_been_asked_for_is_kept(status: LookupStatus, kept: int) -> None:
    seconds = InfoHash("ab" * 32), InfoHash("cd" * 32)
    ground = Ground(active={HASHES[0]: replace(standing(0, status=status), hash_v2=seconds[0])})
    asked = ask(0, "a", info_hash_v2=seconds[1], trackers=("http://t.example/",))
    assert plan(ground, asked, ask(0, "b", BOB)).joined[100].hash_v2 == seconds[kept]


@pytest.mark.parametrize("priority", Priority)
def test_who_joins_what_waits_for_another_try_need_not_wait_for_it(priority: Priority) -> None:
    done = plan(Ground(active={HASHES[0]: standing(0, status=LookupStatus.WAITING)}), ask(0, "a", priority=priority))
    assert done.joined[100].status is LookupStatus.PENDING


def test_what_begins_stands_in_every_lane_in_which_somebody_waits_for_it() -> None:
    ground = Ground(last_rank={(LOW, ALICE): 3, (LOW, CAROL): 2})
    done = plan(ground, ask(0, "a", priority=LOW), ask(0, "b", BOB, HIGH), ask(0, "c", CAROL, LOW))
    (begun,) = done.new_lookups
    assert begun.ranks == (1, None, 3)
    assert done.joined == {}


def test_ones_own_task_is_raised_and_never_lowered() -> None:
    ground = Ground(active={HASHES[0]: standing(0)}, own={(ALICE, HASHES[0]): own(0, "old", prio=LOW)})
    done = plan(ground, ask(0, "a", priority=NORMAL), ask(0, "b", priority=HIGH), ask(0, "c", priority=LOW))
    assert [(key, one.prio, one.rank) for key, one in done.raised.items()] == [("old", HIGH, 1)]


def test_who_asks_for_a_task_again_with_no_more_haste_uses_up_no_rank() -> None:
    done = plan(Ground(), ask(0, "a", priority=HIGH), ask(0, "b", priority=NORMAL), ask(1, "c", priority=NORMAL))
    assert [(one.id, one.rank) for one in done.added] == [("a", 1), ("c", 1)]


def test_a_watched_request_is_marked_as_such() -> None:
    asked = Submission(task_id="a", person_id=ALICE, magnet=Magnet(info_hash=HASHES[0]), at=5.0, watched=True)
    assert [one.watched for one in plan(Ground(), asked).added] == [True]


requests = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([ALICE, BOB, CAROL]), st.sampled_from(Priority)), max_size=30
)


@given(requests, st.integers(1, 8), st.integers(1, 4))
def test_whatever_is_asked_the_plan_is_one_that_can_be_written(
    asked: list[tuple[int, int, Priority]], most: int, most_each: int
) -> None:
    ground = Ground(
        active={
            HASHES[0]: standing(0, status=LookupStatus.RUNNING),
            HASHES[1]: standing(1, status=LookupStatus.WAITING),
        }
    )
    submissions = [ask(number, f"t{place}", who, priority) for place, (number, who, priority) in enumerate(asked)]
    done = plan(ground, *submissions, max_queued=most, max_queued_per_user=most_each)
    assert len(done.answers) == len(submissions)
    assert len(done.added) <= most
    assert max(Counter(one.person_id for one in done.added).values(), default=0) <= most_each
    assert len({(one.person_id, one.hash) for one in done.added}) == len(done.added)
    assert len({one.hash for one in done.new_lookups}) == len(done.new_lookups)
    final = {one.id: one for one in done.added} | done.raised
    for number, one in enumerate(done.new_lookups):
        waiting = [task for task in final.values() if task.lookup_id == -1 - number]
        ranks = [min((task.rank for task in waiting if task.prio == prio), default=None) for prio in Priority]
        assert one.ranks == tuple(ranks)
    places = [(one.prio, one.person_id, one.rank) for one in final.values()]
    assert len(set(places)) == len(places)
    known_ids = {one.id for one in done.added}
    assert {one.task_id for one in done.answers if isinstance(one, Submitted)} == known_ids
    assert done.raised.keys() <= known_ids


def test_a_magnet_that_names_hundreds_is_kept_with_no_more_than_can_be_asked() -> None:
    trackers = tuple(f"http://t{number}.example/" for number in range(5 * MAX_SOURCES))
    peers = tuple(f"192.0.2.1:{number}" for number in range(1, 5 * MAX_SOURCES))
    done = plan(Ground(), ask(0, "a", trackers=trackers, peers=peers))
    for kept in (done.new_lookups[0].sources, Sources.of_text(done.added[0].sources)):
        assert (kept.trackers, kept.peers) == (trackers[:MAX_SOURCES], peers[:MAX_SOURCES])


def test_sources_that_an_earlier_version_kept_however_long_are_read_within_bounds() -> None:
    short, long = "http://t.example/", "http://t.example/" + "x" * MAX_SOURCE_BYTES
    text = Sources(trackers=(long, short), peers=("192.0.2.1:1", long)).as_text()
    assert Sources.of_text(text) == Sources(trackers=(short,), peers=("192.0.2.1:1",))
