"""The heart on a real SQLite file: submit, join, start, apply, give back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.integration.heart_support import (
    ALICE,
    BOB,
    CAROL,
    HASHES,
    V2,
    Heart,
    dead,
    magnet,
    named,
    trouble,
    with_heart,
)
from truename import calibration
from truename.calibration import Answer, Census, NoRoom, Priority, Rules, Submission, Submitted, Wanted
from truename.hub import Hub
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.note_edits import Edit, edit_all
from truename.note_texts import MAX_CHARS
from truename.notes import Notes
from truename.own_names import OwnNames
from truename.queue.base import Report
from truename.store import events, lookups, names, notes, tasks
from truename.store.database import Connection
from truename.store.revisions import EDITED
from truename.store.tables import event, last_failure, note_revision, task
from truename.store.writer import Writer
from truename.web.views import note_bodies, note_body


def test_a_new_hash_waits_is_taken_started_and_named(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0, trackers=("http://t.example/announce",)))
        assert submitted.status is TaskStatus.PENDING
        assert (await heart.task(submitted)).attempt == 0
        (taken,) = await heart.take()
        assert taken.magnet == magnet(0, trackers=("http://t.example/announce",))
        assert await heart.start(taken) == [True]
        running = await heart.task(submitted)
        assert (running.status, running.attempt, running.started_at) == (TaskStatus.RUNNING, 1, heart.now)
        heart.now += 5
        assert await heart.apply((taken, named(taken))) == [True]
        done = await heart.task(submitted)
        assert (done.status, done.name, done.source, done.verified) == (
            TaskStatus.COMPLETED,
            "Tide Tables.mkv",
            "swarm",
            True,
        )
        assert done.completed_at == heart.now
        assert await heart.take() == []

    with_heart(tmp_path, scenario)


def test_of_many_tasks_for_one_hash_the_newest_alone_is_read(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        read: list[int] = []

        class Counting:
            def __init__(self, connection: Connection) -> None:
                self.dialect, self._execute = connection.dialect, connection.execute

            async def execute(self, *asked: Any) -> Any:
                rows = (await self._execute(*asked)).all()
                read.append(len(rows))
                return rows

        (submitted,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.apply((taken, named(taken)))
        for _ in range(300):
            heart.now += 1
            (newest,) = await heart.submit(magnet(0))
        heart.now -= 1000  # the clock is set back
        (other,) = await heart.submit(magnet(1))
        async with heart.database.reading() as connection:
            asked = [(ALICE, HASHES[0]), (ALICE, HASHES[1]), (BOB, HASHES[0])]
            found = await tasks.latest_of(Counting(connection), asked, ended_after=0)
        assert {key: row.id for key, row in found.items()} == {
            (ALICE, HASHES[0]): newest.task_id,
            (ALICE, HASHES[1]): other.task_id,
        }
        assert read == [2]
        assert newest.task_id != submitted.task_id

    with_heart(tmp_path, scenario)


def test_a_known_name_answers_at_once_and_is_written_into_the_persons_notes(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.apply((taken, named(taken)))
        mine = await heart.note(f"x magnet:?xt=urn:btih:{HASHES[0]}&dn=lie y", who=BOB)
        (submitted,) = await heart.submit(magnet(0), who=BOB)
        assert submitted.status is TaskStatus.COMPLETED
        assert (await heart.task(submitted, who=BOB)).name == "Tide Tables.mkv"
        assert await heart.text_of(mine) == f"x magnet:?xt=urn:btih:{HASHES[0]}&dn=Tide%20Tables.mkv y"

    with_heart(tmp_path, scenario)


def test_two_people_share_one_look_up_and_each_has_a_task(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (first,) = await heart.submit(magnet(0, trackers=("http://a.example/announce",)))
        (second,) = await heart.submit(magnet(0, trackers=("http://b.example/announce",)), who=BOB)
        assert first.task_id != second.task_id
        assert not second.deduplicated
        (taken,) = await heart.take()
        assert taken.magnet.trackers == ("http://a.example/announce", "http://b.example/announce")
        await heart.start(taken)
        await heart.apply((taken, named(taken)))
        assert (await heart.task(first)).status is TaskStatus.COMPLETED
        assert (await heart.task(second, who=BOB)).status is TaskStatus.COMPLETED
        async with heart.database.reading() as connection:
            assert await tasks.of_ids(connection, [first.task_id], person_id=BOB, ended_after=0) == {}

    with_heart(tmp_path, scenario)


def test_the_same_person_asking_again_gets_the_same_task(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (first,) = await heart.submit(magnet(0))
        again, twice = await heart.submit(magnet(0), magnet(0))
        assert again == twice == Submitted(task_id=first.task_id, status=TaskStatus.PENDING, deduplicated=True)
        (taken,) = await heart.take()
        await heart.start(taken)
        (running,) = await heart.submit(magnet(0))
        assert (running.status, running.deduplicated) == (TaskStatus.RUNNING, True)
        await heart.apply((taken, dead(taken)))
        (new,) = await heart.submit(magnet(0))
        assert not new.deduplicated
        assert new.task_id != first.task_id

    with_heart(tmp_path, scenario)


def test_one_group_with_the_same_hash_many_times_makes_one_look_up(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        hybrid = replace(magnet(0), info_hash_v2=V2)
        asked = [heart.submission(one, who) for who in (ALICE, BOB) for one in (magnet(0), hybrid, magnet(1))]
        answers = await heart.write(heart.submit_all, asked)
        assert [one.magnet.info_hash for one in await heart.take()] == [HASHES[0], HASHES[1]]
        assert [answer.deduplicated for answer in answers] == [False, True, False] * 2

    with_heart(tmp_path, scenario)


def test_a_magnet_that_lies_about_its_second_hash_names_only_the_torrent_that_answered(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}&dn=as+it+was")
        (submitted,) = await heart.submit(replace(magnet(0), info_hash_v2=V2))
        (taken,) = await heart.take()
        await heart.start(taken)
        other = replace(named(taken, "Of another torrent.mkv"), info_hash=V2)
        assert await heart.apply((taken, other)) == [True]
        assert (await heart.task(submitted)).status is TaskStatus.TIMEOUT
        assert await heart.text_of(mine) == f"magnet:?xt=urn:btih:{HASHES[0]}&dn=as+it+was"
        async with heart.database.reading() as connection:
            known = await names.known_names(connection, [HASHES[0], V2])
        assert {one: name.name for one, name in known.items()} == {V2: "Of another torrent.mkv"}

    with_heart(tmp_path, scenario)


def test_a_failure_ends_the_tasks_and_is_remembered(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        assert await heart.apply((taken, dead(taken))) == [True]
        ended = await heart.task(submitted)
        assert (ended.status, ended.code, ended.name) == (TaskStatus.TIMEOUT, "no_peers", None)
        async with heart.database.reading() as connection:
            row = (await connection.execute(select(last_failure))).one()
        assert (row.hash, row.code, row.at) == (HASHES[0], "no_peers", heart.now)

    with_heart(tmp_path, scenario)


def test_a_late_failure_counts_for_nothing_and_a_late_name_for_the_catalogue(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        (late,) = await heart.take()
        await heart.start(late)
        await heart.write(calibration.give_back_all, [(late, heart.now)])
        (current,) = await heart.take()
        assert current.delivery != late.delivery
        assert await heart.start(late) == [False]
        assert await heart.apply((late, dead(late))) == [False]
        assert (await heart.task(submitted)).status is TaskStatus.PENDING
        await heart.start(current)
        assert await heart.apply((current, dead(current))) == [True]
        assert await heart.apply((late, named(late))) == [False]
        assert (await heart.task(submitted)).status is TaskStatus.TIMEOUT
        (again,) = await heart.submit(magnet(0))
        assert again.status is TaskStatus.COMPLETED

    with_heart(tmp_path, scenario)


def test_a_late_name_completes_those_who_still_wait(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        (late,) = await heart.take()
        await heart.write(calibration.give_back_all, [(late, heart.now)])
        assert await heart.apply((late, named(late))) == [True]
        assert (await heart.task(submitted)).status is TaskStatus.COMPLETED
        assert await heart.take() == []

    with_heart(tmp_path, scenario)


def test_applying_twice_is_applying_once(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        (submitted,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        assert await heart.apply((taken, named(taken))) == [True]
        done = await heart.task(submitted)
        heart.now += 100
        assert await heart.apply((taken, named(taken)), (taken, dead(taken))) == [False, False]
        assert await heart.task(submitted) == done
        async with heart.database.reading() as connection:
            revisions = (await connection.execute(select(note_revision.c.version))).scalars().all()
        assert revisions == [1, 2]
        assert await heart.text_of(mine) == f"magnet:?xt=urn:btih:{HASHES[0]}&dn=Tide%20Tables.mkv"

    with_heart(tmp_path, scenario)


def test_who_joins_a_running_look_up_has_a_full_time_of_their_own(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (first,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        (second,) = await heart.submit(magnet(0), who=BOB)
        assert (await heart.task(second, who=BOB)).status is TaskStatus.PENDING
        await heart.apply((taken, dead(taken)))
        assert (await heart.task(first)).status is TaskStatus.TIMEOUT
        assert (await heart.task(second, who=BOB)).status is TaskStatus.PENDING
        (again,) = await heart.take()
        assert again.lookup_id == taken.lookup_id
        await heart.start(again)
        assert (await heart.task(second, who=BOB)).attempt == 1
        await heart.apply((again, named(again)))
        assert (await heart.task(second, who=BOB)).status is TaskStatus.COMPLETED
        assert (await heart.task(first)).status is TaskStatus.TIMEOUT

    with_heart(tmp_path, scenario)


def test_who_joins_runs_in_a_strand_of_its_own_and_ends_with_that(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        async def states() -> list[TaskStatus]:
            return [(await heart.task(first)).status, (await heart.task(second, who=BOB)).status]

        (first,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        (second,) = await heart.submit(magnet(0), who=BOB)
        strand = replace(taken, strand=7)
        await heart.start(strand)
        assert await states() == [TaskStatus.RUNNING, TaskStatus.RUNNING]
        await heart.report(Report(lookup=taken, outcome=dead(taken), goes_on=True))
        assert await states() == [TaskStatus.TIMEOUT, TaskStatus.RUNNING]
        assert await heart.take() == []
        await heart.report(Report(lookup=strand, outcome=dead(strand)))
        assert await states() == [TaskStatus.TIMEOUT, TaskStatus.TIMEOUT]
        assert await heart.take() == []

    with_heart(tmp_path, scenario)


def test_a_try_of_one_strand_is_none_of_another(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (first,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        (second,) = await heart.submit(magnet(0), who=BOB)
        strand = replace(taken, strand=7)
        await heart.start(strand)
        await heart.report(Report(lookup=strand, outcome=trouble(strand), goes_on=True))
        put_off, running = await heart.task(second, who=BOB), await heart.task(first)
        assert (put_off.status, running.status) == (TaskStatus.PENDING, TaskStatus.RUNNING)
        assert put_off.next_attempt_at is not None
        await heart.report(Report(lookup=taken, outcome=dead(taken)))
        assert (await heart.task(first)).status is TaskStatus.TIMEOUT
        assert await heart.take_some(9) == [], "it waits for its next try"
        heart.now += 60
        (again,) = await heart.take_some(9)
        await heart.start(again)
        assert (await heart.task(second, who=BOB)).attempt == 2

    with_heart(tmp_path, scenario, rules=Rules())


def test_what_runs_in_a_strand_of_which_no_end_is_told_waits_again_with_the_look_up(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        (second,) = await heart.submit(magnet(0), who=BOB)
        await heart.start(replace(taken, strand=7))
        await heart.report(Report(lookup=taken, outcome=dead(taken)))
        waits = await heart.task(second, who=BOB)
        assert (waits.status, waits.attempt) == (TaskStatus.PENDING, 0)
        (again,) = await heart.take()
        await heart.start(again)
        await heart.apply((again, dead(again)))
        assert (await heart.task(second, who=BOB)).status is TaskStatus.TIMEOUT

    with_heart(tmp_path, scenario)


def test_a_strand_for_which_nobody_waits_any_more_holds_no_look_up(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken, replace(taken, strand=7))
        await heart.report(Report(lookup=taken, outcome=dead(taken), goes_on=True))
        still = await heart.write(calibration.still_out, [{taken.lookup_id: taken.delivery}])
        assert still == [set()]

    with_heart(tmp_path, scenario)


def test_whom_somebody_named_is_not_asked_any_more_when_only_others_wait(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0, trackers=("http://hers.example/announce",), info_hash_v2=V2))
        (taken,) = await heart.take()
        await heart.start(taken)
        await heart.submit(magnet(0, trackers=("http://his.example/announce",), peers=("192.0.2.1:1",)), who=BOB)
        heart.now += 1
        await heart.submit(magnet(0, trackers=("http://theirs.example/announce",)), who=CAROL)
        await heart.apply((taken, dead(taken)))
        (again,) = await heart.take()
        assert again.magnet == magnet(
            0, trackers=("http://his.example/announce", "http://theirs.example/announce"), peers=("192.0.2.1:1",)
        )

    with_heart(tmp_path, scenario)


def test_however_often_somebody_asks_for_more_nobody_else_is_crowded_out(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0, trackers=("http://first.example/announce",)))
        await heart.submit(magnet(0, trackers=("http://his.example/announce",)), who=BOB)
        for turn in range(8):
            many = tuple(f"http://{number}.{turn}.example/announce" for number in range(60))
            await heart.submit(magnet(0, trackers=many))
        (taken,) = await heart.take()
        assert taken.magnet.trackers.index("http://his.example/announce") < 2
        assert len(taken.magnet.trackers) > 400

    with_heart(tmp_path, scenario)


def test_whom_somebody_named_who_has_cancelled_is_asked_no_more(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (hers,) = await heart.submit(magnet(0, trackers=("http://hers.example/announce",), info_hash_v2=V2))
        await heart.submit(magnet(0, trackers=("http://his.example/announce",)), who=BOB)
        assert await heart.cancel(hers) == [[]]
        (taken,) = await heart.take()
        assert taken.magnet == magnet(0, trackers=("http://his.example/announce",))

    with_heart(tmp_path, scenario)


def test_who_names_more_for_ones_own_running_look_up_has_it_asked_and_kept(tmp_path: Path) -> None:
    """And holds the slot no longer for that."""

    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        await heart.submit(magnet(0, trackers=("http://late.example/announce",), info_hash_v2=V2))
        task = await heart.task(mine)
        assert (task.status, task.attempt, task.hash_v2) == (TaskStatus.RUNNING, 1, V2)
        await heart.apply((taken, dead(taken)))
        task = await heart.task(mine)
        assert task.status is TaskStatus.TIMEOUT
        again = calibration.magnet_of(task)
        assert (again.trackers, again.info_hash_v2) == (("http://late.example/announce",), V2)

    with_heart(tmp_path, scenario)


def test_a_hybrid_ends_the_look_ups_of_both_its_hashes(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (v1,) = await heart.submit(magnet(0))
        (v2,) = await heart.submit(Magnet(info_hash=V2))
        first, _ = await heart.take()
        await heart.start(first)
        await heart.apply((first, named(first, info_hash_v2=V2)))
        assert (await heart.task(v1)).name == (await heart.task(v2)).name == "Tide Tables.mkv"

    with_heart(tmp_path, scenario)


def test_who_asks_by_one_hash_of_a_hybrid_has_the_magnets_of_the_other_named_as_well(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        text = f"magnet:?xt=urn:btih:{HASHES[0]} magnet:?xt=urn:btmh:1220{V2} magnet:?xt=urn:btih:{V2[:40]}"
        whole = " ".join(f"{one}&dn=Tide%20Tables.mkv" for one in text.split())
        hers, his, theirs = [await heart.note(text, who=who) for who in (ALICE, BOB, CAROL)]
        await heart.submit(Magnet(info_hash=V2))
        (lookup,) = await heart.take()
        by_v1 = named(lookup, info_hash_v2=V2)
        await heart.apply((lookup, replace(by_v1, info_hash=HASHES[0])))
        assert (await heart.text_of(hers), await heart.text_of(his)) == (whole, text)
        await heart.submit(magnet(0), who=BOB)
        await heart.submit(Magnet(info_hash=InfoHash(V2[:40])), who=CAROL)
        assert (await heart.text_of(his), await heart.text_of(theirs)) == (whole, whole)

    with_heart(tmp_path, scenario)


def test_names_go_only_into_the_notes_of_those_who_asked_and_never_over_a_persons_own(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        link = f"magnet:?xt=urn:btih:{HASHES[0]}&dn=mine"
        of_alice, of_bob = await heart.note(link), await heart.note(link, who=BOB)
        own = await heart.note(link)
        typed = OwnNames(typed=frozenset({(HASHES[0], "mine")}))
        async with heart.database.writing() as connection:
            await notes.write(connection, own, link + " !", cause=EDITED, own=typed, at=heart.now)
        await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.apply((taken, named(taken)))
        assert await heart.text_of(of_alice) == f"magnet:?xt=urn:btih:{HASHES[0]}&dn=Tide%20Tables.mkv"
        assert await heart.text_of(of_bob) == link
        assert await heart.text_of(own) == link + " !"

    with_heart(tmp_path, scenario)


def test_a_note_grows_by_its_names_within_bounds_and_what_is_told_of_it_too(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        link = f"magnet:?xt=urn:btih:{HASHES[0]}"
        note = await heart.note("\n".join([link] * 2000))
        await heart.submit(magnet(0))
        await heart.apply(*((one, named(one, "x" * 30_000)) for one in await heart.take()))
        text = await heart.text_of(note)
        assert MAX_CHARS - 100_000 < len(text) <= MAX_CHARS
        everybodys = Notes(heart.database, Writer(heart.database), Hub(), clock=lambda: heart.now, task_ttl_s=10.0)
        (view,), _ = await everybodys.newest(ALICE, limit=1)
        told = note_body(view)["magnets"]
        assert (len(told[0]["name"]), len(told[-1]["name"])) == (30_000, 513)
        assert sum(len(one["name"]) + len(one["dn"] or "") for one in told) < 10_000_000
        assert sum(len(one["name"]) for body in note_bodies([view] * 5) for one in body["magnets"]) < 10_000_000

    with_heart(tmp_path, scenario)


def test_a_name_of_a_hybrid_that_was_put_back_and_becomes_ones_own_by_another_magnet_stays(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        one = f"magnet:?xt=urn:btih:{HASHES[0]}&xt=urn:btmh:1220{V2}"
        other = f"magnet:?xt=urn:btih:{HASHES[0]}"
        row = await heart.note(f"{one}&dn=a\n{other}&dn=q")

        async def edit(text: str, at_version: int) -> None:
            base = await heart.text_of(row)
            edited = Edit(person_id=ALICE, note_id=row.id, version=at_version, base=base, text=text, at=heart.now)
            (result,) = await heart.write(edit_all, [edited])
            assert result.text == text

        async def ask_by_v2() -> None:
            await heart.submit(Magnet(info_hash=V2))
            for lookup in await heart.take():
                await heart.apply((lookup, named(lookup)))

        await ask_by_v2()
        assert await heart.text_of(row) == f"{one}&dn=Tide%20Tables.mkv\n{other}&dn=q"
        await edit(f"{one}&dn=a\n{other}&dn=q", 2)
        await edit(f"{one}&dn=a\n{other}&dn=a", 3)
        await ask_by_v2()
        assert await heart.text_of(row) == f"{one}&dn=a\n{other}&dn=a"

    with_heart(tmp_path, scenario)


def test_recovery_gives_back_what_was_running_without_using_up_a_try(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        first, second = await heart.submit(magnet(0), magnet(1))
        taken = await heart.take()
        await heart.start(taken[0])
        assert await heart.write(calibration.recover, [heart.now]) == [2]
        for submitted in (first, second):
            waiting = await heart.task(submitted)
            assert (waiting.status, waiting.attempt, waiting.started_at) == (TaskStatus.PENDING, 0, None)
        assert len(await heart.take()) == 2

    with_heart(tmp_path, scenario)


def test_people_take_turns_inside_a_priority(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*(magnet(number) for number in range(100)))
        await heart.submit(*(magnet(number) for number in range(100, 103)), who=BOB)
        taken = await heart.take({1: 6})
        assert [HASHES.index(one.magnet.info_hash) for one in taken] == [0, 100, 1, 101, 2, 102]
        await heart.submit(magnet(200), who=BOB)
        assert HASHES.index((await heart.take({1: 2}))[1].magnet.info_hash) in (3, 200)

    with_heart(tmp_path, scenario)


def test_priorities_have_shares_and_give_away_what_they_do_not_use(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        for priority, numbers in ((Priority.LOW, range(100)), (Priority.HIGH, range(100, 200))):
            await heart.submit(*(magnet(number) for number in numbers), priority=priority)
        (taken,) = await heart.write(calibration.take_all, [Wanted(count=100, delivery="one")])
        assert len(taken) == 100
        assert sum(one.prio == Priority.HIGH for one in taken) == 95
        assert sum(one.prio == Priority.LOW for one in taken) == 5
        (rest,) = await heart.write(calibration.take_all, [Wanted(count=1000, delivery="two")])
        assert len(rest) == 100
        assert len({one.delivery for one in (*taken, *rest)}) == 200

    with_heart(tmp_path, scenario)


def test_a_joiner_raises_a_waiting_look_up_and_never_lowers_it(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0), priority=Priority.LOW)
        await heart.submit(magnet(0), who=BOB, priority=Priority.HIGH)
        assert len(await heart.take({0: 10})) == 1
        await heart.submit(magnet(1), priority=Priority.HIGH)
        await heart.submit(magnet(1), who=BOB, priority=Priority.LOW)
        assert len(await heart.take({0: 10})) == 1

    with_heart(tmp_path, scenario)


def test_the_position_in_the_queue_is_true(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        submitted = await heart.submit(*(magnet(number) for number in range(5)))
        assert [await heart.position(one) for one in submitted] == [1, 2, 3, 4, 5]
        await heart.start(*(await heart.take({1: 2})))
        assert await heart.position(submitted[4]) == 3
        assert await heart.position(submitted[4], most=2) == 2

    with_heart(tmp_path, scenario)


def test_a_position_says_nothing_of_others_who_asked_for_the_same(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*(magnet(number) for number in range(5)))
        heart.now += 1
        both = await heart.submit(magnet(0), magnet(9), who=BOB)

        async def places() -> list[int]:
            return [await heart.position(one, BOB) for one in both]

        assert await places() == [2, 4]  # each behind what ALICE ranks as high
        (taken,) = await heart.take({1: 1})
        assert await places() == [2, 4]
        await heart.start(taken)
        assert await places() == [1, 2]

    with_heart(tmp_path, scenario)


def test_events_are_numbered_and_a_persons_own(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        (submitted,) = await heart.submit(magnet(0))
        await heart.submit(magnet(0), who=BOB)
        (taken,) = await heart.take()
        await heart.start(taken)
        await heart.apply((taken, named(taken)))
        async with heart.database.reading() as connection:
            seen = await events.after(connection, ALICE, 0, limit=100)
        assert [(one.task_id, one.note_id) for one in seen] == [
            (submitted.task_id, None),
            (submitted.task_id, None),
            (submitted.task_id, None),
            (None, mine.id),
        ]
        assert [one.seq for one in seen] == sorted({one.seq for one in seen})

    with_heart(tmp_path, scenario)


def test_a_claimed_name_completes_but_does_not_answer_for_ever(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        await heart.apply((taken, replace(named(taken, "Claimed.mkv"), source="script", verified=False)))
        assert (await heart.task(submitted)).verified is False
        (again,) = await heart.submit(magnet(0))
        assert again.status is TaskStatus.PENDING
        (taken,) = await heart.take()
        await heart.apply((taken, named(taken, "True.mkv")))
        async with heart.database.reading() as connection:
            known = await names.known_names(connection, [HASHES[0]])
            last = await names.last_found(connection)
        assert known[HASHES[0]].name == "True.mkv"
        assert last == {"script": heart.now, known[HASHES[0]].source: heart.now}  # though nothing of its claim is left

    with_heart(tmp_path, scenario)


def test_ended_tasks_are_forgotten_in_portions_and_active_ones_never(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*(magnet(number) for number in range(10)))
        taken = await heart.take({1: 7})
        await heart.start(*taken)
        await heart.apply(*((one, dead(one)) for one in taken))
        async with heart.database.writing() as connection:
            for count in (5, 2, 0):
                gone = await tasks.forget(connection, ended_before=heart.now + 1, most=5)
                assert await lookups.forget(connection, gone) == len(gone) == count
            left = (await connection.execute(select(task.c.active))).scalars().all()
            assert left == [1, 1, 1]

    with_heart(tmp_path, scenario)


def test_whoever_asks_at_the_limit_is_not_counted_anew_until_something_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Counter[int]] = []

    async def count(connection: Connection) -> Counter[int]:
        counted.append(await count_by_person(connection))
        return counted[-1]

    count_by_person = tasks.count_by_person
    monkeypatch.setattr(tasks, "count_by_person", count)

    async def scenario(heart: Heart) -> None:
        first, _ = await heart.submit(magnet(0), magnet(1))
        before = len(counted)
        for _ in range(20):
            assert await heart.submit(magnet(2)) == [NoRoom()]
        assert len(counted) <= before + 1
        await heart.cancel(first)
        (accepted,) = await heart.submit(magnet(2))
        assert accepted.status is TaskStatus.PENDING

    with_heart(tmp_path, scenario, rules=Rules(max_attempts=1, max_queued_per_user=2))


def test_what_was_added_and_came_to_nothing_keeps_nobody_out(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        async def fails_at_the_end(connection: Connection, asked: Sequence[Submission]) -> Sequence[Answer]:
            await heart.submit_all(connection, asked)
            raise ZeroDivisionError

        (before,) = await heart.submit(magnet(0))
        await heart.cancel(before)
        rules = Rules(max_queued_per_user=3)
        heart.submit_all = partial(calibration.submit_all, rules=rules, census=Census())
        three = [heart.submission(magnet(number)) for number in range(3)]
        with pytest.raises(ZeroDivisionError):
            await heart.write(fails_at_the_end, three)
        assert NoRoom() not in await heart.write(heart.submit_all, three)
        assert await heart.submit(magnet(4)) == [NoRoom()]

    with_heart(tmp_path, scenario)


def test_whoever_was_at_the_limit_is_let_in_again_though_no_event_is_left_that_tells_of_an_end(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        async def forget_events() -> None:
            async with heart.database.writing() as connection:
                await connection.execute(delete(event))

        (waiting,) = await heart.submit(magnet(0))
        await forget_events()
        assert await heart.submit(magnet(1)) == [NoRoom()]
        await heart.cancel(waiting)
        await forget_events()
        (taken,) = await heart.submit(magnet(1))
        assert taken.status is TaskStatus.PENDING

    with_heart(tmp_path, scenario, rules=Rules(max_attempts=1, max_queued_per_user=1))


@pytest.mark.parametrize("count", [1, 1500])
def test_a_large_group_is_taken_in_whole(tmp_path: Path, count: int) -> None:
    async def scenario(heart: Heart) -> None:
        submitted = await heart.submit(*(magnet(number) for number in range(count)))
        taken = await heart.take({1: count})
        assert [one.magnet.info_hash for one in taken] == list(HASHES[:count])
        await heart.start(*taken)
        assert all(await heart.apply(*((one, named(one, f"name of {one.lookup_id}")) for one in taken)))
        last = await heart.task(submitted[-1])
        assert last.name == f"name of {last.lookup_id}"

    with_heart(tmp_path, scenario)
