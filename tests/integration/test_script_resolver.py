"""The resolver `script` with real scripts, the hostile ones too."""

import asyncio
import codecs
import os
import select
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import resident_kb
from tests.wire import Peer, info_named, sha1
from truename.errors import NotYet, Refused, ResolverDown
from truename.magnet import InfoHash, Magnet
from truename.metainfo import MAX_NAME_BYTES
from truename.model import TaskStatus
from truename.resolvers.base import Claim, Trail
from truename.resolvers.chain import Chain, Patience
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.resolver import DirectResolver
from truename.resolvers.script import (
    KEEPER,
    MAX_OUTPUT_BYTES,
    Exit,
    ScriptConfig,
    ScriptResolver,
    read_answer,
    reason_in,
)
from truename.resolvers.verdict import judge
from truename.texts import Language, say
from truename.timeline import told, why

HASH = InfoHash("1a" * 20)
MAGNET = Magnet(info_hash=HASH, trackers=("http://tracker.example/announce",), peers=("192.0.2.1:6881",))
LONG_S, SHORT_S = 50.0, 0.5


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(90):
            await scenario()

    asyncio.run(bounded())


@asynccontextmanager
async def script(folder: Path, text: str, *, name: str = "helper.py", **fields: Any) -> AsyncIterator[ScriptResolver]:
    path = folder / name
    path.write_text(text)
    if path.suffix != ".py":
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    resolver = ScriptResolver(ScriptConfig(path=path, **fields))
    try:
        yield resolver
    finally:
        await resolver.aclose()


def ask(
    resolver: ScriptResolver, *, deadline_s: float = LONG_S, info_hash: InfoHash = HASH
) -> Coroutine[Any, Any, Claim]:
    return resolver.resolve(Magnet(info_hash=info_hash), deadline_s=deadline_s)


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


async def read_pid(pipe: Path) -> int:
    """A number that a script writes into a named pipe."""
    return int(await asyncio.to_thread(pipe.read_text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("helper.py", "import sys\nprint('Dunes of', sys.argv[1][:4])\n"),
        ("helper.sh", '#!/bin/sh\nprintf "Dunes of %.4s\\n\\n" "$1"\n'),
    ],
)
def test_what_it_prints_is_the_name_and_claimed(tmp_path: Path, name: str, text: str) -> None:
    async def scenario() -> None:
        async with script(tmp_path, text, name=name) as resolver:
            assert await ask(resolver) == Claim("Dunes of 1a1a")
            outcome = await Chain([resolver]).look_up(MAGNET, timeout_s=LONG_S)
            assert (outcome.status, outcome.source, outcome.verified) == (TaskStatus.COMPLETED, "script", False)

    run(scenario)


def test_it_gets_the_hash_alone_and_no_more_of_our_environment_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TRUENAME_WEBHOOK_SECRET", "hush")
    monkeypatch.setenv("OTHER", "hush")
    text = (
        "import os, sys\n"
        "assert sys.stdin.read() == ''\n"
        "assert os.getpgrp() == os.getsid(0) and os.path.samefile('.', os.path.dirname(__file__))\n"
        "kept = sorted(k for k in os.environ if not k.startswith('LC_'))\n"
        "print(sys.argv[1:], [k for k in kept if k in ('QBT_URL', 'TRUENAME_WEBHOOK_SECRET', 'OTHER')])\n"
    )

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            found = await resolver.resolve(MAGNET, deadline_s=LONG_S)
            assert found == Claim(f"['{HASH}'] ['QBT_URL']")

    run(scenario)


def test_a_reason_on_standard_error_is_told_to_the_person(tmp_path: Path) -> None:
    text = "import sys\nprint('half a name')\nsys.exit('no torrent with this hash is known')\n"

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            outcome = await Chain([resolver]).look_up(MAGNET, timeout_s=LONG_S)
            assert (outcome.status, outcome.code) == (TaskStatus.FAILED, "resolver_failed")
            assert outcome.accounts[0].said == "no torrent with this hash is known"

    run(scenario)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (b"", ""),
        (b"a\nthe last line\n\n", "the last line"),
        (b'Traceback (most recent call last):\n  File "/srv/x.py"\nValueError: password\n', ""),
        (b"cannot read /home/alice/.netrc or C:\\Users\\alice\\x", "cannot read … or …"),
        (b"no answer from http://alice:pw@10.0.0.7:8080/api", "no answer from …"),
        (b"10.1.2.3:8080 refused", "… refused"),
        (b"login failed for admin:hunter2 at qbt.home.lan:8080", "login failed for … at …"),
        (b"x" * 100_000, "x" * 200),
    ],
)
def test_a_reason_is_one_line_without_addresses_paths_and_tracebacks(errors: bytes, said: str) -> None:
    assert reason_in(errors) == said


@pytest.mark.parametrize(
    "output",
    [
        *(b"", b" \n", b".", b"..\n", HASH.encode(), HASH.upper().encode(), b"a\0b", b"x" * (MAX_NAME_BYTES + 1)),
        *("\ufeff".encode(), "\u200b\u2060\n".encode(), "\u3164".encode(), b"Dunes\n" + b"x" * (MAX_NAME_BYTES + 1)),
    ],
)
def test_what_cannot_be_a_name_is_none(output: bytes) -> None:
    with pytest.raises(Refused) as raised:
        read_answer(Exit(status=0, output=output, errors=b""), HASH)
    assert (raised.value.said, raised.value.reason) == ("", "script_no_name")


@pytest.mark.parametrize(
    "output",
    [
        b"Dunes",
        b"connecting to the client\nwaiting\nDunes\n\n",
        b"10 %\r90 %\rDunes\r\n",
        "\ufeffDunes\r\n".encode(),
        "log\n\ufeff Dunes \n\u200b\n".encode(),
        "一\n".encode("gbk") * 3000 + b"Dunes\n",
    ],
)
def test_the_name_is_the_last_line_in_which_there_is_something_to_see(output: bytes) -> None:
    assert read_answer(Exit(status=0, output=output, errors=b""), HASH) == Claim("Dunes")


@pytest.mark.parametrize("char", [*"\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"])
def test_only_what_ends_a_line_on_some_system_ends_a_name(char: str) -> None:
    output = f"connecting\nDunes{char}of glass\n".encode()
    assert read_answer(Exit(status=0, output=output, errors=b""), HASH) == Claim(f"Dunes{char}of glass")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#!/bin/sh\n", "script_no_name"),
        ("#!/bin/sh\nyes | head -c 200000\n", "script_too_much"),
        ("#!/bin/sh\nexit 3\n", "script_failed"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_in_the_readers_language(
    tmp_path: Path, text: str, reason: str, language: Language
) -> None:
    async def scenario() -> None:
        async with script(tmp_path, text, name="helper.sh") as resolver:
            outcome = await Chain([resolver]).look_up(MAGNET, timeout_s=LONG_S)
            assert (outcome.status, outcome.code, outcome.reason) == (TaskStatus.FAILED, "resolver_failed", reason)
            assert why(outcome.reason, outcome.accounts, language) == say(reason, language)
            assert say(f"ended_{reason}", language) in told(outcome.accounts, language)

    run(scenario)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_name_that_is_not_utf8_is_read_as_well_as_it_can_be_and_told_to_be_a_guess(mark: bytes) -> None:
    said = Exit(status=0, output=mark + "春天的故事".encode("gbk"), errors=b"")
    assert read_answer(said, HASH) == Claim("春天的故事", name_guessed=True)
    outcome = judge(MAGNET, [("script", read_answer(said, HASH))], accounts=(), elapsed_s=1.0)
    assert (outcome.name, outcome.verified, outcome.name_guessed) == ("春天的故事", False, True)


@pytest.mark.parametrize("kind", ["missing", "a folder", "not executable", "no interpreter", "no first line"])
def test_what_cannot_be_run_is_said_and_may_be_mended(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "helper"
    if kind == "a folder":
        path.mkdir()
    elif kind == "not executable":
        path.write_text("#!/bin/sh\necho Dunes\n")
    elif kind == "no interpreter":
        path.write_text("#!/nowhere/sh\n")
        path.chmod(0o700)
    elif kind == "no first line":
        path.write_text("echo Dunes\n")
        path.chmod(0o700)

    async def scenario() -> None:
        resolver = ScriptResolver(ScriptConfig(path=path))
        with pytest.raises(ResolverDown) as raised:
            await ask(resolver)
        assert raised.value.reason == ("script_not_started" if path.is_file() else "script_missing")
        if kind not in ("no interpreter", "no first line"):  # which only who tries it knows
            health = await resolver.health()
            assert (health.able, health.reason) == (False, raised.value.reason)
        if path.is_dir():
            path.rmdir()
        path.write_text("#!/bin/sh\necho Dunes\n")
        path.chmod(0o700)
        assert await ask(resolver) == Claim("Dunes")
        assert (await resolver.health()).able

    if kind == "not executable" and os.geteuid() == 0:
        assert not os.access(path, os.X_OK)  # not even root may run what nobody may
    run(scenario)


def test_at_the_deadline_it_is_killed_with_its_children_although_it_ignores_sigterm(tmp_path: Path) -> None:
    pipe = tmp_path / "pids"
    os.mkfifo(pipe)
    text = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.setsid()\n"
        "    if os.fork():\n"
        "        os._exit(0)\n"
        "    with open(sys.argv[0] + '.grandchild', 'w') as f: f.write(str(os.getpid()))\n"
        "    os.rename(sys.argv[0] + '.grandchild', sys.argv[0] + '.pid')\n"
        "    time.sleep(100)\n"
        "os.waitpid(child, 0)\n"
        "while not os.path.exists(sys.argv[0] + '.pid'): time.sleep(0.01)\n"
        f"with open({str(pipe)!r}, 'w') as f: f.write(open(sys.argv[0] + '.pid').read())\n"
        "time.sleep(100)\n"
    )

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            asking = asyncio.ensure_future(ask(resolver, deadline_s=3.0))
            grandchild = await read_pid(pipe)
            with pytest.raises(NotYet) as raised:
                await asking
            assert raised.value.code == "deadline"
            await gone(grandchild)
        async with script(tmp_path, "print('Dunes')") as resolver:
            assert await ask(resolver) == Claim("Dunes")

    run(scenario)


def test_a_cancelled_look_up_leaves_no_script(tmp_path: Path) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    text = f"import os, time\nwith open({str(pipe)!r}, 'w') as f: f.write(str(os.getpid()))\ntime.sleep(100)\n"

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            asking = asyncio.ensure_future(ask(resolver))
            pid = await read_pid(pipe)
            asking.cancel()
            await asyncio.wait({asking})
            await gone(pid)

    run(scenario)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_gigabyte_of_output_costs_no_memory_and_no_other_look_up(tmp_path: Path, stream: str) -> None:
    text = (
        "import sys\n"
        f"if sys.argv[1].startswith('1a'):\n"
        f"    for _ in range(1024): sys.{stream}.write('x' * 2**20)\n"
        "    sys.exit(3)\n"
        "print('Dunes')\n"
    )

    async def scenario() -> None:
        async with script(tmp_path, text, slots=1) as resolver:
            with pytest.raises(Refused) as raised:
                await ask(resolver)
            assert len(raised.value.said) <= 200
            assert await ask(resolver, info_hash=InfoHash("2b" * 20)) == Claim("Dunes")

    before = resident_kb()
    run(scenario)
    assert resident_kb() - before < 20 * MAX_OUTPUT_BYTES // 1024 + 20_000


def test_a_name_is_there_although_a_child_of_the_script_lives_on(tmp_path: Path) -> None:
    text = "import os, time\nif os.fork() == 0:\n    time.sleep(100)\nprint('Dunes', flush=True)\n"

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            assert await ask(resolver) == Claim("Dunes")

    run(scenario)


class Witness:
    """A named pipe that a script and its children hold open for writing: it knows whether one of them still lives."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "witness"
        os.mkfifo(self.path)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._seen = asyncio.Event()

    async def has_seen(self) -> None:
        """Wait until one of them has written something."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._reader, self._seen.set)
        await self._seen.wait()
        loop.remove_reader(self._reader)

    def block_until_one_has_begun(self, *, within_s: float) -> None:
        """Stand still, and so does the loop, until one of them has written something or the time is over."""
        select.select([self._reader], [], [], within_s)

    def all_are_gone(self) -> bool:
        try:
            while os.read(self._reader, 4096):
                pass
        except BlockingIOError:
            return False
        return True


# Each has an end of its own, so that a test that fails leaves nothing running.
STAYS_BEHIND = "env -i sleep 100 &\necho begun >&9"
LEAVES = "env -i setsid sleep 100 &\necho begun >&9"
CHAIN = """
import os, time
end = time.monotonic() + 10
if os.fork() == 0:
    os.write(9, b"begun")
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        os.setsid()
    os._exit(0)
"""


def shell(witness: Witness, text: str) -> str:
    return f"#!/bin/sh\nexec 9>{witness.path}\n{text}\n"


def python(witness: Witness, text: str) -> str:
    return f"import os\nos.dup2(os.open({str(witness.path)!r}, os.O_WRONLY), 9)\n{text}\n"


@pytest.mark.parametrize("left", [STAYS_BEHIND, LEAVES, CHAIN], ids=["stays", "leaves", "chain"])
def test_what_it_leaves_in_the_background_is_gone_when_its_name_is_there(tmp_path: Path, left: str) -> None:
    witness = Witness(tmp_path)
    text, name = (
        (python(witness, f"{left}\nprint('Dunes')"), "helper.py")
        if left is CHAIN
        else (shell(witness, f"{left}\necho Dunes"), "helper.sh")
    )

    async def scenario() -> None:
        async with script(tmp_path, text, name=name) as resolver:
            assert await ask(resolver) == Claim("Dunes")
            assert witness.all_are_gone()

    run(scenario)


@pytest.mark.parametrize("left", [STAYS_BEHIND, LEAVES, CHAIN], ids=["stays", "leaves", "chain"])
@pytest.mark.parametrize("deaf", [False, True])
def test_what_is_in_the_background_when_a_look_up_is_given_up_is_gone_then(
    tmp_path: Path, left: str, deaf: bool
) -> None:
    witness = Witness(tmp_path)
    if left is CHAIN:
        ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if deaf else ""
        text, name = python(witness, f"{ignoring}{left}\ntime.sleep(100)"), "helper.py"
    else:
        ignoring = "trap '' TERM\n" if deaf else ""
        text, name = shell(witness, f"{ignoring}{left}\nfor _ in 1 2 3; do sleep 30; done"), "helper.sh"

    async def scenario() -> None:
        async with script(tmp_path, text, name=name) as resolver:
            asking = asyncio.ensure_future(ask(resolver))
            await witness.has_seen()
            asking.cancel()
            await asyncio.wait({asking})
            assert witness.all_are_gone()

    run(scenario)


TWO_LEAVE = "setsid sleep 30 &\nsetsid sleep 30 &\necho begun >&9\nsleep 30"


def test_whenever_a_look_up_is_cancelled_nothing_is_left_of_it(tmp_path: Path) -> None:
    witness = Witness(tmp_path)

    async def scenario() -> None:
        async with script(tmp_path, shell(witness, TWO_LEAVE), name="helper.sh", slots=4) as resolver:

            async def cancelled_after(seconds: float) -> None:
                asking = asyncio.ensure_future(ask(resolver))
                await asyncio.sleep(seconds)
                asking.cancel()
                await asyncio.wait({asking})

            for first_ms in range(0, 80, 4):
                await asyncio.gather(*(cancelled_after((first_ms + each) / 1000) for each in range(4)))
            assert witness.all_are_gone()

    run(scenario)


def test_nothing_is_left_of_a_look_up_that_is_cancelled_while_its_keeper_is_started(tmp_path: Path) -> None:
    witness = Witness(tmp_path)

    async def scenario() -> None:
        async with script(tmp_path, shell(witness, TWO_LEAVE), name="helper.sh", slots=12) as resolver:
            asking = []
            for _ in range(12):  # each has come one turn of the loop further than the next
                asking.append(asyncio.ensure_future(ask(resolver)))
                await asyncio.sleep(0)
            witness.block_until_one_has_begun(within_s=0.5)
            for each in asking:
                each.cancel()
            await asyncio.wait(asking)
            assert witness.all_are_gone()

    run(scenario)


@pytest.mark.parametrize(("said", "status"), [(b"", 125), (b"\n", 128 + signal.SIGTERM)], ids=["not begun", "begun"])
def test_a_keeper_whose_line_ends_early_leaves_nothing(tmp_path: Path, said: bytes, status: int) -> None:
    witness, path, complaints = Witness(tmp_path), tmp_path / "helper.sh", tmp_path / "complaints"
    path.write_text(shell(witness, TWO_LEAVE))
    path.chmod(0o700)

    async def kept() -> int | None:
        with complaints.open("ab") as errors:
            keeper = await asyncio.create_subprocess_exec(
                *KEEPER, str(path), stdin=asyncio.subprocess.PIPE, stderr=errors
            )
        await keeper.communicate(said)
        return keeper.returncode

    async def scenario() -> None:
        for _ in range(5):
            assert await asyncio.gather(*(kept() for _ in range(4))) == [status] * 4
            assert witness.all_are_gone()
        assert not complaints.read_text()

    run(scenario)


def test_orphans_that_end_while_the_script_runs_are_buried(tmp_path: Path) -> None:
    text = (
        "import os, pathlib\n"
        "for _ in range(50):\n"
        "    if os.fork() == 0:\n"
        "        if os.fork() == 0: os._exit(0)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "keeper = pathlib.Path(f'/proc/{os.getppid()}/task/{os.getppid()}/children')\n"
        "while len(keeper.read_text().split()) > 1: pass\n"
        "print('Dunes')\n"
    )

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            assert await ask(resolver) == Claim("Dunes")

    run(scenario)


def test_a_pipe_that_nobody_reads_ends_its_programs_as_anywhere(tmp_path: Path) -> None:
    async def scenario() -> None:
        text = "#!/bin/bash\nset -o pipefail\nyes | head -c 1 >/dev/null\necho $?\n"
        async with script(tmp_path, text, name="helper") as resolver:
            assert await ask(resolver) == Claim("141")

    run(scenario)


def test_so_many_run_at_once_and_the_others_wait_without_their_clock_running(tmp_path: Path) -> None:
    pipe = tmp_path / "begun"
    os.mkfifo(pipe)
    text = (
        "import sys\n"
        f"if sys.argv[1].startswith('1a'): open({str(pipe)!r}, 'w').close(); open({str(pipe)!r}).read()\n"
        "print('Dunes')\n"
    )

    async def scenario() -> None:
        async with script(tmp_path, text, slots=1) as resolver:
            first, waits = asyncio.ensure_future(ask(resolver)), Trail()
            await asyncio.to_thread(pipe.read_text)  # it has begun
            second = asyncio.ensure_future(
                resolver.resolve(Magnet(info_hash=InfoHash("2b" * 20)), deadline_s=LONG_S, trail=waits)
            )
            await asyncio.wait({second}, timeout=SHORT_S)
            assert not waits.asked
            await asyncio.to_thread(pipe.write_text, "")  # it may end
            assert await first == Claim("Dunes")
            assert await second == Claim("Dunes")
            assert waits.asked

    run(scenario)


def test_who_asks_for_the_same_hash_shares_the_script_and_has_a_time_of_their_own(tmp_path: Path) -> None:
    begun, may_end, runs = tmp_path / "begun", tmp_path / "may_end", tmp_path / "runs"
    os.mkfifo(begun)
    os.mkfifo(may_end)
    text = (
        f"open({str(runs)!r}, 'a').write('one ')\n"
        f"open({str(begun)!r}, 'w').close()\n"
        f"open({str(may_end)!r}).read()\n"
        "print('Dunes')\n"
    )

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            first = asyncio.ensure_future(ask(resolver, deadline_s=SHORT_S))
            await asyncio.to_thread(begun.read_text)
            trail = Trail()
            second = asyncio.ensure_future(resolver.resolve(Magnet(info_hash=HASH), deadline_s=LONG_S, trail=trail))
            with pytest.raises(NotYet):
                await first
            assert trail.asked
            await asyncio.to_thread(may_end.write_text, "")
            assert await second == Claim("Dunes")
            assert runs.read_text() == "one "

    run(scenario)


def test_the_last_one_who_leaves_ends_the_script_and_the_next_one_has_a_new_one(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    text = f"import os, time\nopen({str(begun)!r}, 'w').write(str(os.getpid()))\ntime.sleep({LONG_S})\n"

    async def scenario() -> None:
        async with script(tmp_path, text) as resolver:
            both = [asyncio.ensure_future(ask(resolver)) for _ in range(2)]
            pid = await read_pid(begun)
            both[0].cancel()
            await asyncio.wait([both[0]])
            os.kill(pid, 0)
            both[1].cancel()
            await asyncio.wait([both[1]])
            await gone(pid)
            again = asyncio.ensure_future(ask(resolver))
            assert await read_pid(begun) != pid
            again.cancel()
            await asyncio.wait([again])

    run(scenario)


def test_who_waits_for_a_slot_calls_for_help_and_waits_on(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = f"import sys\nif sys.argv[1].startswith('1a'): open({str(pipe)!r}).read()\nprint('Dunes')\n"

    async def scenario() -> None:
        async with script(tmp_path, text, slots=1, patience_s=SHORT_S) as resolver:
            first, called = asyncio.ensure_future(ask(resolver)), asyncio.Event()
            waits = Trail(called.set)
            second = asyncio.ensure_future(
                resolver.resolve(Magnet(info_hash=InfoHash("2b" * 20)), deadline_s=LONG_S, trail=waits)
            )
            await called.wait()
            assert (waits.asked, waits.stuck, second.done()) == (False, True, False)
            await asyncio.to_thread(pipe.write_text, "")
            assert await first == await second == Claim("Dunes")

    run(scenario)


def test_scripts_that_hang_in_all_slots_keep_nobody_from_the_next_resolver(tmp_path: Path) -> None:
    async def scenario() -> None:
        info = info_named("found beside them")
        async with (
            Peer(info).serving() as peer,
            script(tmp_path, "import time\ntime.sleep(100)\n", slots=1, patience_s=SHORT_S) as resolver,
        ):
            hangs = asyncio.ensure_future(ask(resolver))
            chain = Chain(
                [resolver, DirectResolver(DirectConfig(allow_private=True))], patience=Patience(late_s=2 * LONG_S)
            )
            magnet = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&x.pe={peer.endpoint}")
            assert (await chain.look_up(magnet, timeout_s=LONG_S)).name == "found beside them"
            hangs.cancel()
            await asyncio.wait({hangs})
            await chain.aclose()

    run(scenario)


def test_a_script_that_ends_by_a_signal_has_failed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with script(
            tmp_path, "import os, signal\nprint('Dunes', flush=True)\nos.kill(os.getpid(), 9)\n"
        ) as resolver:
            with pytest.raises(Refused):
                await ask(resolver)

    run(scenario)


def test_the_closed_resolver_says_that_it_stops(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with script(tmp_path, "print('Dunes')") as resolver:
            await resolver.aclose()
            with pytest.raises(ResolverDown):
                await ask(resolver)
            assert (await resolver.health()).reason == "stopping"

    run(scenario)


@pytest.mark.parametrize("whose", ["its own", "a child's"])
def test_the_script_dies_with_this_program_and_so_do_its_children(tmp_path: Path, whose: str) -> None:
    pipe, path = tmp_path / "pid", tmp_path / "helper.py"
    os.mkfifo(pipe)
    path.write_text(
        "import os, subprocess, sys, time\n"
        "tell = 'import os, sys, time; open(sys.argv[1], \"w\").write(str(os.getpid())); time.sleep(100)'\n"
        + (
            f"subprocess.run([sys.executable, '-c', tell, {str(pipe)!r}], env={{}}, start_new_session=True)\n"
            if whose == "a child's"
            else f"sys.argv[1] = {str(pipe)!r}\nexec(tell)\n"
        )
    )
    program = (
        "import asyncio, pathlib\n"
        "from truename.magnet import Magnet\n"
        "from truename.resolvers.script import ScriptConfig, ScriptResolver\n"
        f"resolver = ScriptResolver(ScriptConfig(path=pathlib.Path({str(path)!r})))\n"
        f"asyncio.run(resolver.resolve(Magnet.parse('{HASH}'), deadline_s=1000))\n"
    )

    async def scenario() -> None:
        running = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        pid = await read_pid(pipe)
        running.kill()
        await running.wait()
        await gone(pid)

    run(scenario)


def test_a_keeper_that_is_killed_is_trouble_that_may_pass(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with script(tmp_path, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n") as resolver:
            with pytest.raises(ResolverDown, match="script_killed"):
                await ask(resolver)

    run(scenario)
