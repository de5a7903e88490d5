"""The pages of tasks and batches and their forms, which work without script.

With `of` a page has just these tasks and not those of its place in the list: a script that follows what is active gets
them so, wherever they would stand by now.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from truename.batching import BatchView
from truename.calibration import Priority
from truename.model import TaskStatus
from truename.names import shown
from truename.service import TaskView
from truename.store.tasks import TaskRow
from truename.web.at_hand import work_for_asking, work_of
from truename.web.batch import existing, unnamed_in
from truename.web.bodies import form_fields
from truename.web.calibrate import POLL_INTERVAL_MS
from truename.web.errors import Refusal, no_room
from truename.web.facts import story_of
from truename.web.given import place_in, priority_in
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.note_pages import NOTHING_UNNAMED
from truename.web.paging import DEFAULT_LIMIT, page_of
from truename.web.render import moment, render, see_other
from truename.web.tasks import cursor_after, cursor_in, status_in
from truename.web.views import error_of

_BATCHES_LISTED = 5
_ACTIVE = (TaskStatus.PENDING, TaskStatus.RUNNING)
_ID = re.compile(r"[0-9a-f-]{36}")

router = APIRouter(include_in_schema=False)

BatchId = Annotated[str, Path(max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A task on a page. `newer`: the newest of the same hash, where the person has asked for it again since."""

    view: TaskView
    newer: TaskRow | None = None

    @property
    def row(self) -> TaskRow:
        """The task."""
        return self.view.row

    @property
    def is_active(self) -> bool:
        """Whether something of it may still change."""
        return not self.row.status.is_final or (self.newer is not None and not self.newer.status.is_final)

    @property
    def may_be_asked_again(self) -> bool:
        """Whether asking again may bring what there is not."""
        named = self.row.status is TaskStatus.COMPLETED and self.row.verified
        return self.row.status.is_final and not named and self.newer is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a batch is. `refused`: items that could not be asked for."""

    total: int
    active: int
    again: int
    refused: int

    @classmethod
    def of(cls, view: BatchView) -> "Progress":
        """That of a batch."""
        counts = {status: view.batch.counts.get(status.value, 0) for status in TaskStatus}
        total = sum(counts.values())
        return cls(
            total=total,
            active=sum(counts[one] for one in _ACTIVE),
            again=unnamed_in(view),
            refused=max(0, view.batch.total - total),
        )


@router.get("/tasks")
async def page(request: Request, status: str = "", after: str = "", of: str | None = None) -> Response:
    """The tasks of a person, newest first, or those in one state; and the newest batches."""
    wanted, before = status_in(status), cursor_in(after)
    work, person_id = work_of(request), identity_of(request).person.id
    first = not (status or after)
    if of is None:
        read = await work.calibrations.newest(person_id, status=wanted, before=before, limit=DEFAULT_LIMIT + 1)
        views, more = page_of(read, DEFAULT_LIMIT)
    else:
        views, more = await work.calibrations.these(person_id, ids_in(of)), False
    counts = await work.calibrations.counts(person_id)
    return _page(
        request,
        "tasks.html",
        lines=await _lines(request, views),
        statuses=list(TaskStatus),
        wanted=status,
        after=after,
        place=_query(status=status, after=after),
        counts=counts,
        waiting=counts.get(TaskStatus.PENDING, 0),
        active=sum(counts.get(one, 0) for one in _ACTIVE),
        older=_query(status=status, after=cursor_after(views[-1])) if more else None,
        batches=await work.batches.newest(person_id, limit=_BATCHES_LISTED) if first else [],
    )


@router.post("/tasks")
async def act(request: Request) -> Response:
    """Cancel a task (`cancel`), have it asked for first (`first`), or ask again for its hash (`retry`, with a
    `priority`); then back to where one was. Or cancel all that waits (`waiting` is `cancel`).
    """
    fields = await form_fields(request)
    person_id, back = identity_of(request).person.id, _way_back(fields)
    if fields.get("waiting") == "cancel":
        await work_of(request).calibrations.cancel_waiting(person_id)
        return see_other(request, back)
    if "cancel" in fields:
        task_id = fields["cancel"]
        done = await work_of(request).calibrations.cancel(person_id, task_id) is not None
    elif "first" in fields:
        task_id = fields["first"]
        done = await work_for_asking(request).calibrations.hurry(person_id, task_id) is not None
    elif "retry" in fields:
        task_id = fields["retry"]
        priority = priority_in({"priority": fields["priority"]}) if "priority" in fields else None
        done = await work_for_asking(request).calibrations.retry(person_id, task_id, priority=priority) is not None
    else:
        raise Refusal("web_bad_request")
    if not done:
        raise Refusal("web_no_such_task", status=404, code="not_found")
    return see_other(request, f"{back}#task-{task_id}")


@router.post("/tasks/batch")
async def ask_for_all(request: Request) -> Response:
    """Ask for everything in one's notes that has no name, as a batch, and go to its page; to the notes if all have."""
    work, person_id = work_for_asking(request), identity_of(request).person.id
    magnets, left = await work.notes.unnamed(person_id, most=work.max_batch)
    if not magnets:
        return see_other(request, f"/notes?said={NOTHING_UNNAMED}")
    submitted = await work.batches.submit(person_id, magnets, total=len(magnets))
    return see_other(request, f"/tasks/batch/{submitted.batch_id}{_query(left=left or '')}")


@router.get("/tasks/batch/{batch_id}")
async def batch_page(
    request: Request, batch_id: BatchId, after: str = "", left: str = "", of: str | None = None
) -> Response:
    """How a batch is doing, and its tasks in the order in which they were given."""
    place = place_in(after)
    view = await existing(request, batch_id, after_place=place, limit=DEFAULT_LIMIT + 1 if of is None else 0)
    if of is None:
        places, more = page_of(view.tasks, DEFAULT_LIMIT)
        views: Sequence[TaskView] = [one for _, one in places]
    else:
        places, more = [], False
        views = await work_of(request).calibrations.these(identity_of(request).person.id, ids_in(of))
    return _page(
        request,
        "batch.html",
        batch=view.batch,
        progress=Progress.of(view),
        counts=view.batch.counts,
        statuses=list(TaskStatus),
        lines=[Line(view=one) for one in views],
        after=after,
        place=_query(after=after),
        older=_query(after=str(places[-1][0])) if more else None,
        left=left if left.isascii() and left.isdigit() and len(left) < 10 else "",
    )


@router.post("/tasks/batch/{batch_id}")
async def act_on_batch(request: Request, batch_id: BatchId) -> Response:
    """Cancel what is active of a batch (`do` is `cancel`), or ask again for what failed in it (`retry`)."""
    await existing(request, batch_id, limit=0)
    person_id, wanted = identity_of(request).person.id, (await form_fields(request)).get("do")
    if wanted == "cancel":
        await work_of(request).batches.cancel(person_id, batch_id)
    elif wanted == "retry":
        retried = await work_for_asking(request).batches.retry(person_id, batch_id)
        if retried.refused:
            asked = len(retried.asked) + retried.refused
            raise no_room("notes_no_room", refused=f"{retried.refused:,}", asked=f"{asked:,}")
    else:
        raise Refusal("web_bad_request")
    return see_other(request, f"/tasks/batch/{batch_id}")


def ids_in(of: str) -> Sequence[str]:
    """The ids that a page is asked for, as many as stand on one. Errors: `Refusal` 400."""
    ids = of.split(",") if of else []
    if len(ids) > DEFAULT_LIMIT or not all(map(_ID.fullmatch, ids)):
        raise Refusal("web_bad_request")
    return ids


async def _lines(request: Request, views: Sequence[TaskView]) -> list[Line]:
    unnamed = [view for view in views if view.row.status.is_final and view.row.status is not TaskStatus.COMPLETED]
    newer = await work_of(request).calibrations.newer_than(identity_of(request).person.id, unnamed)
    return [Line(view=view, newer=newer.get(view.row.id)) for view in views]


def _page(request: Request, template: str, **fields: Any) -> Response:
    language = preferred(request.headers.get("accept-language", ""))

    def why(row: TaskRow) -> str | None:
        return error_of(row, language) if row.status.is_final and row.status is not TaskStatus.COMPLETED else None

    return render(
        request,
        template,
        mode=work_of(request).mode.value,
        interval=POLL_INTERVAL_MS,
        priorities=[one.name.lower() for one in Priority],
        moment=moment,
        query=_query,
        shown=shown,
        why_of=why,
        story_of=partial(story_of, language=language),
        **fields,
    )


def _way_back(fields: dict[str, str]) -> str:
    """The page that a form was on."""
    batch_id, after = fields.get("batch", ""), fields.get("after", "")
    if not batch_id:
        status_in(fields.get("status", ""))
        cursor_in(after)
        return f"/tasks{_query(status=fields.get('status', ''), after=after)}"
    if not _ID.fullmatch(batch_id):
        raise Refusal("web_bad_request")
    place_in(after)
    return f"/tasks/batch/{batch_id}{_query(after=after)}"


def _query(**given: object) -> str:
    """The query of an address, of what is not empty."""
    kept = {name: value for name, value in given.items() if value != ""}
    return f"?{urlencode(kept)}" if kept else ""
