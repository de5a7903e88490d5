"""`truename tasks`: what waits, runs and has ended, from the terminal, and an end to what is not wanted any more.

Beside a running server or without one: both are the same file. Whoever may read that file sees everybody's tasks.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from truename.calibration import OfTask, Rules, cancel_all
from truename.model import TaskStatus
from truename.names import make_visible, shown
from truename.service import TaskView, views
from truename.store import people, tasks
from truename.store.database import Connection, Database
from truename.store.people import Person, clean_username
from truename.store.portable import in_chunks
from truename.terminal.resolve import escaped
from truename.terminal.screen import Screen
from truename.texts import Language, say
from truename.web.views import error_of, task_body


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a list shows: of one person and one state, or of all; at most `limit`; as JSON or as lines."""

    status: TaskStatus | None = None
    username: str | None = None
    limit: int = 50
    as_json: bool = False


async def list_tasks(database: Database, screen: Screen, wish: Wish, *, at: float, task_ttl_s: float) -> bool:
    """One line for each task, the newest first, without those that are forgotten. Output: False for nobody's name."""
    async with database.reading() as connection:
        everybody = {person.id: person for person in await people.everybody(connection)}
        person = None if wish.username is None else await _find(connection, wish.username)
        if wish.username is not None and person is None:
            screen.say("person_unknown", name=wish.username)
            return False
        read = await tasks.newest(
            connection,
            None if person is None else person.id,
            status=wish.status,
            limit=wish.limit + 1,
            ended_after=at - task_ttl_s,
        )
        seen = await views(connection, read[: wish.limit], at=at)
    several = len(everybody) > 1 and person is None
    for one in seen:
        username = everybody[one.row.person_id].username
        if wish.as_json:
            screen.answer(json_line(one, username, screen.language, ascii_only=not screen.shows_everything))
        else:
            screen.answer(plain_line(one, screen.language, username if several else None))
    if not seen:
        screen.say("tasks_none_such")
    elif len(read) > wish.limit:
        screen.say("tasks_more", limit=wish.limit)
    return True


async def cancel(database: Database, screen: Screen, ids: Sequence[str], *, rules: Rules, at: float) -> bool:
    """Cancel tasks, all in one transaction; whether all of them are cancelled now."""
    async with database.writing() as connection:
        found = await tasks.of_anybody(connection, ids)
        active = [row for row in found.values() if not row.status.is_final]
        for some in in_chunks(OfTask(person_id=row.person_id, task_id=row.id, at=at) for row in active):
            await cancel_all(connection, some, rules=rules)
    done = True
    for one in dict.fromkeys(ids):
        row = found.get(one)
        if row is None:
            screen.say("tasks_unknown", task=one)
        elif row.status.is_final and row.status is not TaskStatus.CANCELLED:
            screen.say("tasks_ended_already", task=one, status=row.status.value)
        else:
            screen.answer(f"{TaskStatus.CANCELLED.value}  {one}")
            continue
        done = False
    return done


def plain_line(one: TaskView, language: Language, username: str | None = None) -> str:
    """`<state>  <task>  <info-hash>  <name>`, or in the name's place what there is to say instead.

    The user name, if there is one, stands before all that a stranger may have chosen.
    """
    row = one.row
    whose = f"  ({make_visible(username)})" if username is not None else ""
    said = ""
    if row.name is not None:
        said = shown(row.name)
    elif row.status.is_final:
        said = error_of(row, language)
    elif one.queue_position is not None:
        said = say("task_place", language, place=one.queue_position)
    elif row.attempt:
        said = say("task_tries", language, count=row.attempt)
    return f"{row.status.value:<9}  {row.id}  {row.hash}{whose}  {said}".rstrip()


def json_line(one: TaskView, username: str, language: Language, *, ascii_only: bool) -> str:
    """The body of a status, with whose task it is; nothing in it can hide."""
    return escaped(json.dumps(task_body(one, language) | {"username": username}, ensure_ascii=ascii_only))


async def _find(connection: Connection, name: str) -> Person | None:
    username = clean_username(name)
    return None if username is None else await people.find(connection, username)
