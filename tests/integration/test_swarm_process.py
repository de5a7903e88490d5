"""The swarm's child process, killed, stopped, broken: that costs no look-up, and no child outlives its program."""

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SilentPeer, run
from tests.integration.test_swarm_demo import gone
from tests.wire import Conversing, Peer, info_named, sha1
from truename.demo.torrents import dead_hashes
from truename.errors import NotYet, Refused, ResolverDown
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.resolvers.base import MAX_METADATA_BYTES, Trail
from truename.resolvers.chain import Chain, Patience
from truename.resolvers.child.limits import MEMORY_BYTES
from truename.resolvers.child.process import COMMAND, Pulse
from truename.resolvers.child.resolver import Care, SwarmProcess
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.resolver import DirectResolver
from truename.resolvers.swarm_config import SwarmConfig

QUICK = Care(pulse=Pulse(every_s=0.1, silence_s=1.0), again_s=0.01, trial_s=0.3)
NEVER_S = 10.0**6
INFO = info_named("beside them")
CONFIG = SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)


class Reluctant(Peer):
    """Answers nobody until it is told to, and then whoever asks."""

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.willing = False
        self.heard = asyncio.Condition()
        self.hashes: list[bytes] = []

    async def answer(self, talk: Conversing, piece: int) -> None:
        async with self.heard:
            self.hashes.append(talk.hash20)
            self.heard.notify_all()
        if self.willing:
            await super().answer(talk, piece)

    async def asked_for(self, count: int) -> None:
        """Wait until it was asked for so many torrents."""
        async with self.heard:
            await self.heard.wait_for(lambda: len(set(self.hashes)) >= count)


@contextlib.asynccontextmanager
async def a_process(care: Care = QUICK, config: SwarmConfig = CONFIG, **options: Any) -> AsyncIterator[SwarmProcess]:
    swarm = SwarmProcess(config, care=care, **options)
    try:
        yield swarm
    finally:
        await swarm.aclose()


def pid_of(swarm: SwarmProcess) -> int:
    assert swarm._child is not None
    return swarm._child.pid


def of_peer(info: bytes, peer: Peer) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&x.pe={peer.endpoint}")


def asking(swarm: SwarmProcess, peer: Peer, infos: Sequence[bytes]) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)) for info in infos]


async def names(tasks: Sequence[asyncio.Task[Any]]) -> list[str]:
    return [found.name for found in await asyncio.gather(*tasks)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGABRT])
def test_a_child_that_dies_or_hangs_with_a_hundred_look_ups_costs_none_of_them(how: signal.Signals) -> None:
    async def test() -> None:
        infos = [info_named(f"number {index}") for index in range(100)]
        async with Reluctant(*infos).serving() as peer, a_process() as swarm:
            assert isinstance(peer, Reluctant)
            tasks = asking(swarm, peer, infos)
            await peer.asked_for(100)
            first = pid_of(swarm)
            os.kill(first, how)
            peer.willing = True
            assert await names(tasks) == [f"number {index}" for index in range(100)]
            assert gone(first)
            assert pid_of(swarm) != first

    run(test())


def test_somebody_who_kills_it_again_and_again_costs_no_look_up() -> None:
    async def test() -> None:
        info = info_named("patient")
        async with SilentPeer(info).serving() as silent, Peer(info).serving() as honest, a_process() as swarm:
            (task,) = asking(swarm, silent, [info])
            for _ in range(4):
                await silent.met.wait()
                silent.met.clear()
                os.kill(pid_of(swarm), signal.SIGKILL)
            await silent.met.wait()
            assert not task.done()
            assert (await swarm.resolve(of_peer(info, honest), deadline_s=LONG_S)).name == "patient"
            assert (await task).name == "patient"

    run(test())


def test_killed_between_two_look_ups_it_is_there_again_for_the_second() -> None:
    async def test() -> None:
        info = info_named("twice")
        async with Peer(info).serving() as peer, a_process() as swarm:
            assert (await swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)).name == "twice"
            child = swarm._child
            assert child is not None
            os.kill(child.pid, signal.SIGKILL)
            await child.over.wait()
            assert (await swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)).name == "twice"

    run(test())


def test_a_look_up_that_nobody_has_been_asked_for_keeps_all_its_time_and_another_what_is_left() -> None:
    async def test() -> None:
        async with SilentPeer(info_named("slow")).serving() as peer, a_process() as swarm:
            asked = asyncio.Event()
            told = Trail(asked.set)
            task = asyncio.create_task(swarm.resolve(of_peer(info_named("slow"), peer), deadline_s=LONG_S, trail=told))
            await asyncio.sleep(0)
            (question,) = swarm._waiting.values()
            assert question.left_s(asyncio.get_running_loop().time()) == LONG_S
            await asked.wait()
            assert question.left_s(asyncio.get_running_loop().time() + 10) <= LONG_S - 10
            task.cancel()
            await asyncio.wait([task])

    run(test())


DEADLY = """
import asyncio, os, sys
from truename.resolvers.child import service

poison, after_s = sys.argv[1], float(sys.argv[2])
del sys.argv[1:3]
ask = service.Service._ask

def deadly(self, asked):
    if asked.magnet.info_hash == poison:
        asyncio.get_running_loop().call_later(after_s, os.abort) if after_s else os.abort()
    ask(self, asked)

service.Service._ask = deadly
from truename.resolvers.child.main import main
main()
"""


@pytest.mark.parametrize("after_s", [0, 0.1])
def test_a_look_up_that_kills_every_child_is_given_up_and_its_neighbours_are_named(after_s: float) -> None:
    async def test() -> None:
        infos = [info_named(f"neighbour {index}") for index in range(30)]
        poison = info_named("poison")
        command = (sys.executable, "-c", DEADLY, sha1(poison), str(after_s))
        async with Reluctant(*infos, poison).serving() as peer, a_process(command=command) as swarm:
            assert isinstance(peer, Reluctant)
            tasks = asking(swarm, peer, infos[:15])
            chain = Chain([swarm])
            killing = asyncio.create_task(chain.look_up(of_peer(poison, peer), timeout_s=LONG_S))
            tasks += asking(swarm, peer, infos[15:])
            outcome = await killing
            assert (outcome.status.value, outcome.code) == ("failed", "resolver_failed")
            peer.willing = True
            assert await names(tasks) == [f"neighbour {index}" for index in range(30)]

    run(test())


def test_a_look_up_alone_is_given_up_after_three_children(tmp_path: Path) -> None:
    async def test() -> None:
        command = (sys.executable, "-c", counted(tmp_path / "starts") + DEADLY, DEAD, "0")
        async with a_process(command=command) as swarm:
            with pytest.raises(Refused):
                await swarm.resolve(Magnet.parse(DEAD), deadline_s=LONG_S)

    run(test())
    assert (tmp_path / "starts").read_text() == "started\n" * 3


def counted(file: Path) -> str:
    """What makes a child leave a line in a file when it starts."""
    return f"print('started', file=open({str(file)!r}, 'a'))\n"


@pytest.mark.parametrize("ending", ["raise SystemExit(3)", "import os; os.abort()", "import time; time.sleep(600)"])
def test_a_child_that_never_starts_is_told_and_not_tried_without_end(tmp_path: Path, ending: str) -> None:
    async def test() -> None:
        care = Care(pulse=Pulse(every_s=0.05, start_s=0.5), again_s=0.01, rest_s=3600)
        command = (sys.executable, "-c", counted(tmp_path / "starts") + ending)
        async with a_process(care, command=command) as swarm:
            endings = await asyncio.gather(
                *(swarm.resolve(Magnet.parse(DEAD), deadline_s=LONG_S) for _ in range(10)), return_exceptions=True
            )
            assert [each.reason for each in endings if isinstance(each, ResolverDown)] == ["session_failed"] * 10
            with pytest.raises(ResolverDown):
                await swarm.resolve(Magnet.parse(DEAD), deadline_s=LONG_S)
            health = await swarm.health()
            assert (health.able, health.reason) == (False, "session_failed")

    run(test())
    assert (tmp_path / "starts").read_text() == "started\n" * 3


def test_a_child_that_hangs_at_its_start_holds_up_nobody_who_comes_next() -> None:
    async def test() -> None:
        info = info_named("found beside it")
        care = Care(pulse=Pulse(start_s=NEVER_S), taken_s=0.1)
        command = (sys.executable, "-c", "import time; time.sleep(600)")
        async with Peer(info).serving() as peer, a_process(care, command=command) as swarm:
            chain = Chain([swarm, DirectResolver(DirectConfig(allow_private=True))], patience=Patience(late_s=NEVER_S))
            outcome = await chain.look_up(of_peer(info, peer), timeout_s=LONG_S)
            assert (outcome.name, outcome.source) == ("found beside it", "direct")
            await chain.aclose()

    run(test())


@pytest.mark.parametrize("taken_s", [0.5, 0.0], ids=["before it is looked at", "afterwards"])
def test_a_child_that_hangs_later_holds_up_nobody_either(taken_s: float) -> None:
    async def test() -> None:
        care = Care(pulse=Pulse(every_s=0.2, silence_s=NEVER_S), taken_s=taken_s)
        async with SilentPeer(INFO).serving() as peer, a_process(care) as swarm:
            await swarm.health()
            os.kill(pid_of(swarm), signal.SIGSTOP)
            told = asyncio.Event()
            trail = Trail(told.set)
            task = asyncio.create_task(swarm.resolve(of_peer(INFO, peer), deadline_s=LONG_S, trail=trail))
            await told.wait()
            assert (trail.asked, trail.stuck) == (False, True)
            task.cancel()
            await asyncio.wait([task])

    run(test())


class ClaimsMuch(Peer):
    """Has nothing, and claims as much for every hash as may be claimed."""

    def metadata_size(self, talk: Conversing) -> int:
        return MAX_METADATA_BYTES

    async def answer(self, talk: Conversing, piece: int) -> None:
        """Never."""


def test_memory_that_is_set_aside_for_mere_claims_is_given_back_before_anybody_lacks_it() -> None:
    async def test() -> None:
        config, care = replace(CONFIG, guard_s=NEVER_S), Care(pulse=Pulse(silence_s=NEVER_S))
        async with (
            ClaimsMuch().serving() as peer,
            Peer(INFO).serving() as honest,
            a_process(care, config=config) as swarm,
        ):
            await swarm.health()
            child = pid_of(swarm)

            def taken() -> int:
                pages = int(Path(f"/proc/{child}/statm").read_text().split()[0])
                return pages * resource.getpagesize()

            def is_short() -> bool:
                return taken() > MEMORY_BYTES // 2

            # More than may be taken, and not so much that on a slow machine it is lacking before anybody has looked.
            claims = (MEMORY_BYTES * 3 // 4 - taken()) // MAX_METADATA_BYTES
            tasks = [
                asyncio.create_task(
                    swarm.resolve(Magnet.parse(f"magnet:?xt=urn:btih:{each}&x.pe={peer.endpoint}"), deadline_s=LONG_S)
                )
                for each in dead_hashes(claims)
            ]
            while not is_short():
                await asyncio.sleep(0.01)
            while is_short():
                await asyncio.sleep(0.01)
            assert (await swarm.resolve(of_peer(INFO, honest), deadline_s=LONG_S)).name == "beside them"
            assert pid_of(swarm) == child
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    run(test())


def test_a_question_that_finds_no_memory_is_asked_again_in_another_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        first = tmp_path / "first"
        program = f"""
import pathlib
from truename.resolvers.child import main, messages
first = pathlib.Path({str(first)!r})
read_ask = messages.read_ask
def fail_once(message):
    if first.exists():
        return read_ask(message)
    first.touch()
    raise MemoryError
messages.read_ask = fail_once
main.main()
"""
        async with Peer(INFO).serving() as peer, a_process(command=(sys.executable, "-c", program)) as swarm:
            assert (await swarm.resolve(of_peer(INFO, peer), deadline_s=LONG_S)).name == "beside them"
            assert first.exists()
        (ended,) = (one for one in caplog.records if one.getMessage() == "the swarm's process has ended")
        assert ended.how == "out of memory"

    run(test())


def test_a_program_that_is_not_there_is_told_and_may_be_there_later() -> None:
    async def test() -> None:
        info = info_named("later")
        care = Care(again_s=0.01, rest_s=0)
        async with Peer(info).serving() as peer, a_process(care, command=("/nonexistent/python",)) as swarm:
            with pytest.raises(ResolverDown):
                await swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)
            swarm._command = COMMAND
            assert (await swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)).name == "later"

    run(test())


def framed(text: bytes, tail: bytes = b"") -> bytes:
    return (4 + len(text) + len(tail)).to_bytes(4, "big") + len(text).to_bytes(4, "big") + text + tail


def lying(said: bytes, file: Path) -> str:
    """The first child starts well and says this; the next one is honest."""
    return f"""
import os, socket, sys
if os.path.exists({str(file)!r}):
    os.execv(sys.executable, [*{list(COMMAND)!r}, *sys.argv[1:]])
open({str(file)!r}, "x").close()
sock = socket.socket(fileno=int(sys.argv[1]))
sock.recv(4)
sock.sendall({framed(b'[[],["up"]]')!r} + {said!r})
while sock.recv(4096):
    pass
"""


@pytest.mark.parametrize(
    "said",
    [
        (17 << 20).to_bytes(4, "big"),
        framed(b"\xff\x00garbage"),
        framed(b"[" * 100_000),
        framed(b'[[],["sudo"]]'),
        framed(b'[[],["raw",1,[true,false,[],{}],"no bytes"]]'),
        framed(b'[[[0,4]],["raw",1,[true,false,[],{}]]]', b"abc"),
        framed(b'[[],["ended",1,["sudo"],[true,false,[],{}]]]'),
        framed(b'[[],["log","text"]]'),
    ],
)
def test_a_child_that_cannot_be_understood_is_killed_and_replaced(tmp_path: Path, said: bytes) -> None:
    async def test() -> None:
        info = info_named("understood")
        command = (sys.executable, "-c", lying(said, tmp_path / "been here"))
        async with Peer(info).serving() as peer, a_process(command=command) as swarm:
            assert (await swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)).name == "understood"
        assert (tmp_path / "been here").exists()

    run(test())


def test_a_name_that_the_child_only_says_is_not_believed(tmp_path: Path) -> None:
    async def test() -> None:
        from truename.errors import BadMetadata
        from truename.resolvers.child import messages
        from truename.resolvers.child.frames import pack

        (lie,) = pack([(messages.raw(1, Trail()), info_named("a lie"))])
        command = (sys.executable, "-c", lying(lie, tmp_path / "been here"))
        async with a_process(command=command) as swarm:
            with pytest.raises(BadMetadata):
                await swarm.resolve(Magnet.parse(DEAD), deadline_s=LONG_S)

    run(test())


def saw(peers: int) -> bytes:
    """Somebody has been asked, and so many peers are known."""
    return framed(f'[[],["news",1,[true,false,[],{{"dht_peers":{peers}}}]]]'.encode())


@pytest.mark.parametrize(
    ("said", "peers_seen"),
    [
        (saw(3) + framed(b'[[],["sudo"]]'), 3),
        (saw(0) + framed(b'[[],["sudo"]]'), 0),
        (saw(3), 3),
        (saw(0), 0),
        (saw(3) + framed(b'[[],["ended",1,["not_yet",0],[true,false,[],{"dht_peers":0}]]]'), 3),
        (saw(0) + framed(b'[[],["ended",1,["not_yet",null],[true,false,[],{}]]]'), 0),
    ],
    ids=["killed", "killed, none seen", "silent", "silent, none seen", "ended", "ended, nothing said"],
)
def test_a_look_up_whose_time_is_over_tells_of_the_peers_that_were_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, peers_seen: int
) -> None:
    async def test() -> None:
        command = (sys.executable, "-c", lying(said, tmp_path / "been here"))
        async with a_process(Care(), command=command) as swarm:
            with pytest.raises(NotYet) as late:
                await swarm.resolve(Magnet.parse(DEAD), deadline_s=0.001)
        assert late.value.peers_seen == peers_seen

    if b"sudo" not in said:
        monkeypatch.setattr("truename.resolvers.child.resolver._LAST_WORD_S", 0)
    run(test())


def test_ten_thousand_at_once_all_have_their_end_though_the_child_reads_slowly() -> None:
    async def test() -> None:
        async with a_process(Care()) as swarm:
            await swarm.health()
            os.kill(pid_of(swarm), signal.SIGSTOP)
            tasks = [
                asyncio.create_task(swarm.resolve(Magnet.parse(each), deadline_s=LONG_S))
                for each in dead_hashes(10_000)
            ]
            for _ in range(5):
                await asyncio.sleep(0)
            assert swarm._child is not None
            assert swarm._child._wire._unsent
            os.kill(pid_of(swarm), signal.SIGCONT)
            endings = await asyncio.gather(*tasks, return_exceptions=True)
            assert {getattr(each, "reason", each) for each in endings} == {"nobody_to_ask"}
            assert not swarm._waiting

    run(test())


def test_a_look_up_that_fits_into_no_message_fails_alone() -> None:
    async def test() -> None:
        info, too_much = info_named("beside"), "udp://a.example/" + "x" * (17 << 20)
        async with Peer(info).serving() as peer, a_process() as swarm:
            (before,) = asking(swarm, peer, [info])
            large = asyncio.create_task(
                swarm.resolve(Magnet(info_hash=InfoHash("1" * 40), trackers=(too_much,)), deadline_s=LONG_S)
            )
            (after,) = asking(swarm, peer, [info])
            with pytest.raises(ResolverDown) as failed:
                await large
            assert failed.value.reason == "nobody_usable"
            assert await names([before, after]) == ["beside", "beside"]
            assert not swarm._waiting

    run(test())


def test_those_who_are_cancelled_leave_the_child_too() -> None:
    async def test() -> None:
        info = info_named("unwanted")
        async with SilentPeer(info).serving() as peer, a_process() as swarm:
            (task,) = asking(swarm, peer, [info])
            await peer.met.wait()
            task.cancel()
            await asyncio.wait([task])
            await peer.left.wait()
            assert not swarm._waiting

    run(test())


def test_the_child_has_bounds_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        tracker = "http://127.0.0.1:9/passkey/announce"
        with socket.socket() as ours:
            os.set_inheritable(ours.fileno(), True)
            async with a_process(config=SwarmConfig("127.0.0.1:0", trackers=(tracker,), dht=False)) as swarm:
                await swarm.health()
                of_child = Path(f"/proc/{pid_of(swarm)}")
                limits = (of_child / "limits").read_text().splitlines()
                bounds = {line[:26].strip(): line[26:].split()[:2] for line in limits}
                assert bounds["Max address space"] == [str(MEMORY_BYTES)] * 2
                assert bounds["Max core file size"] == ["0"] * 2
                hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
                assert bounds["Max open files"][0] == str(65536 if hard == -1 else min(hard, 65536))
                assert (of_child / "oom_score_adj").read_text() == "500\n"
                assert b"hush" not in (of_child / "environ").read_bytes()
                assert b"passkey" not in (of_child / "cmdline").read_bytes()
                assert [os.readlink(of_child / "fd" / name) for name in "01"] == ["/dev/null"] * 2
                mine = os.readlink(f"/proc/self/fd/{ours.fileno()}")
                assert mine not in [os.readlink(each) for each in (of_child / "fd").iterdir()]
                assert os.getsid(pid_of(swarm)) == pid_of(swarm)

    monkeypatch.setenv("TRUENAME_TRACKERS", "http://127.0.0.1:9/hush")
    run(test())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_a_whole_group_of_processes_is_told_is_not_for_the_child(number: signal.Signals) -> None:
    async def test() -> None:
        async with a_process() as swarm:
            await swarm.health()
            child = pid_of(swarm)
            os.kill(child, number)
            assert (await swarm.health()).able
            assert pid_of(swarm) == child

    run(test())


def test_what_the_child_has_to_tell_is_in_our_log(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            async with a_process(config=SwarmConfig(where, dht=False, allow_private=True)) as swarm:
                with pytest.raises(ResolverDown) as down:
                    await swarm.resolve(Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&x.pe=127.0.0.1:9"), deadline_s=LONG_S)
                assert down.value.reason == "cannot_listen"
        record, *_ = [record for record in caplog.records if record.message == "cannot listen"]
        assert where in record.subject

    run(test())


def first_child(file: Path, does: str) -> tuple[str, ...]:
    """A command whose first child does something of its own before it begins; the next ones are honest."""
    code = f"""
import os, sys
if not os.path.exists({str(file)!r}):
    open({str(file)!r}, "x").close()
{indent(does, " " * 4)}
from truename.resolvers.child.main import main
main()
"""
    return (sys.executable, "-c", code)


def test_a_child_whose_libtorrent_stands_still_is_killed_and_replaced(tmp_path: Path) -> None:
    async def test() -> None:
        info = info_named("moving")
        still = """
from truename.resolvers.session import SwarmSession
SwarmSession._read = lambda self: self._bell.recv(4096)
"""
        command = first_child(tmp_path / "been here", still)
        async with Peer(info).serving() as peer, a_process(command=command) as swarm:
            assert (await swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)).name == "moving"

    run(test())


def test_a_defect_in_the_child_is_an_answer_too(tmp_path: Path) -> None:
    async def test() -> None:
        breaks = """
from truename.resolvers.swarm import SwarmResolver
def ask(*_, **__):
    raise ZeroDivisionError
SwarmResolver.ask = ask
"""
        async with a_process(command=first_child(tmp_path / "been here", breaks)) as swarm:
            with pytest.raises(Refused):
                await swarm.resolve(Magnet.parse(DEAD), deadline_s=LONG_S)

    run(test())


PARENT = """
import asyncio, os, sys, threading
from truename.magnet import Magnet
from truename.resolvers.child.resolver import SwarmProcess
from truename.resolvers.swarm_config import SwarmConfig

async def main():
    swarm = SwarmProcess(SwarmConfig("127.0.0.1:0", dht=False, allow_private=True))
    await swarm.health()
    if sys.argv[1] == "forked" and os.fork() == 0:
        os.closerange(0, 3)
        os.read(int(sys.argv[2]), 1)
        os._exit(0)
    print(swarm._child.pid, flush=True)
    if sys.argv[1] == "closed":
        await swarm.aclose()
    if sys.argv[1] != "closed":
        await asyncio.Event().wait()

if sys.argv[1] == "in a thread":
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join()
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["alone", "forked", "in a thread"])
def test_the_child_ends_with_a_parent_that_is_killed(how: str) -> None:
    waits, lets_go = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, how, str(waits)], stdout=subprocess.PIPE, text=True, pass_fds=[waits]
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert gone(child)
        os.close(lets_go)
    os.close(waits)


def test_a_child_whose_parent_has_died_before_it_began_does_not_begin() -> None:
    with socket.socket() as theirs:
        begun = [*COMMAND, str(theirs.fileno()), str(os.getppid())]  # not the number of the process that starts it
        assert subprocess.run(begun, pass_fds=[theirs.fileno()], timeout=60, check=False).returncode == 3


def test_after_closing_the_child_is_gone_and_nothing_is_complained_about() -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PARENT, "closed"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not Path(f"/proc/{ended.stdout.strip()}").exists()


COPY = """
import asyncio, os, sys
from truename.magnet import Magnet
from truename.resolvers.child.resolver import SwarmProcess
from truename.resolvers.swarm_config import SwarmConfig

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # a fork on a busy machine
    swarm = SwarmProcess(SwarmConfig("127.0.0.1:0", dht=False, allow_private=True))
    await swarm.health()
    copy = os.fork()
    if not copy:
        del swarm
        return
    os.waitpid(copy, 0)
    print((await swarm.health()).able)
    await swarm.aclose()

asyncio.run(main())
"""


def test_a_forked_copy_that_ends_complains_about_nothing_and_leaves_the_child_alone() -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", COPY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")


@pytest.mark.parametrize("how", ["refused", "not there"])
def test_a_kernel_without_pidfds_is_told(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def refused(_: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    async def test() -> None:
        async with a_process() as swarm:
            with pytest.raises(ResolverDown) as down:
                await swarm.resolve(Magnet.parse(DEAD), deadline_s=LONG_S)
            assert down.value.reason == "session_failed"

    if how == "refused":
        monkeypatch.setattr(os, "pidfd_open", refused)
    else:
        monkeypatch.delattr(os, "pidfd_open")
    run(test())


def test_a_child_that_is_stopped_is_gone_after_closing_too() -> None:
    async def test() -> None:
        async with a_process() as swarm:
            await swarm.health()
            pid = pid_of(swarm)
            os.kill(pid, signal.SIGSTOP)
        assert not Path(f"/proc/{pid}").exists()

    run(test())


def test_closing_that_is_cancelled_leaves_no_child() -> None:
    async def test() -> None:
        swarm = SwarmProcess(CONFIG)
        await swarm.health()
        pid = pid_of(swarm)
        os.kill(pid, signal.SIGSTOP)
        closing = asyncio.create_task(swarm.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        loops = 0
        while not closing.done():
            await asyncio.sleep(0)
            loops += 1
        assert loops > 2  # it goes on meanwhile
        assert not Path(f"/proc/{pid}").exists()

    run(test())


def test_a_trail_tells_of_the_question_while_the_look_up_goes_on() -> None:
    async def test() -> None:
        info = info_named("told")
        async with SilentPeer(info).serving() as peer, a_process() as swarm:
            told = asyncio.Event()
            trail = Trail(told.set)
            task = asyncio.create_task(swarm.resolve(of_peer(info, peer), deadline_s=LONG_S, trail=trail))
            await told.wait()
            assert trail.asked
            assert not task.done()
            task.cancel()
            await asyncio.wait([task])

    run(test())


def test_the_program_itself_does_not_load_libtorrent() -> None:
    code = "import truename.cli, truename.serving\n" + PARENT.replace("print(swarm._child.pid, flush=True)", "pass")
    ended = subprocess.run(
        [sys.executable, "-c", code + "\nprint('libtorrent' in sys.modules)", "closed"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("False\n", "")
