"""The resolver `script`: a program of the administrator's that knows how to find a name, as the old helper did.

It is run as `<script> <info-hash>` and prints the name and ends with status 0, or says why not on standard error and
ends with another one. What it says is claimed, never proven. It gets one validated info-hash, no shell, an environment
of its own, and an end: then `script_keeper`, which runs it, kills everything that it has started.
"""

import asyncio
import codecs
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, cast

from truename.errors import NotYet, Refused, ResolverDown
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.metainfo import MAX_NAME_BYTES
from truename.names import decode_name, is_hidden
from truename.resolvers.base import Claim, ResolverHealth, Trail
from truename.resolvers.reasons import without_secrets
from truename.resolvers.script_keeper import CANNOT_BE_RUN

log = logging.getLogger(__name__)

MAX_OUTPUT_BYTES = 64 * 1024
KEEPER: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("script_keeper.py")))
"""What runs a script: a program and its arguments follow."""
_MAX_SAID_CHARS = 200
_LAST_WORDS_S = 0.5
_KEEPER_S = 5.0
_KEPT_BYTES = 16 * 1024
_ALWAYS_PASSED = ("PATH", "HOME", "LANG", "LC_*", "TZ", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptConfig:
    """What the administrator chose. `passed`: names of variables, with wild cards, that the script may see.

    `patience_s`: how long a look-up waits for its turn until it calls for help.
    """

    path: Path
    slots: int = 5
    patience_s: float = 5.0
    passed: tuple[str, ...] = ("QBT_*",)


class ScriptResolver:
    """The port `Resolver` over a script, at most `slots` of which run at once. Belongs to one event loop."""

    name: Final = "script"

    def __init__(self, config: ScriptConfig) -> None:
        self._config = config
        self._slots = asyncio.Semaphore(config.slots)
        self._running: set[_Run] = set()
        self._errands: dict[InfoHash, _Errand] = {}
        self._closed = False

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Claim:
        """See `Resolver.resolve`; the clock starts with the script. Who asks for the same hash shares its run."""
        if self._closed:
            raise ResolverDown("stopping")
        loop = asyncio.get_running_loop()
        errand = self._errands.get(magnet.info_hash)
        if errand is None:
            errand = self._errands[magnet.info_hash] = _Errand()
            errand.task = loop.create_task(self._run(magnet.info_hash, errand))
        waiter = _Waiter(deadline_s, loop.create_future(), trail or Trail())
        errand.admit(waiter, patience_s=self._config.patience_s)
        try:
            return await waiter.answer
        finally:
            if errand.dismiss(waiter):
                self._forget(magnet.info_hash, errand)
                errand.task.cancel()
                await asyncio.shield(asyncio.wait([errand.task]))

    async def _run(self, info_hash: InfoHash, errand: "_Errand") -> None:
        """Run the script for those who wait, until it ends or they do."""
        ending: Claim | Exception = ResolverDown("script_not_started")
        try:
            async with self._slots:
                ended = await self._ended(info_hash, errand)
            ending = ResolverDown("stopping") if self._closed else read_answer(ended, info_hash)
        except (ResolverDown, Refused) as error:
            ending = error
        finally:
            self._forget(info_hash, errand)
            errand.end(ending)

    async def _ended(self, info_hash: InfoHash, errand: "_Errand") -> "Exit":
        if self._closed:
            raise ResolverDown("stopping")
        run = await _Run.begin(self._config, info_hash)
        self._running.add(run)
        try:
            if self._closed:
                raise ResolverDown("stopping")
            run.let_begin()
            errand.question_sent()
            return await run.end()
        finally:
            await asyncio.shield(run.put_down())
            self._running.discard(run)

    def _forget(self, info_hash: InfoHash, errand: "_Errand") -> None:
        if self._errands.get(info_hash) is errand:
            del self._errands[info_hash]

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`: whether there is something that can be run."""
        reason = _trouble(self._config.path)
        if self._closed:
            reason = "stopping"
        return ResolverHealth(able=not reason, reason=reason)

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""
        self._closed = True
        await asyncio.gather(*(run.put_down() for run in list(self._running)))


@dataclass(slots=True, eq=False)
class _Waiter:
    """One caller of `resolve`. Its time begins with the script, or when it joins one that runs.

    Who waits for a slot has asked nobody, so is never late; after a while it calls for help.
    """

    deadline_s: float
    answer: asyncio.Future[Claim]
    trail: Trail
    clock: asyncio.TimerHandle | None = None

    def question_sent(self) -> None:
        """The script runs."""
        self.stop_clock()
        self.trail.question_sent()
        self.clock = self.answer.get_loop().call_later(self.deadline_s, self.end, NotYet(peers_seen=None))

    def stop_clock(self) -> None:
        """Nothing is awaited any more, or something else."""
        if self.clock is not None:
            self.clock.cancel()

    def end(self, ending: Claim | Exception) -> None:
        """Tell what came of it, unless that has been told."""
        if self.answer.done():
            return
        if isinstance(ending, Claim):
            self.answer.set_result(ending)
        else:
            self.answer.set_exception(ending)


class _Errand:
    """A script that runs for a hash, or waits for its slot, and those who wait for it."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None]
        self._waiters: dict[_Waiter, None] = {}
        self._asked = False

    def admit(self, waiter: _Waiter, *, patience_s: float) -> None:
        """Somebody waits, with the whole of their own time."""
        self._waiters[waiter] = None
        if self._asked:
            waiter.question_sent()
        else:
            waiter.clock = waiter.answer.get_loop().call_later(patience_s, waiter.trail.needs_help)

    def dismiss(self, waiter: _Waiter) -> bool:
        """Somebody does not wait any more. Output: whether that was the last one."""
        waiter.stop_clock()
        del self._waiters[waiter]
        return not self._waiters

    def question_sent(self) -> None:
        """The script runs."""
        self._asked = True
        for waiter in self._waiters:
            waiter.question_sent()

    def end(self, ending: Claim | Exception) -> None:
        """The script has ended, and so has the waiting."""
        for waiter in self._waiters:
            waiter.end(ending)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a script ended. `too_much`: it printed more than it may, and was killed for it."""

    status: int
    output: bytes
    errors: bytes
    too_much: bool = False


def read_answer(ended: Exit, info_hash: str) -> Claim:
    """The name out of what a script has said.

    Errors: `Refused` with its reason, fit for a person's eyes, or with ours; `ResolverDown` it could not be started, or
            its keeper, which tells of a script's signal by a status, was itself killed.
    """
    if ended.status == -CANNOT_BE_RUN:
        raise ResolverDown("script_not_started")
    if ended.too_much:
        raise Refused(reason="script_too_much")
    if ended.status < 0:
        raise ResolverDown("script_killed")
    if ended.status != 0:
        said = reason_in(ended.errors)
        raise Refused(said, reason="" if said else "script_failed")
    claim = claim_in(ended.output)
    if claim.name in ("", ".", "..") or claim.name.lower() == info_hash or "\0" in claim.name:
        raise Refused(reason="script_no_name")
    return claim


def claim_in(output: bytes) -> Claim:
    """The last line in which there is something to see: a helper may say before what it does. Empty: there is none."""
    for raw in reversed(output.replace(b"\r", b"\n").split(b"\n")):
        line = raw.strip().removeprefix(codecs.BOM_UTF8).strip()
        read = decode_name(line[: MAX_NAME_BYTES + 1])
        name = read.text.strip()
        if not all(is_hidden(char) or char.isspace() for char in name):
            return Claim(name if len(line) <= MAX_NAME_BYTES else "", name_guessed=read.guessed)
    return Claim("")


def reason_in(errors: bytes) -> str:
    """The last line of what a script said, without addresses, paths and what a defect of it printed."""
    text = decode_name(errors[-_KEPT_BYTES:]).text
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if not lines or "Traceback (most recent call last)" in text:
        return ""
    return without_secrets(lines[-1][: 4 * _MAX_SAID_CHARS])[:_MAX_SAID_CHARS]


class _Run(asyncio.SubprocessProtocol):
    """One run of the script under its keeper, which lives as long as anything that the script has started."""

    def __init__(self) -> None:
        self._output, self._errors = bytearray(), bytearray()
        self._open = {1, 2}
        self._too_much = False
        self._exited, self._said_all, self._enough = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._transport: asyncio.SubprocessTransport

    @classmethod
    async def begin(cls, config: ScriptConfig, info_hash: str) -> "_Run":
        """Start its keeper. Errors: `ResolverDown` when there is nothing that can be started.

        The script itself begins later, since asyncio kills the keeper of a look-up that is cancelled here.
        """
        if reason := _trouble(config.path):
            raise ResolverDown(reason)
        try:
            _, run = await asyncio.get_running_loop().subprocess_exec(
                cls,
                *KEEPER,
                *_command(config.path),
                info_hash,
                stdin=asyncio.subprocess.PIPE,
                cwd=config.path.parent,
                env={**dict(_environment(os.environ, config.passed)), "PYTHONIOENCODING": "utf-8"},
                start_new_session=True,
            )
        except OSError as error:
            raise ResolverDown("script_not_started") from error
        return run

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.SubprocessProtocol`."""
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep what fits: a name has to end there, of a reason the newest is kept."""
        into = self._output if fd == 1 else self._errors
        into += data
        if len(into) <= MAX_OUTPUT_BYTES:
            return
        if fd == 1:
            self._too_much = True
            self._enough.set()
        del into[:-_KEPT_BYTES]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """See `asyncio.SubprocessProtocol`."""
        self._open.discard(fd)
        if not self._open:
            self._said_all.set()

    def process_exited(self) -> None:
        """See `asyncio.SubprocessProtocol`."""
        self._exited.set()
        self._enough.set()

    def let_begin(self) -> None:
        """Let the keeper start the script."""
        self._line.write(b"\n")

    async def end(self) -> Exit:
        """Wait for it, and for what it has printed, which somebody else may hold open whom the keeper cannot end."""
        await self._enough.wait()
        if not self._too_much:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._said_all.wait()
        status = self._transport.get_returncode()
        return Exit(
            status=-1 if status is None else status,
            output=bytes(self._output),
            errors=bytes(self._errors),
            too_much=self._too_much,
        )

    @property
    def _line(self) -> asyncio.WriteTransport:
        return cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))

    async def put_down(self) -> None:
        """See to it that nothing of it is left. Idempotent."""
        self._line.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_KEEPER_S):
                await self._exited.wait()
        if not self._exited.is_set():
            log.warning("a script's keeper does not end, and is killed")
            self._transport.kill()
            await self._exited.wait()
        self._transport.close()


def _command(path: Path) -> list[str]:
    """How it is run: a `.py` under this Python."""
    return [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]


def _trouble(path: Path) -> str:
    """Why it cannot be run, as a word of `truename.texts`; empty when it can."""
    if not path.is_file():
        return "script_missing"
    return "" if os.access(path, os.R_OK if path.suffix == ".py" else os.X_OK) else "script_not_started"


def _environment(ours: Mapping[str, str], passed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, value in ours.items():
        if any(fnmatchcase(name, pattern) for pattern in (*_ALWAYS_PASSED, *passed)):
            yield name, value
