"""What the outside sees of tasks and notes: JSON bodies as the contract has them. Pure.

Times are epoch seconds. A field that does not apply is absent: `result` only of a completed task, `error` and `code`
only of one that ended without a name.
"""

from collections.abc import Container, Iterable
from typing import Any
from urllib.parse import quote

from truename.codes import TIMEOUTS, Code
from truename.magnet import MagnetSpan, find_magnets
from truename.model import TaskStatus
from truename.names import MAX_SHOWN_CHARS, is_hidden
from truename.note_texts import problem_of
from truename.notes import MagnetView, NoteView
from truename.service import TaskView
from truename.store.tasks import TaskRow
from truename.texts import Language, say
from truename.timeline import unpack, why
from truename.web.facts import detail_of, provenance_body

Body = dict[str, Any]

_WHOLE_NAMES_CHARS = 4_000_000
"""Of the names in one answer. Each may have thirty thousand, and stand in thousands of magnets."""


def task_body(view: TaskView, language: Language) -> Body:
    """The body of a status."""
    row = view.row
    body: Body = {
        "task_id": row.id,
        "status": row.status.value,
        "info_hash": row.hash,
        "attempt": row.attempt,
        "created_at": row.created_at,
    }
    if view.info_hash_v1 is not None:
        body |= {"info_hash": view.info_hash_v1, "info_hash_v2": row.hash_v2 or row.hash}
    elif row.hash_v2 is not None:
        body["info_hash_v2"] = row.hash_v2
    if row.next_attempt_at is not None:
        body["next_attempt_at"] = row.next_attempt_at
    if view.queue_position is not None:
        body["queue_position"] = view.queue_position
    if row.completed_at is not None:
        body["completed_at"] = row.completed_at
    if row.status is TaskStatus.COMPLETED:
        body |= {"result": row.name, "source": row.source, "verified": row.verified}
    elif row.status.is_final:
        body |= {"error": error_of(row, language), "code": row.code}
    if row.status.is_final and (detail := detail_of(row, language)) is not None:
        body["detail"] = detail
    if view.about is not None and row.status is TaskStatus.COMPLETED:
        body |= provenance_body(view.about)
    return body


def error_of(row: TaskRow, language: Language) -> str:
    """Why a task ended without a name, for a person; a resolver that answered is quoted."""
    return why(row.reason or row.code or Code.RESOLVER_FAILED, unpack(row.detail), language)


def note_body(view: NoteView) -> Body:
    """The body of a note: see `note_bodies`."""
    (body,) = note_bodies([view])
    return body


def note_bodies(views: Iterable[NoteView]) -> list[Body]:
    """The bodies of notes. Where their names are very many and very long, the last ones are cut as on the pages."""
    bodies: list[Body] = []
    told_chars = 0
    for view in views:
        magnets: list[Body] = []
        for one in view.magnets:
            magnets.append(magnet_body(one, whole=told_chars < _WHOLE_NAMES_CHARS))
            told_chars += len(one.dn or "") + len(one.name or "")
        bodies.append(
            {
                "id": view.note.id,
                "version": view.note.version,
                "text": view.note.text,
                "created_at": view.note.created_at,
                "updated_at": view.note.updated_at,
                "magnets": magnets,
            }
        )
    return bodies


def magnet_body(view: MagnetView, *, whole: bool = True) -> Body:
    """One magnet of a note; `status` and `task_id` are those of its newest task, or null. `whole`: so are its names."""
    return {
        "start": view.start,
        "end": view.end,
        "info_hash": view.info_hash,
        "dn": view.dn if whole else _beginning(view.dn),
        "name": view.name if whole else _beginning(view.name),
        "status": view.task.status.value if view.task else None,
        "task_id": view.task.id if view.task else None,
    }


def _beginning(name: str | None) -> str | None:
    return name if name is None or len(name) <= MAX_SHOWN_CHARS else f"{name[:MAX_SHOWN_CHARS]}…"


def state_of(view: MagnetView) -> str:
    """How a magnet is doing, for the page: a word that `texts` has as `state_...`.

    `known`: there is a name, and it does not stand in this text: somebody else has asked for it, or the text has come
    since, or the person has another name there.
    """
    if view.task is not None and not view.task.status.is_final:
        return view.task.status.value
    if view.name is not None:
        return "completed" if view.is_named else "known"
    if view.task is None and view.watch is not None:  # the task is forgotten, its end is not
        return "timeout" if view.watch.code in TIMEOUTS else "failed"
    return view.task.status.value if view.task is not None else "none"


def sleeps(view: MagnetView) -> bool:
    """Whether a magnet did not answer and is not being asked for at the moment."""
    return view.watch is not None and state_of(view) not in ("pending", "running", "completed", "known")


def why_of(view: MagnetView, language: Language) -> str | None:
    """Why a magnet has no name, for a person; None when there is nothing to say."""
    if view.task is None and view.watch is not None and view.name is None:
        return why(view.watch.code, (), language)
    ended = view.task is not None and view.task.status.value == state_of(view) and view.task.status.is_final
    return error_of(view.task, language) if view.task and ended and view.task.name is None else None


def link_of(view: MagnetView, text: str) -> str:
    """The magnet as it stands in the text of its note, for its trackers; what could hide in it is percent-encoded."""
    link = text[view.start : view.end]
    if link.isascii() and link.isprintable():
        return link
    return "".join(quote(one) if is_hidden(one) else one for one in link)


def note_results(
    text: str, rows: Iterable[TaskRow], language: Language, *, refused: Container[str] = frozenset()
) -> Body:
    """What the synchronous route says of a note: one result for each magnet, in the order of the text.

    Input: `refused` are the hashes that could not be asked for, since so much waits already.
    """
    by_hash = {row.hash: row for row in rows}
    results: list[Body] = []
    told_chars = 0
    for span in find_magnets(text, broken=True):
        row = by_hash.get(span.info_hash or "")
        whole = told_chars < _WHOLE_NAMES_CHARS
        results.append(_result(span, row, language, refused=span.info_hash in refused, whole=whole))
        told_chars += len(results[-1].get("filename") or "")
    named = sum(result["success"] for result in results)
    return {
        "success": named == len(results),
        "total": len(results),
        "success_count": named,
        "fail_count": len(results) - named,
        "results": results,
    }


def code_of(problem: str) -> str:
    """The code in a body for a magnet that cannot be asked for, of that of its `InvalidInput`."""
    return "too_large" if problem == "magnet_too_large" else problem


def _result(span: MagnetSpan, row: TaskRow | None, language: Language, *, refused: bool, whole: bool) -> Body:
    body: Body = {"info_hash": span.info_hash, "old_magnet": span.text}
    problem = problem_of(span)
    if problem is not None:
        return body | {"error": say(problem, language), "code": code_of(problem), "success": False}
    if row is not None and row.status is TaskStatus.COMPLETED:
        return body | {"filename": row.name if whole else _beginning(row.name), "success": True}
    if row is not None and row.status.is_final:
        return body | {"error": error_of(row, language), "code": row.code, "success": False}
    if refused:
        return body | {"error": say("web_too_many", language), "code": "too_many", "success": False}
    return body | {"error": say("web_waiting", language), "code": "waiting", "success": False}
