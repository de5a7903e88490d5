"""Arguments of `truename tasks`; its work is `terminal.tasks`, which is loaded when it is called."""

import time
from typing import Annotated

import typer

from truename.commands.process import help_of
from truename.commands.usage import App
from truename.model import TaskStatus

app = App(help=help_of("tasks"))


@app.callback(invoke_without_command=True)
def list_tasks(
    context: typer.Context,
    status: Annotated[TaskStatus | None, typer.Option("--status", help=help_of("tasks_status"))] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help=help_of("tasks_user"))] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help=help_of("tasks_limit"))] = 50,
    as_json: Annotated[bool, typer.Option("--json", help=help_of("tasks_json"))] = False,  # noqa: FBT002
) -> None:
    """List tasks."""
    if context.invoked_subcommand is not None:
        return
    from truename.commands.data import on_database
    from truename.commands.loaded import loaded_settings
    from truename.commands.process import DONE, LANGUAGE
    from truename.store.database import FILE_NAME
    from truename.terminal import tasks
    from truename.terminal.screen import Screen

    settings = loaded_settings(warn=False).settings
    if not (settings.data_dir / FILE_NAME).exists():
        Screen(LANGUAGE, progress=False).say("tasks_none_such")
        raise typer.Exit(DONE)
    wish = tasks.Wish(status=status, username=user, limit=limit, as_json=as_json)
    at, task_ttl_s = time.time(), settings.task_ttl_s
    on_database(lambda database, screen: tasks.list_tasks(database, screen, wish, at=at, task_ttl_s=task_ttl_s))


@app.command("cancel", help=help_of("tasks_cancel"))
def cancel(ids: Annotated[list[str], typer.Argument(metavar="ID...", help=help_of("tasks_ids"))]) -> None:
    """Cancel tasks."""
    from truename.app import rules_of
    from truename.commands.data import on_database
    from truename.commands.loaded import loaded_settings
    from truename.terminal import tasks

    rules = rules_of(loaded_settings(warn=False).settings)
    on_database(lambda database, screen: tasks.cancel(database, screen, ids, rules=rules, at=time.time()))
