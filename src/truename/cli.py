"""The command line: arguments only. What a command does stands in `terminal/` and `demo/`.

Exit status: 0 done, 1 something was not named or not well, 2 wrong usage or unreadable input, 130 interrupted.
"""

import asyncio
import logging
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from truename.app import open_resolver
from truename.names import make_visible
from truename.settings import Loaded, SettingsError, load
from truename.store.database import Database, DatabaseError
from truename.terminal import backup as backups
from truename.terminal import doctor as doctors
from truename.terminal import fix as fixing
from truename.terminal import people, requests
from truename.terminal import resolve as resolving
from truename.terminal.catalogue import Catalogue, open_catalogue, open_database
from truename.terminal.requests import Request
from truename.terminal.screen import Screen
from truename.terminal.textfile import Text, TextFile, Unusable, reason
from truename.texts import language_of, say
from truename.worker import Worker

if TYPE_CHECKING:
    from truename.demo.swarm import LocalSwarm

log = logging.getLogger(__name__)

_LANGUAGE = language_of(os.environ)
_STDIN = "-"
_MAX_TIMEOUT_S = 86_400
_LINES_AT_ONCE = 500
_DONE, _NOT_ALL, _UNUSABLE, _INTERRUPTED, _TERMINATED = 0, 1, 2, 130, 143
_SIGNALS: dict[int, int] = {signal.SIGINT: _INTERRUPTED, signal.SIGTERM: _TERMINATED}
_CLEAR_PROGRESS = "\r\x1b[K\x1b[?25h"


def _help(word: str) -> str:
    return say(f"help_{word}", _LANGUAGE)


app = typer.Typer(
    help=_help("truename"),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    _prepare_streams()
    status: object = _DONE
    try:
        app()
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except OSError as error:
        status = _not_written(error)
    _end(status if isinstance(status, int) else _NOT_ALL)


@app.callback(invoke_without_command=True)
def _truename(
    version: Annotated[bool, typer.Option("--version", help=_help("version"))] = False,  # noqa: FBT002
) -> None:
    if version:
        typer.echo(f"truename {metadata.version('truename')}")
        raise typer.Exit


@app.command(help=_help("resolve"))
def resolve(
    inputs: Annotated[list[str] | None, typer.Argument(metavar="[MAGNET or HASH]...", help=_help("inputs"))] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help=_help("file"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_help("json"))] = False,  # noqa: FBT002
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", help=_help("timeout"))] = None,
    raw: Annotated[bool, typer.Option("--raw", help=_help("raw"))] = False,  # noqa: FBT002
) -> None:
    """Read the arguments of `resolve`; its work is `terminal.resolve`."""
    loaded = _settings()
    timeout_s = _timeout(timeout, loaded)
    screen = Screen(_LANGUAGE, progress=not raw)
    inputs = inputs or []
    if not inputs and file is None:
        if sys.stdin.isatty():
            _refuse("nothing_given")
        inputs = [_STDIN]
    try:
        lines = TextFile.read(file).content.text.split("\n") if file else []
    except Unusable as error:
        _refuse(error.word, **error.fields)

    async def work() -> int:
        style = resolving.Style(as_json=as_json, raw=raw)
        asked = _requests(inputs, lines)
        async with _worker(loaded, timeout_s) as (worker, catalogue):
            with screen:
                return await resolving.resolve(worker, asked, catalogue=catalogue, screen=screen, style=style)

    if not _run(work()):
        _refuse("no_request_in", what=str(file)) if file else _refuse("nothing_given")
    raise typer.Exit(_NOT_ALL if screen.unnamed else _DONE)


@app.command(help=_help("fix"))
def fix(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help=_help("fix_files"))] = None,
    in_place: Annotated[bool, typer.Option("--in-place", "-i", help=_help("in_place"))] = False,  # noqa: FBT002
    diff: Annotated[bool, typer.Option("--diff", help=_help("diff"))] = False,  # noqa: FBT002
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", help=_help("timeout"))] = None,
) -> None:
    """Read the arguments of `fix`; its work is `terminal.fix`."""
    loaded = _settings()
    timeout_s = _timeout(timeout, loaded)
    screen = Screen(_LANGUAGE)
    if not files and sys.stdin.isatty():
        _refuse("nothing_to_fix")
    files = files or [_STDIN]
    if in_place and _STDIN in files:
        _refuse("in_place_needs_files")
    try:
        jobs = [_job(name, in_place=in_place) for name in (_each_file_once(files) if in_place else files)]
    except Unusable as error:
        _refuse(error.word, **error.fields)

    async def work() -> bool:
        mode = fixing.Mode(in_place=in_place, diff=diff)
        async with _worker(loaded, timeout_s) as (worker, catalogue):
            with screen:
                return await fixing.fix(worker, jobs, catalogue=catalogue, screen=screen, mode=mode)

    raise typer.Exit(_DONE if _run(work()) else _NOT_ALL)


@app.command(help=_help("serve"))
def serve() -> None:
    """Run the server until it is told to stop."""
    from truename.serving import serving, until_told_to_stop

    loaded = _settings()
    screen = Screen(_LANGUAGE, progress=False)

    async def work() -> None:
        async with (
            open_resolver(loaded.settings) as resolver,
            serving(loaded.settings, resolver, _LANGUAGE) as served,
        ):
            screen.say("serve_up", address=served.address)
            if served.notice is not None:
                screen.note(served.notice)
            await until_told_to_stop()

    _run_server(work())


@app.command(help=_help("demo"))
def demo(
    once: Annotated[bool, typer.Option("--once", help=_help("once"))] = False,  # noqa: FBT002
    no_seeders: Annotated[bool, typer.Option("--no-seeders", help=_help("no_seeders"))] = False,  # noqa: FBT002
) -> None:
    """Read the arguments of `demo`; its work is `demo.once` and `demo.live`."""
    from truename.demo.peers import SwarmPlan
    from truename.demo.swarm import LocalSwarm, SwarmNotStarted

    plan = SwarmPlan(seeders=not no_seeders)
    try:
        with LocalSwarm(plan) as swarm:
            named = _demo_once(swarm) if once else _demo_server(swarm)
    except SwarmNotStarted:
        _complain(say("demo_failed", _LANGUAGE))
        raise typer.Exit(_NOT_ALL) from None
    raise typer.Exit(_DONE if named else _NOT_ALL)


def _demo_once(swarm: "LocalSwarm") -> bool:
    from truename.demo.once import demo_settings, run_once

    async def work() -> bool:
        async with open_resolver(demo_settings()) as resolver:
            return await run_once(resolver, swarm, Screen(_LANGUAGE))

    return bool(_run(work()))


def _demo_server(swarm: "LocalSwarm") -> bool:
    from truename.demo.live import Stage, demo_folder, demo_server_settings, show
    from truename.serving import serving, sign_in_link, until_told_to_stop

    chosen = _settings(warn=False).settings
    screen = Screen(_LANGUAGE, progress=False)

    async def work() -> None:
        with demo_folder() as folder:
            settings = demo_server_settings(folder, host=chosen.host, port=chosen.port)
            async with open_resolver(settings) as resolver, serving(settings, resolver, _LANGUAGE) as served:
                person_id, link = await sign_in_link(served, "demo")
                stage = Stage(
                    address=served.address,
                    link=link,
                    person_id=person_id,
                    calibrations=served.engine.calibrations,
                    notes=served.engine.notes,
                )
                async with asyncio.TaskGroup() as group:
                    showing = group.create_task(show(stage, swarm, screen))
                    await until_told_to_stop()
                    showing.cancel()

    _run_server(work())
    return True


def _run_server(work: Coroutine[Any, Any, None]) -> None:
    """Run a server to its end. What ended it, if it was not told to, is an error of the whole."""
    from truename.serving import CannotServe, take_files
    from truename.terminal.log import telling

    take_files()
    with telling(sys.stderr):
        try:
            _run(work)
        except (CannotServe, DatabaseError) as error:
            _refuse(error.word, **error.fields)
        except ExceptionGroup as group:
            log.critical("the server has ended", exc_info=group)
            raise typer.Exit(_NOT_ALL) from None


user = typer.Typer(help=_help("user"), no_args_is_help=True, rich_markup_mode=None)
app.add_typer(user, name="user")

_Name = Annotated[str, typer.Argument(metavar="NAME", help=_help("user_name"))]
_PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help=_help("password_stdin"))]


@user.command("add", help=_help("user_add"))
def user_add(
    name: _Name,
    admin: Annotated[bool, typer.Option("--admin", help=_help("user_admin"))] = False,  # noqa: FBT002
    password_stdin: _PasswordStdin = False,  # noqa: FBT002
) -> None:
    """Make a person."""
    _run_people(lambda database, screen: people.add(database, screen, name, admin=admin, password_stdin=password_stdin))


@user.command("passwd", help=_help("user_passwd"))
def user_passwd(name: _Name, password_stdin: _PasswordStdin = False) -> None:  # noqa: FBT002
    """Change a password."""
    _run_people(lambda database, screen: people.passwd(database, screen, name, password_stdin=password_stdin))


@user.command("list", help=_help("user_list"))
def user_list() -> None:
    """List the people."""
    _run_people(people.list_people)


@user.command("token", help=_help("user_token"))
def user_token(
    name: _Name,
    revoke: Annotated[bool, typer.Option("--revoke", help=_help("user_revoke"))] = False,  # noqa: FBT002
) -> None:
    """Give or take a token."""
    _run_people(lambda database, screen: people.token(database, screen, name, revoke=revoke))


def _run_people(act: Callable[[Database, Screen], Coroutine[Any, Any, bool]]) -> None:
    """Do something to the people of the data directory, beside a server or without one."""
    loaded = _settings()
    screen = Screen(_LANGUAGE, progress=False)

    async def work() -> bool:
        async with open_database(loaded.settings.data_dir) as database:
            return await act(database, screen)

    try:
        done = _run(work())
    except DatabaseError as error:
        _refuse(error.word, **error.fields)
    raise typer.Exit(_DONE if done else _NOT_ALL)


@app.command(help=_help("backup"))
def backup(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help=_help("backup_file"))] = None,
) -> None:
    """Make a backup; its work is `terminal.backup`."""
    loaded = _settings()
    screen = Screen(_LANGUAGE, progress=False)

    async def work() -> None:
        backups.backup(loaded.settings, screen, file)

    try:
        _run(work())
    except DatabaseError as error:
        _complain(say(error.word, _LANGUAGE, **error.fields))
        raise typer.Exit(_NOT_ALL) from None


@app.command(help=_help("restore"))
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_help("restore_file"))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_help("dry_run"))] = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", help=_help("yes"))] = False,  # noqa: FBT002
) -> None:
    """Bring a backup back; its work is `terminal.backup`. Only a dry run goes on beside a server."""
    from truename.serving import CannotServe, hold

    loaded = _settings()
    screen = Screen(_LANGUAGE, progress=False)

    async def work() -> bool:
        with nullcontext() if dry_run else hold(loaded.settings.data_dir):
            return await backups.restore(loaded.settings, screen, file, dry_run=dry_run, yes=yes)

    try:
        done = _run(work())
    except (CannotServe, DatabaseError) as error:
        _refuse(error.word, **error.fields)
    raise typer.Exit(_DONE if done else _NOT_ALL)


@app.command(help=_help("settings"))
def settings() -> None:
    """Show the settings."""
    doctors.show_settings(_settings(), _LANGUAGE)


@app.command(help=_help("doctor"))
def doctor() -> None:
    """Look at everything; its work is `terminal.doctor`."""
    loaded = _settings(warn=False)
    screen = Screen(_LANGUAGE)

    async def work() -> bool:
        async with open_resolver(loaded.settings) as resolver:
            return await doctors.doctor(resolver, loaded, screen)

    raise typer.Exit(_DONE if _run(work()) else _NOT_ALL)


def _settings(*, warn: bool = True) -> Loaded:
    try:
        loaded = load()
    except SettingsError as error:
        _refuse_text(error.text(_LANGUAGE))
    for name in loaded.unknown if warn else ():
        _complain(doctors.unknown_setting(name, _LANGUAGE))
    return loaded


def _timeout(given: float | None, loaded: Loaded) -> float:
    if given is None:
        return loaded.settings.lookup_timeout_s
    if not (math.isfinite(given) and 0 < given <= _MAX_TIMEOUT_S):
        _refuse("bad_timeout")
    return given


@asynccontextmanager
async def _worker(loaded: Loaded, timeout_s: float) -> AsyncIterator[tuple[Worker, Catalogue]]:
    """What `resolve` and `fix` ask and remember with. Without a usable database they go on, and say so."""
    async with (
        open_catalogue(loaded.settings.data_dir) as (catalogue, trouble),
        open_resolver(loaded.settings) as resolver,
    ):
        if trouble is not None:
            _complain(say("catalogue_unusable", _LANGUAGE, why=say(trouble.word, _LANGUAGE, **trouble.fields)))
        yield Worker(resolver=resolver, slots=loaded.settings.slots, timeout_s=timeout_s), catalogue


async def _requests(inputs: Sequence[str], lines: Sequence[str]) -> AsyncIterator[list[Request]]:
    given: list[Request] = []
    for text in inputs:
        if text != _STDIN:
            given += requests.of_argument(text)
            continue
        yield given
        given = []
        async for some in requests.of_stream(sys.stdin.fileno(), say("standard_input", _LANGUAGE)):
            yield some
    yield given
    for start in range(0, len(lines), _LINES_AT_ONCE):
        yield list(requests.of_lines(lines[start : start + _LINES_AT_ONCE]))


def _each_file_once(names: Sequence[str]) -> list[str]:
    """One name for each file, however many it was given by."""
    return list({os.path.realpath(name): name for name in reversed(names)}.values())[::-1]


def _job(name: str, *, in_place: bool) -> fixing.Job:
    if name == _STDIN:
        what = say("standard_input", _LANGUAGE)
        return fixing.Job(what=what, content=Text.decode(sys.stdin.buffer.read(), what))
    file = TextFile.read(Path(name))
    if in_place:
        file.check_writable()
    return fixing.Job(what=name, content=file.content, file=file)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's work. A signal ends it wherever it is; the loop stays as it is then, for the process ends too."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    told: list[int] = []

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        told.append(_SIGNALS[number])
        # What is raised inside a finalizer is dropped; the cancellation is what ends the command then.
        loop.call_soon_threadsafe(task.cancel)
        raise SystemExit(told[0])

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        if not told:
            raise
        raise SystemExit(told[0]) from None
    except BrokenPipeError:  # the reader has seen enough
        raise typer.Exit(_NOT_ALL) from None
    except Unusable as error:
        _refuse(error.word, **error.fields)


def _prepare_streams() -> None:
    """Standard streams that exist and can write anything, and a terminal whose cursor comes back at SIGTERM too."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the end
        elif mode == "w":
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))


def _not_written(error: OSError) -> int:
    """Standard output took no more, so that nothing of it is tried again."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    if not isinstance(error, BrokenPipeError):
        _complain(say("output_failed", _LANGUAGE, why=reason(error)))
    return _NOT_ALL


def _refuse(word: str, **fields: object) -> NoReturn:
    _refuse_text(say(word, _LANGUAGE, **fields))


def _refuse_text(text: str) -> NoReturn:
    _complain(text)
    raise typer.Exit(_UNUSABLE)


def _complain(text: str) -> None:
    typer.echo(f"truename: {make_visible(text)}", err=True)


def _end(status: int) -> NoReturn:
    """End at once: a thread may still wait for standard input or for a tracker's goodbye, and nobody waits for it."""
    if status >= _INTERRUPTED and sys.stderr.isatty():
        sys.stderr.write(_CLEAR_PROGRESS)
    try:
        if status < _INTERRUPTED:  # who interrupts does not want to wait for a reader that has stopped reading
            sys.stdout.flush()
    except OSError as error:
        status = _not_written(error)
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(status)
