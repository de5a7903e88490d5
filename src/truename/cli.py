"""The command line: arguments only. What a command does stands in `terminal/` and `demo/`."""

import asyncio
import logging
import math
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, nullcontext
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from truename.app import open_chain
from truename.commands import tasks
from truename.commands.process import (
    DONE,
    INTERRUPTED,
    LANGUAGE,
    NOT_ALL,
    complain,
    end_process,
    help_of,
    loaded_settings,
    not_written,
    on_database,
    prepare_streams,
    refuse,
    run,
    tell_what_is_left_alone,
)
from truename.commands.usage import App, run_app
from truename.settings import Loaded
from truename.store.database import DatabaseError
from truename.terminal import backup as backups
from truename.terminal import doctor as doctors
from truename.terminal import fix as fixing
from truename.terminal import people, requests
from truename.terminal import resolve as resolving
from truename.terminal.catalogue import Catalogue, open_catalogue
from truename.terminal.requests import Request
from truename.terminal.screen import Screen
from truename.terminal.textfile import Text, TextFile, Unusable
from truename.texts import say
from truename.worker import Worker

if TYPE_CHECKING:
    from truename.demo.swarm import LocalSwarm

log = logging.getLogger(__name__)

_STDIN = "-"
_MAX_TIMEOUT_S = 86_400
_LINES_AT_ONCE = 500


app = App(
    help=help_of("truename"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    status: object = DONE
    try:
        prepare_streams()
        status = run_app(app)
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        status = INTERRUPTED
    except OSError as error:
        status = not_written(error)
    end_process(status if isinstance(status, int) else NOT_ALL)


@app.callback(invoke_without_command=True)
def _truename(
    version: Annotated[bool, typer.Option("--version", help=help_of("version"))] = False,  # noqa: FBT002
) -> None:
    if version:
        typer.echo(f"truename {metadata.version('truename')}")
        raise typer.Exit


@app.command(help=help_of("resolve"))
def resolve(
    inputs: Annotated[list[str] | None, typer.Argument(metavar="[MAGNET or HASH]...", help=help_of("inputs"))] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help=help_of("file"))] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help=help_of("json"))] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", help=help_of("timeout"))] = None,
    raw: Annotated[bool, typer.Option("--raw", help=help_of("raw"))] = False,
    explain: Annotated[bool, typer.Option("--explain", help=help_of("explain"))] = False,
) -> None:
    """Read the arguments of `resolve`; its work is `terminal.resolve`."""
    loaded = loaded_settings()
    timeout_s = _timeout(timeout, loaded)
    screen = Screen(LANGUAGE, progress=not raw)
    inputs = inputs or []
    if not inputs and file is None:
        if sys.stdin.isatty():
            refuse("nothing_given")
        inputs = [_STDIN]
    try:
        lines = requests.lines_of(TextFile.read(file).content.text) if file else []
    except Unusable as error:
        refuse(error.word, **error.fields)

    async def work() -> int:
        style = resolving.Style(as_json=as_json, raw=raw, explain=explain)
        asked = _requests(inputs, lines)
        async with _worker(loaded, timeout_s) as (worker, catalogue):
            with screen:
                return await resolving.resolve(worker, asked, catalogue=catalogue, screen=screen, style=style)

    if not run(work()):
        refuse("no_request_in", what=str(file)) if file else refuse("nothing_given")
    raise typer.Exit(NOT_ALL if screen.unnamed else DONE)


@app.command(help=help_of("fix"))
def fix(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help=help_of("fix_files"))] = None,
    in_place: Annotated[bool, typer.Option("--in-place", "-i", help=help_of("in_place"))] = False,  # noqa: FBT002
    diff: Annotated[bool, typer.Option("--diff", help=help_of("diff"))] = False,  # noqa: FBT002
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", help=help_of("timeout"))] = None,
) -> None:
    """Read the arguments of `fix`; its work is `terminal.fix`."""
    loaded = loaded_settings()
    timeout_s = _timeout(timeout, loaded)
    screen = Screen(LANGUAGE)
    if not files and sys.stdin.isatty():
        refuse("nothing_to_fix")
    files = files or [_STDIN]
    if in_place and _STDIN in files:
        refuse("in_place_needs_files")
    try:
        jobs = [_job(name, in_place=in_place) for name in (_each_file_once(files) if in_place else files)]
    except Unusable as error:
        refuse(error.word, **error.fields)

    async def work() -> bool:
        mode = fixing.Mode(in_place=in_place, diff=diff)
        async with _worker(loaded, timeout_s) as (worker, catalogue):
            with screen:
                return await fixing.fix(worker, jobs, catalogue=catalogue, screen=screen, mode=mode)

    raise typer.Exit(DONE if run(work()) else NOT_ALL)


@app.command(help=help_of("serve"))
def serve() -> None:
    """Run the server until it is told to stop."""
    from truename.serving import serving, until_told_to_stop

    loaded = loaded_settings()
    tell_what_is_left_alone(loaded)
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> None:
        async with (
            open_chain(loaded.settings) as chain,
            serving(loaded.settings, chain, LANGUAGE) as served,
        ):
            screen.say("serve_up", address=served.address)
            if served.notice is not None:
                screen.note(served.notice)
            await until_told_to_stop()

    _run_server(work())


@app.command(help=help_of("demo"))
def demo(
    once: Annotated[bool, typer.Option("--once", help=help_of("once"))] = False,  # noqa: FBT002
    no_seeders: Annotated[bool, typer.Option("--no-seeders", help=help_of("no_seeders"))] = False,  # noqa: FBT002
) -> None:
    """Read the arguments of `demo`; its work is `demo.once` and `demo.live`."""
    from truename.demo.peers import SwarmPlan
    from truename.demo.swarm import LocalSwarm, SwarmNotStarted

    plan = SwarmPlan(seeders=not no_seeders)
    try:
        with LocalSwarm(plan) as swarm:
            named = _demo_once(swarm) if once else _demo_server(swarm)
    except SwarmNotStarted:
        complain(say("demo_failed", LANGUAGE))
        raise typer.Exit(NOT_ALL) from None
    raise typer.Exit(DONE if named else NOT_ALL)


def _demo_once(swarm: "LocalSwarm") -> bool:
    from truename.demo.once import demo_settings, run_once

    async def work() -> bool:
        async with open_chain(demo_settings()) as chain:
            return await run_once(chain, swarm, Screen(LANGUAGE))

    return bool(run(work()))


def _demo_server(swarm: "LocalSwarm") -> bool:
    from truename.demo.live import Stage, demo_folder, demo_server_settings, show
    from truename.serving import serving, sign_in_link, until_told_to_stop

    chosen = loaded_settings(warn=False).settings
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> None:
        with demo_folder() as folder:
            settings = demo_server_settings(folder, host=chosen.host, port=chosen.port)
            async with open_chain(settings) as chain, serving(settings, chain, LANGUAGE) as served:
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
    from truename.open_files import take_files
    from truename.serving import CannotServe
    from truename.terminal.log import telling

    take_files()
    with telling(sys.stderr):
        try:
            run(work)
        except (CannotServe, DatabaseError) as error:
            refuse(error.word, **error.fields)
        except ExceptionGroup as group:
            log.critical("the server has ended", exc_info=group)
            raise typer.Exit(NOT_ALL) from None


app.add_typer(tasks.app, name="tasks")

user = App(help=help_of("user"), no_args_is_help=True)
app.add_typer(user, name="user")

_Name = Annotated[str, typer.Argument(metavar="NAME", help=help_of("user_name"))]
_PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help=help_of("password_stdin"))]


@user.command("add", help=help_of("user_add"))
def user_add(
    name: _Name,
    admin: Annotated[bool, typer.Option("--admin", help=help_of("user_admin"))] = False,  # noqa: FBT002
    password_stdin: _PasswordStdin = False,  # noqa: FBT002
) -> None:
    """Make a person."""
    on_database(lambda database, screen: people.add(database, screen, name, admin=admin, password_stdin=password_stdin))


@user.command("passwd", help=help_of("user_passwd"))
def user_passwd(name: _Name, password_stdin: _PasswordStdin = False) -> None:  # noqa: FBT002
    """Change a password."""
    on_database(lambda database, screen: people.passwd(database, screen, name, password_stdin=password_stdin))


@user.command("list", help=help_of("user_list"))
def user_list() -> None:
    """List the people."""
    on_database(people.list_people)


@user.command("token", help=help_of("user_token"))
def user_token(
    name: _Name,
    revoke: Annotated[bool, typer.Option("--revoke", help=help_of("user_revoke"))] = False,  # noqa: FBT002
) -> None:
    """Give or take a token."""
    on_database(lambda database, screen: people.token(database, screen, name, revoke=revoke))


@app.command(help=help_of("backup"))
def backup(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help=help_of("backup_file"))] = None,
) -> None:
    """Make a backup; its work is `terminal.backup`."""
    loaded = loaded_settings()
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> None:
        backups.backup(loaded.settings, screen, file)

    try:
        run(work())
    except DatabaseError as error:
        complain(say(error.word, LANGUAGE, **error.fields))
        raise typer.Exit(NOT_ALL) from None


@app.command(help=help_of("restore"))
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=help_of("restore_file"))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=help_of("dry_run"))] = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", help=help_of("yes"))] = False,  # noqa: FBT002
) -> None:
    """Bring a backup back; its work is `terminal.backup`. Only a dry run goes on beside a server."""
    from truename.serving import CannotServe, hold

    loaded = loaded_settings()
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> bool:
        with nullcontext() if dry_run else hold(loaded.settings.data_dir):
            return await backups.restore(loaded.settings, screen, file, dry_run=dry_run, yes=yes)

    try:
        done = run(work())
    except (CannotServe, DatabaseError) as error:
        refuse(error.word, **error.fields)
    raise typer.Exit(DONE if done else NOT_ALL)


@app.command(help=help_of("settings"))
def settings() -> None:
    """Show the settings."""
    doctors.show_settings(loaded_settings(), LANGUAGE)


@app.command(help=help_of("doctor"))
def doctor() -> None:
    """Look at everything; its work is `terminal.doctor`."""
    loaded = loaded_settings(warn=False)
    tell_what_is_left_alone(loaded)
    screen = Screen(LANGUAGE)

    async def work() -> bool:
        async with open_chain(loaded.settings) as chain:
            return await doctors.doctor(chain, loaded, screen)

    raise typer.Exit(DONE if run(work()) else NOT_ALL)


def _timeout(given: float | None, loaded: Loaded) -> float:
    if given is None:
        return loaded.settings.lookup_timeout_s
    if not (math.isfinite(given) and 0 < given <= _MAX_TIMEOUT_S):
        refuse("bad_timeout")
    return given


@asynccontextmanager
async def _worker(loaded: Loaded, timeout_s: float) -> AsyncIterator[tuple[Worker, Catalogue]]:
    """What `resolve` and `fix` ask and remember with. Without a usable database they go on, and say so."""
    async with (
        open_catalogue(loaded.settings.data_dir) as (catalogue, trouble),
        open_chain(loaded.settings) as chain,
    ):
        if trouble is not None:
            complain(say("catalogue_unusable", LANGUAGE, why=say(trouble.word, LANGUAGE, **trouble.fields)))
        yield Worker(chain=chain, slots=loaded.settings.slots, timeout_s=timeout_s), catalogue


async def _requests(inputs: Sequence[str], lines: Sequence[str]) -> AsyncIterator[list[Request]]:
    given: list[Request] = []
    for text in inputs:
        if text != _STDIN:
            given += requests.of_argument(text)
            continue
        yield given
        given = []
        async for some in requests.of_stream(sys.stdin.fileno(), say("standard_input", LANGUAGE)):
            yield some
    yield given
    for start in range(0, len(lines), _LINES_AT_ONCE):
        yield list(requests.of_lines(lines[start : start + _LINES_AT_ONCE]))


def _each_file_once(names: Sequence[str]) -> list[str]:
    """One name for each file, however many it was given by."""
    return list({os.path.realpath(name): name for name in reversed(names)}.values())[::-1]


def _job(name: str, *, in_place: bool) -> fixing.Job:
    if name == _STDIN:
        what = say("standard_input", LANGUAGE)
        return fixing.Job(what=what, content=Text.decode(sys.stdin.buffer.read(), what))
    file = TextFile.read(Path(name))
    if in_place:
        file.check_writable()
    return fixing.Job(what=name, content=file.content, file=file)
