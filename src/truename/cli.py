"""The command line: arguments only. What stands behind a command is loaded when it is called, from `commands/`."""

from importlib import metadata
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from truename.commands import tasks
from truename.commands.process import (
    DONE,
    INTERRUPTED,
    NOT_ALL,
    end_process,
    help_of,
    not_written,
    prepare_streams,
)
from truename.commands.usage import App, run_app

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
    """Name what is given."""
    from truename.commands import naming

    naming.resolve(inputs or [], file, timeout=timeout, as_json=as_json, raw=raw, explain=explain)


@app.command(help=help_of("fix"))
def fix(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help=help_of("fix_files"))] = None,
    in_place: Annotated[bool, typer.Option("--in-place", "-i", help=help_of("in_place"))] = False,  # noqa: FBT002
    diff: Annotated[bool, typer.Option("--diff", help=help_of("diff"))] = False,  # noqa: FBT002
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", help=help_of("timeout"))] = None,
) -> None:
    """Write true names into texts."""
    from truename.commands import naming

    naming.fix(files or [], in_place=in_place, diff=diff, timeout=timeout)


@app.command(help=help_of("serve"))
def serve() -> None:
    """Run the server until it is told to stop."""
    from truename.commands import servers

    servers.serve()


@app.command(help=help_of("demo"))
def demo(
    once: Annotated[bool, typer.Option("--once", help=help_of("once"))] = False,  # noqa: FBT002
    no_seeders: Annotated[bool, typer.Option("--no-seeders", help=help_of("no_seeders"))] = False,  # noqa: FBT002
) -> None:
    """Show all of it on a swarm of its own."""
    from truename.commands import demo as showing

    showing.demo(once=once, seeders=not no_seeders)


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
    from truename.commands.data import on_database
    from truename.terminal import people

    on_database(lambda database, screen: people.add(database, screen, name, admin=admin, password_stdin=password_stdin))


@user.command("passwd", help=help_of("user_passwd"))
def user_passwd(name: _Name, password_stdin: _PasswordStdin = False) -> None:  # noqa: FBT002
    """Change a password."""
    from truename.commands.data import on_database
    from truename.terminal import people

    on_database(lambda database, screen: people.passwd(database, screen, name, password_stdin=password_stdin))


@user.command("list", help=help_of("user_list"))
def user_list() -> None:
    """List the people."""
    from truename.commands.data import on_database
    from truename.terminal import people

    on_database(people.list_people)


@user.command("token", help=help_of("user_token"))
def user_token(
    name: _Name,
    revoke: Annotated[bool, typer.Option("--revoke", help=help_of("user_revoke"))] = False,  # noqa: FBT002
) -> None:
    """Give or take a token."""
    from truename.commands.data import on_database
    from truename.terminal import people

    on_database(lambda database, screen: people.token(database, screen, name, revoke=revoke))


@app.command(help=help_of("backup"))
def backup(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help=help_of("backup_file"))] = None,
) -> None:
    """Make a backup."""
    from truename.commands import data

    data.backup(file)


@app.command(help=help_of("restore"))
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=help_of("restore_file"))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=help_of("dry_run"))] = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", help=help_of("yes"))] = False,  # noqa: FBT002
) -> None:
    """Bring a backup back."""
    from truename.commands import data

    data.restore(file, dry_run=dry_run, yes=yes)


@app.command(help=help_of("settings"))
def settings() -> None:
    """Show the settings."""
    from truename.commands import checks

    checks.settings()


@app.command(help=help_of("doctor"))
def doctor() -> None:
    """Look at everything."""
    from truename.commands import checks

    checks.doctor()
