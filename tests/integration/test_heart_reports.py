"""Reports that come in one group: which of them count, whatever else comes with them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select

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
from truename.calibration import Heard
from truename.cleaner import Cleaner
from truename.magnet import InfoHash, Magnet
from truename.metainfo import Metainfo, TorrentFile
from truename.model import Account, Lookup, Outcome, TaskStatus
from truename.note_edits import Edit, edit_all
from truename.queue.base import Report
from truename.store import events, names
from truename.store.notes import NoteRow
from truename.store.tables import last_failure, torrent, torrent_hash
from truename.store.writer import Writer
from truename.terminal.catalogue import Catalogue
from truename.timeline import unpack


async def two_deliveries(heart: Heart) -> tuple[Lookup, Lookup]:
    """An old delivery of a look-up, given back, and the one that counts."""
    (old,) = await heart.take()
    await heart.start(old)
    await heart.write(calibration.give_back_all, [(old, heart.now)])
    (current,) = await heart.take()
    return old, current


@pytest.mark.parametrize("late_first", [True, False])
def test_a_late_failure_beside_the_one_that_counts_changes_nothing(tmp_path: Path, late_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        await heart.start(current)
        late = (old, replace(dead(old), status=TaskStatus.FAILED, code="bad_name", reason="bad_name"))
        reports = [late, (current, dead(current))] if late_first else [(current, dead(current)), late]
        assert await heart.apply(*reports) == [not late_first, late_first]
        ended = await heart.task(submitted)
        assert (ended.status, ended.code) == (TaskStatus.TIMEOUT, "no_peers")
        async with heart.database.reading() as connection:
            assert (await connection.execute(select(last_failure.c.code))).scalars().all() == ["no_peers"]

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("late_first", [True, False])
def test_a_late_beginning_beside_the_one_that_counts_changes_nothing(tmp_path: Path, late_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        both = [old, current] if late_first else [current, old]
        assert await heart.start(*both) == [not late_first, late_first]
        running = await heart.task(submitted)
        assert (running.status, running.attempt) == (TaskStatus.RUNNING, 1)

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("late_first", [True, False])
def test_what_comes_back_late_beside_what_comes_back_now_changes_nothing(tmp_path: Path, late_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        both = [old, current] if late_first else [current, old]
        answers = await heart.write(calibration.give_back_all, [(one, heart.now) for one in both])
        assert answers == [not late_first, late_first]
        assert len(await heart.take()) == 1

    with_heart(tmp_path, scenario)


def test_a_beginning_and_a_failure_of_different_deliveries_do_not_make_one(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        told = [
            Heard(report=Report(lookup=current), at=heart.now),
            Heard(report=Report(lookup=old, outcome=dead(old)), at=heart.now),
        ]
        assert await heart.write(heart.apply_all, told) == [True, False]
        assert (await heart.task(submitted)).status is TaskStatus.RUNNING

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("end", [dead, trouble])
def test_a_failure_that_is_told_twice_in_one_group_counts_once(tmp_path: Path, end: object) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        outcome: Outcome = dead(taken) if end is dead else trouble(taken)
        await heart.apply((taken, outcome), (taken, outcome))
        ended = await heart.task(submitted)
        assert (ended.status, ended.attempt) == (outcome.status, 1)

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("claimed_first", [True, False])
def test_of_a_claimed_and_a_proven_name_in_one_group_the_proven_one_counts(tmp_path: Path, claimed_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        claimed = (old, replace(named(old, "Claimed.mkv"), source="script", verified=False))
        proven = (current, named(current, "True.mkv"))
        await heart.apply(*([claimed, proven] if claimed_first else [proven, claimed]))
        done = await heart.task(submitted)
        assert (done.name, done.verified) == ("True.mkv", True)
        async with heart.database.reading() as connection:
            known = await names.known_names(connection, [HASHES[0]])
        assert (known[HASHES[0]].name, known[HASHES[0]].verified) == ("True.mkv", True)

    with_heart(tmp_path, scenario)


def test_a_beginning_counts_beside_the_name_of_another_torrent(tmp_path: Path) -> None:
    """Otherwise the look-up of a magnet that lies about its second hash would go round for ever."""

    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(replace(magnet(0), info_hash_v2=V2))
        (taken,) = await heart.take()
        other = replace(named(taken, "Of another torrent.mkv"), info_hash=V2)
        told = [Heard(report=Report(lookup=taken, outcome=outcome), at=heart.now) for outcome in (None, other)]
        assert await heart.write(heart.apply_all, told) == [True, True]
        ended = await heart.task(submitted)
        assert (ended.status, ended.code, ended.attempt) == (TaskStatus.TIMEOUT, "no_metadata", 1)
        assert await heart.take() == []

    with_heart(tmp_path, scenario)


def test_a_delivery_that_ran_twice_ends_as_it_was_first_told(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        first, second = await heart.submit(magnet(0), magnet(1))
        one, two = await heart.take()
        await heart.start(one, two)
        broken = replace(dead(two), status=TaskStatus.FAILED, code="bad_name", reason="bad_name")
        await heart.apply((one, replace(broken, info_hash=HASHES[0])), (two, dead(two)), (two, broken))
        assert ((await heart.task(first)).code, (await heart.task(second)).code) == ("bad_name", "no_peers")

    with_heart(tmp_path, scenario)


def torrent_of(lookup: Lookup, *, files: int) -> Metainfo:
    listed = tuple(TorrentFile(f"disc/{number}\u202e.flac", number) for number in range(files))
    return Metainfo(
        info_hash=lookup.magnet.info_hash,
        info_hash_v2=V2,
        name="Harbour",
        raw_name=b"Harbour",
        name_guessed=False,
        size_bytes=5_000_000_000,
        file_count=files,
        files=listed,
    )


SEEN = Account(resolver="swarm", ended="named", counts={"trackers": 3, "tracker_peers": 7, "dht_peers": 2})


def found_with(lookup: Lookup, *, files: int = 3, elapsed_s: float = 0.0) -> Outcome:
    torrent = torrent_of(lookup, files=files)
    return replace(named(lookup), info_hash_v2=V2, torrent=torrent, accounts=(SEEN,), elapsed_s=elapsed_s)


def test_what_is_learnt_with_a_name_is_kept_under_all_its_hashes(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        await heart.apply((lookup, found_with(lookup)))
        about = await heart.database.read(names.provenance_of, [HASHES[0], V2])
        assert set(about) == {HASHES[0], V2}
        kept = about[V2]
        assert (kept.known.size_bytes, kept.known.file_count, kept.peers_seen) == (5_000_000_000, 3, 7)
        assert (kept.known.source, kept.known.verified, kept.found_at) == ("swarm", True, heart.now)
        assert kept.files == torrent_of(lookup, files=3).files

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("asked", [None, V2, InfoHash("cd" * 32)], ids=["nothing", "the truth", "a lie"])
@pytest.mark.parametrize("proven", [None, V2], ids=["v1 alone", "hybrid"])
def test_the_second_hash_of_a_named_task_is_the_one_that_is_proven(
    tmp_path: Path, asked: InfoHash | None, proven: InfoHash | None
) -> None:
    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0, info_hash_v2=asked))
        (lookup,) = await heart.take()
        await heart.apply((lookup, named(lookup, info_hash_v2=proven)))
        assert (await heart.task(mine)).hash_v2 == proven
        known = await heart.database.read(names.known_names, [HASHES[0]])
        assert known[HASHES[0]].info_hash_v2 == proven

    with_heart(tmp_path, scenario)


def test_a_hash_that_is_the_second_one_itself_has_none_beside_it(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        by_v2, by_cut = await heart.submit(Magnet(info_hash=V2), Magnet(info_hash=InfoHash(V2[:40])))
        (lookup, _) = await heart.take()
        await heart.apply((lookup, replace(named(lookup), info_hash=HASHES[0], info_hash_v2=V2)))
        assert ((await heart.task(by_v2)).hash_v2, (await heart.task(by_cut)).hash_v2) == (None, V2)

    with_heart(tmp_path, scenario)


def test_a_claimed_name_proves_nothing_of_a_second_hash(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0, info_hash_v2=V2))
        (lookup,) = await heart.take()
        await heart.apply((lookup, replace(named(lookup), source="script", verified=False)))
        assert (await heart.task(mine)).hash_v2 == V2, "as it was asked"
        assert (await heart.database.read(names.known_names, [HASHES[0]]))[HASHES[0]].info_hash_v2 is None

    with_heart(tmp_path, scenario)


def test_of_very_many_files_only_the_first_are_kept(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        await heart.apply((lookup, found_with(lookup, files=5000)))
        (kept,) = (await heart.database.read(names.provenance_of, [HASHES[0]])).values()
        assert kept.known.file_count == 5000
        assert 0 < len(kept.files) <= 200
        assert kept.files == torrent_of(lookup, files=5000).files[: len(kept.files)]

    with_heart(tmp_path, scenario)


def test_a_proven_name_takes_the_place_of_a_claimed_one_with_all_that_is_known(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        claimed = replace(named(lookup), name="Anchor", source="script", verified=False)
        assert await heart.apply((lookup, claimed)) == [True]
        (again,) = await heart.submit(magnet(0))
        assert again.status is TaskStatus.PENDING
        (lookup,) = await heart.take()
        await heart.apply((lookup, found_with(lookup)))
        (kept,) = (await heart.database.read(names.provenance_of, [HASHES[0]])).values()
        assert (kept.known.name, kept.known.verified, kept.known.file_count) == (named(lookup).name, True, 3)

    with_heart(tmp_path, scenario)


VICTIM = HASHES[7]
PAIRED = InfoHash(VICTIM + "0" * 24)  # its first 40 digits are the hash of another torrent


@pytest.mark.parametrize("asked", [magnet(0, info_hash_v2=PAIRED), Magnet(info_hash=PAIRED)])
def test_a_claim_names_nothing_but_the_hash_that_was_asked_for(tmp_path: Path, asked: Magnet) -> None:
    """Who makes a magnet may put any hash beside its own; and what is proven later is proven of that torrent alone."""

    async def scenario(heart: Heart) -> None:
        await heart.submit(asked)
        (theirs,) = await heart.submit(Magnet(info_hash=VICTIM), who=BOB)
        taken = await heart.take()
        lookup = next(one for one in taken if one.magnet == asked)
        claimed = replace(
            named(lookup, "Claimed.mkv"), info_hash_v2=asked.info_hash_v2, source="script", verified=False
        )
        await heart.apply((lookup, claimed))
        assert (await heart.task(theirs, BOB)).status is TaskStatus.PENDING
        assert await names_of(heart, asked.info_hash, PAIRED, VICTIM) == {asked.info_hash: "Claimed.mkv"}
        await heart.submit(asked)
        (again,) = [one for one in await heart.take() if one.magnet == asked]
        await heart.apply((again, named(again, "True.mkv")))
        proven = dict.fromkeys(named(again).hashes, "True.mkv")
        assert await names_of(heart, asked.info_hash, PAIRED, VICTIM) == proven

    with_heart(tmp_path, scenario)


async def names_of(heart: Heart, *hashes: str) -> dict[str, str]:
    return {one: known.name for one, known in (await heart.database.read(names.known_names, hashes)).items()}


async def lent(heart: Heart, name: str, *, verified: bool) -> None:
    """What an older version kept: one name for the hash that was asked for and all that stood beside it."""
    async with heart.database.writing() as connection:
        row = {"name": name, "name_guessed": False, "source": "script", "verified": verified, "found_at": 0.0}
        await connection.execute(insert(torrent).values(id=1, hash=HASHES[0], **row))
        links = [{"hash": one, "torrent_id": 1} for one in (HASHES[0], PAIRED, VICTIM)]
        await connection.execute(insert(torrent_hash), links)


async def prove(heart: Heart, info_hash: InfoHash, name: str, info_hash_v2: InfoHash | None = None) -> None:
    """A late delivery brings a proof: nobody asks any more for what is known."""
    lookup = Lookup(delivery="late", lookup_id=0, magnet=Magnet(info_hash=info_hash), prio=1)
    await heart.apply((lookup, named(lookup, name, info_hash_v2=info_hash_v2)))


@pytest.mark.parametrize("order", [(HASHES[0], VICTIM), (VICTIM, HASHES[0])])
def test_a_name_that_an_older_version_lent_by_a_claim_is_no_name(tmp_path: Path, order: tuple[InfoHash, ...]) -> None:
    async def scenario(heart: Heart) -> None:
        await lent(heart, "Claimed.mkv", verified=False)
        assert await names_of(heart, HASHES[0], PAIRED, VICTIM) == {HASHES[0]: "Claimed.mkv"}
        (submitted,) = await heart.submit(Magnet(info_hash=VICTIM))
        assert submitted.status is TaskStatus.PENDING
        proofs = {HASHES[0]: "True.mkv", VICTIM: "Victim.mkv"}
        known = {HASHES[0]: "Claimed.mkv"}
        for one in order:
            await prove(heart, one, proofs[one])
            known[one] = proofs[one]
            assert await names_of(heart, HASHES[0], PAIRED, VICTIM) == known
        assert (await heart.task(submitted)).name == "Victim.mkv"

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("was_proven", [HASHES[0], VICTIM])
def test_a_name_that_was_lent_and_then_believed_gives_way_to_the_next_proof(tmp_path: Path, was_proven: str) -> None:
    """Nothing in the row tells whose name it is; and what a proof says of two hashes must not be drawn into it."""

    async def scenario(heart: Heart) -> None:
        await lent(heart, f"{was_proven}.mkv", verified=True)
        other = VICTIM if was_proven == HASHES[0] else HASHES[0]
        await prove(heart, other, "Other.mkv", V2)
        assert await names_of(heart, was_proven, other, V2) == {
            was_proven: f"{was_proven}.mkv",
            other: "Other.mkv",
            V2: "Other.mkv",
        }
        await prove(heart, InfoHash(was_proven), f"{was_proven}.mkv")
        assert (await names_of(heart, was_proven, other))[other] == "Other.mkv"

    with_heart(tmp_path, scenario)


def test_two_halves_of_a_hybrid_become_one_torrent(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        v2_only = Magnet(info_hash=V2)
        await heart.submit(magnet(0), v2_only)
        first, second = await heart.take()
        for lookup in (first, second):
            claimed = replace(named(lookup), name="Anchor", source="script", verified=False)
            await heart.apply((lookup, claimed))
        await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        await heart.apply((lookup, found_with(lookup)))
        about = await heart.database.read(names.provenance_of, [HASHES[0], V2])
        assert [about[one].known.verified for one in (HASHES[0], V2)] == [True, True]

    with_heart(tmp_path, scenario)


def test_an_ended_task_tells_what_was_done_for_it(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0, trackers=("http://t.example/announce",)))
        (lookup,) = await heart.take()
        await heart.start(lookup)
        silence = Account(resolver="swarm", ended="no_peers", counts={"trackers": 3})
        await heart.apply((lookup, replace(dead(lookup), accounts=(silence,), elapsed_s=0.0)))
        (account,) = unpack((await heart.task(mine)).detail)
        assert (account.ended, account.counts) == ("no_peers", {"trackers": 3})

    with_heart(tmp_path, scenario)


def test_a_turn_that_several_have_in_common_tells_none_of_them_of_trackers(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0, trackers=("http://t.example/announce",)))
        (theirs,) = await heart.submit(magnet(0, trackers=("http://u.example/announce",)), who=BOB)
        (lookup,) = await heart.take()
        await heart.start(lookup)
        silence = Account(resolver="swarm", ended="no_peers", counts={"trackers": 2, "tracker_peers": 1, "tried": 1})
        await heart.apply((lookup, replace(dead(lookup), accounts=(silence,), elapsed_s=0.0)))
        for task, who in ((mine, ALICE), (theirs, BOB)):
            (account,) = unpack((await heart.task(task, who)).detail)
            assert (account.ended, account.counts) == ("no_peers", {"tried": 1})

    with_heart(tmp_path, scenario)


def test_whoever_joins_late_is_told_nothing_of_what_was_before(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        await heart.start(lookup)
        heart.now += 20
        (theirs,) = await heart.submit(magnet(0), who=BOB)
        heart.now += 1
        await heart.apply((lookup, found_with(lookup, elapsed_s=21.0)))
        (first,) = unpack((await heart.task(mine)).detail)
        (second,) = unpack((await heart.task(theirs, BOB)).detail)
        assert first.counts
        assert (second.resolver, second.ended, second.counts) == ("swarm", "named", {})

    with_heart(tmp_path, scenario)


def test_who_joins_before_it_has_begun_and_is_not_named_is_told_what_was_seen_without_the_trackers(
    tmp_path: Path,
) -> None:
    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0, trackers=("http://mine.example/announce",)))
        (lookup,) = await heart.take()
        heart.now += 0.1
        (theirs,) = await heart.submit(magnet(0, trackers=("http://theirs.example/announce",)), who=BOB)
        await heart.start(lookup)
        heart.now += 29.95
        silence = Account(
            resolver="swarm", ended="no_metadata", counts={"trackers": 1, "tracker_peers": 2, "dht_nodes": 9}
        )
        outcome = replace(dead(lookup), code="no_metadata", reason="no_metadata", accounts=(silence,), elapsed_s=30.0)
        await heart.apply((lookup, outcome))
        (first,) = unpack((await heart.task(mine)).detail)
        (second,) = unpack((await heart.task(theirs, BOB)).detail)
        assert first.counts == silence.counts
        assert (second.resolver, second.ended, second.counts) == ("swarm", "no_metadata", {"dht_nodes": 9})

    with_heart(tmp_path, scenario)


LINK = f"magnet:?xt=urn:btih:{HASHES[0]}"


async def claim(heart: Heart, who: int = ALICE, name: str = "Claimed one.mkv") -> None:
    """A person asks, and is told what somebody claims."""
    await heart.submit(magnet(0), who=who)
    (lookup,) = await heart.take()
    await heart.start(lookup)
    await heart.apply((lookup, replace(named(lookup, name), source="script", verified=False)))


def test_a_claimed_name_in_a_note_gives_way_to_one_that_somebody_else_has_proven(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        notes = [await heart.note(f"{LINK}&tr=http://t.example/a another {LINK}&dn=x"), await heart.note("no magnet")]
        await claim(heart)
        assert await heart.text_of(notes[0]) == (
            f"{LINK}&dn=Claimed%20one.mkv&tr=http://t.example/a another {LINK}&dn=Claimed%20one.mkv"
        )
        await heart.submit(magnet(0), who=BOB)
        (lookup,) = await heart.take()
        await heart.apply((lookup, named(lookup, "True one.mkv")))
        assert [await heart.text_of(one) for one in notes] == [
            f"{LINK}&dn=True%20one.mkv&tr=http://t.example/a another {LINK}&dn=True%20one.mkv",
            "no magnet",
        ]
        async with heart.database.reading() as connection:
            told = await events.after(connection, ALICE, 0, limit=99)
        assert [one.note_id for one in told if one.note_id is not None] == [notes[0].id] * 2

    with_heart(tmp_path, scenario)


async def edit_of(heart: Heart, row: NoteRow, text: str) -> Edit:
    """Alice writes this in the place of what a name was written into once."""
    base = await heart.text_of(row)
    return Edit(person_id=ALICE, note_id=row.id, version=2, base=base, text=text, at=heart.now)


def test_what_is_claimed_later_takes_the_place_of_what_was_claimed_until_there_is_a_proof(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        everyone = [await heart.note(f"{LINK}&dn=x", who=who) for who in (ALICE, BOB, CAROL)]
        own = await heart.note(f"{LINK}&dn=x")
        await claim(heart, ALICE)
        await heart.write(edit_all, [await edit_of(heart, own, f"{LINK}&dn=Mine")])
        await claim(heart, BOB, "Claimed two.mkv")
        assert await names_of(heart, HASHES[0]) == {HASHES[0]: "Claimed two.mkv"}
        assert [await heart.text_of(one) for one in everyone] == [
            f"{LINK}&dn=Claimed%20two.mkv",
            f"{LINK}&dn=Claimed%20two.mkv",
            f"{LINK}&dn=x",
        ]
        await prove(heart, HASHES[0], "True one.mkv")
        assert [await heart.text_of(one) for one in (*everyone, own)] == [
            f"{LINK}&dn=True%20one.mkv",
            f"{LINK}&dn=True%20one.mkv",
            f"{LINK}&dn=x",
            f"{LINK}&dn=Mine",
        ]

    with_heart(tmp_path, scenario)


def test_of_two_claims_in_one_group_all_are_told_the_same_one(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"{LINK}&dn=x")
        await claim(heart)
        (again,) = await heart.submit(magnet(0), who=BOB)
        (lookup,) = await heart.take()
        claims = [
            (one, replace(named(one, name), source="script", verified=False))
            for one, name in ((lookup, "Claimed two.mkv"), (replace(lookup, strand=1), "Claimed three.mkv"))
        ]
        await heart.apply(*claims)
        assert (await heart.task(again, BOB)).name == "Claimed two.mkv"
        assert await names_of(heart, HASHES[0]) == {HASHES[0]: "Claimed two.mkv"}
        assert await heart.text_of(mine) == f"{LINK}&dn=Claimed%20two.mkv"

    with_heart(tmp_path, scenario)


def test_a_claim_of_a_delivery_that_does_not_count_any_more_changes_nothing(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (asked,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        await heart.start(current)
        late = (old, replace(named(old, "Claimed.mkv"), source="script", verified=False))
        await heart.apply(late)
        assert (await heart.task(asked)).status is TaskStatus.RUNNING
        assert await names_of(heart, HASHES[0]) == {}
        await heart.apply(late, (current, dead(current)))
        assert (await heart.task(asked)).status is TaskStatus.TIMEOUT

    with_heart(tmp_path, scenario)


def test_a_second_hash_that_nobody_was_asked_by_is_not_put_off_by_one_who_joins(tmp_path: Path) -> None:
    """Taken, in the queue, and given back before it began; or the server died just then."""

    async def scenario(heart: Heart) -> None:
        hers = magnet(0, info_hash_v2=InfoHash("aa" * 32), trackers=("http://a.example/announce",))
        his = magnet(0, info_hash_v2=InfoHash("bb" * 32), trackers=("http://b.example/announce",))
        await heart.submit(hers)
        (in_the_queue,) = await heart.take()
        await heart.submit(his, who=BOB)
        await heart.write(calibration.give_back_all, [(in_the_queue, heart.now)])
        (taken,) = await heart.take()
        assert (taken.magnet.info_hash_v2, set(taken.magnet.trackers)) == (
            hers.info_hash_v2,
            {*hers.trackers, *his.trackers},
        )
        await heart.submit(replace(his, info_hash_v2=InfoHash("cc" * 32)), who=CAROL)
        await heart.write(calibration.recover, [heart.now])
        (taken,) = await heart.take()
        assert taken.magnet.info_hash_v2 == hers.info_hash_v2

    with_heart(tmp_path, scenario)


def test_a_name_that_a_command_has_found_ends_the_tasks_that_wait_for_it(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"{LINK}&dn=x")
        (asked,) = await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        await heart.start(lookup)
        catalogue = Catalogue(heart.database)
        catalogue.keep(replace(named(lookup, "Claimed one.mkv"), source="script", verified=False))
        await catalogue.write()
        assert (await heart.task(asked)).status is TaskStatus.RUNNING, "a command's claim is not the server's"
        catalogue.keep(named(lookup, "True one.mkv"))
        await catalogue.write()
        done = await heart.task(asked)
        assert (done.status, done.name, done.verified) == (TaskStatus.COMPLETED, "True one.mkv", True)
        assert await heart.text_of(mine) == f"{LINK}&dn=True%20one.mkv"
        assert await heart.take() == []
        await heart.apply((lookup, dead(lookup)))
        assert (await heart.task(asked)).status is TaskStatus.COMPLETED

    with_heart(tmp_path, scenario)


def test_who_waits_is_told_what_is_proven_whatever_is_claimed_then(tmp_path: Path) -> None:
    """A command beside the server has found the name meanwhile."""

    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"{LINK}&dn=x")
        (submitted,) = await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        async with heart.database.writing() as connection:
            await names.learn(connection, [names.Finding.of(named(lookup, "True one.mkv"))], at=heart.now)
        await heart.apply((lookup, replace(named(lookup, "Claimed one.mkv"), source="script", verified=False)))
        done = await heart.task(submitted)
        assert (done.name, done.verified, done.source) == ("True one.mkv", True, "swarm")
        assert await heart.text_of(mine) == f"{LINK}&dn=True%20one.mkv"

    with_heart(tmp_path, scenario)


def test_a_claimed_name_in_a_note_gives_way_to_what_a_command_beside_the_server_has_proven(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"{LINK}&dn=x")
        await claim(heart)
        catalogue = Catalogue(heart.database)
        catalogue.keep(named(Lookup(delivery="", lookup_id=0, magnet=magnet(0), prio=1), "True one.mkv"))
        await catalogue.write()
        assert await heart.text_of(mine) == f"{LINK}&dn=True%20one.mkv"
        async with heart.database.reading() as connection:
            told = await events.after(connection, ALICE, 0, limit=99)
        assert [one.note_id for one in told if one.note_id is not None] == [mine.id] * 2

    with_heart(tmp_path, scenario)


def test_a_proof_leaves_alone_what_nobody_had_claimed_there(tmp_path: Path) -> None:
    """A name that the person chose, and the notes of those who did not ask."""

    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"{LINK}&dn=x")
        theirs = await heart.note(f"{LINK}&dn=Claimed%20one.mkv", who=BOB)
        await claim(heart)
        edit = await edit_of(heart, mine, f"{LINK}&dn=My%20own {LINK}&dn=Claimed%20one.mkv")
        (edited,) = await heart.write(edit_all, [edit])
        assert edited.text == f"{LINK}&dn=My%20own {LINK}&dn=Claimed%20one.mkv"
        await heart.submit(magnet(0), who=CAROL)
        (lookup,) = await heart.take()
        await heart.apply((lookup, named(lookup, "True one.mkv")))
        assert await heart.text_of(mine) == f"{LINK}&dn=My%20own {LINK}&dn=True%20one.mkv"
        assert await heart.text_of(theirs) == theirs.text

    with_heart(tmp_path, scenario)


def test_a_name_that_was_undone_is_not_written_again_by_its_proof(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.note(f"{LINK}&dn=x")
        added = await heart.note(f"{LINK}&dn=x")
        await claim(heart)
        undone = await edit_of(heart, mine, f"{LINK}&dn=x")
        more = await edit_of(heart, added, f"{await heart.text_of(added)} {LINK}&dn=new")
        await heart.write(edit_all, [undone, more])
        await heart.submit(magnet(0), who=BOB)
        (lookup,) = await heart.take()
        await heart.apply((lookup, named(lookup, "True one.mkv")))
        assert await heart.text_of(mine) == f"{LINK}&dn=x"
        assert await heart.text_of(added) == f"{LINK}&dn=Claimed%20one.mkv {LINK}&dn=new"

    with_heart(tmp_path, scenario)


def test_events_are_kept_for_a_day_and_no_longer(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        began = heart.now
        await heart.submit(magnet(0))
        heart.now = began + 23 * 3600
        await heart.submit(magnet(1))
        async with heart.database.writing() as connection:  # while the clock was ten years ahead
            await events.append(connection, at=began + 87_600 * 3600, tasks=[(BOB, "late")])
            await events.append(connection, at=began, tasks=[(ALICE, "early")])
        writer = Writer(heart.database)
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run())
            for hours, left in ((24, 3), (24.1, 2), (47.1, 0)):
                now = began + hours * 3600
                await Cleaner(writer, lambda now=now: now, task_ttl_s=1e9, interval_s=1).clean()
                assert len(await heart.database.read(events.after, ALICE, 0, limit=99)) == left
            writer.stop()

    with_heart(tmp_path, scenario)
