"""The routes of tasks that exist: list, cancel, try again; and of the watch over what did not answer."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from truename.errors import InvalidInput
from truename.infohash import InfoHash
from truename.model import TaskStatus
from truename.service import TaskView
from truename.web.at_hand import work_for_asking, work_of
from truename.web.bodies import needs_no_body
from truename.web.errors import Refusal
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.paging import page_of, rows_wanted
from truename.web.views import Body, task_body

router = APIRouter(tags=["calibrate"])

_CURSOR = re.compile(r"([0-9]{1,12}\.[0-9]{1,12})_([0-9]{1,18})_([0-9a-f-]{36})", re.ASCII)

TaskId = Annotated[str, Path(max_length=100)]


@router.get("/api/calibrate/tasks", summary="Own tasks, newest first")
async def tasks(request: Request, status: str = "", limit: str = "", after: str = "") -> Body:
    """At most `limit` tasks, from the cursor `after` on; with `status` only those in that state."""
    wanted, before, count = status_in(status), cursor_in(after), rows_wanted(limit)
    views = await work_of(request).calibrations.newest(
        identity_of(request).person.id, status=wanted, before=before, limit=count + 1
    )
    language = preferred(request.headers.get("accept-language", ""))
    shown, more = page_of(views, count)
    return {
        "tasks": [task_body(view, language) for view in shown],
        "next": cursor_after(shown[-1]) if more else None,
    }


@router.post("/api/calibrate/cancel/{task_id}", summary="Cancel a task", dependencies=[Depends(needs_no_body)])
async def cancel(request: Request, task_id: TaskId) -> Body:
    """The task, cancelled; 409 when it had ended in another way. Other people's tasks of the same hash go on."""
    view = await work_of(request).calibrations.cancel(identity_of(request).person.id, task_id)
    if view is None:
        raise Refusal("web_no_such_task", status=404, code="not_found")
    if view.row.status is not TaskStatus.CANCELLED:
        raise Refusal("web_ended_already", status=409, code="conflict")
    return task_body(view, preferred(request.headers.get("accept-language", "")))


@router.post("/api/calibrate/retry/{task_id}", summary="Try again", dependencies=[Depends(needs_no_body)])
async def retry(request: Request, task_id: TaskId) -> Body:
    """A new task for the same hash; 409 while the old one is active."""
    work = work_for_asking(request)
    submitted = await work.calibrations.retry(identity_of(request).person.id, task_id)
    if submitted is None:
        raise Refusal("web_no_such_task", status=404, code="not_found")
    answer: Body = {"task_id": submitted.task_id, "status": submitted.status.value}
    return answer | {"deduplicated": True} if submitted.deduplicated else answer


@router.post("/api/watch/{info_hash}/now", summary="Ask a sleeping hash now", dependencies=[Depends(needs_no_body)])
async def watch_now(request: Request, info_hash: str) -> Body:
    """Asks for a hash in one's notes that did not answer, without waiting for its next turn."""
    work = work_for_asking(request)
    wanted = _hash(info_hash)
    if not await work.watch.now(identity_of(request).person.id, wanted):
        raise Refusal("web_not_watched", status=404, code="not_found")
    return {"info_hash": wanted, "watched": True}


@router.post("/api/watch/{info_hash}/stop", summary="Stop asking for a hash", dependencies=[Depends(needs_no_body)])
async def watch_stop(request: Request, info_hash: str) -> Body:
    """It is asked for no more, until one asks for it again oneself."""
    wanted = _hash(info_hash)
    if not await work_of(request).watch.stop(identity_of(request).person.id, wanted):
        raise Refusal("web_not_watched", status=404, code="not_found")
    return {"info_hash": wanted, "watched": False}


def _hash(text: str) -> InfoHash:
    try:
        return InfoHash.parse(text)
    except InvalidInput as error:
        raise Refusal("web_invalid_info_hash", code="invalid_info_hash") from error


def status_in(text: str) -> TaskStatus | None:
    """The state that a list is asked for; None when it is empty, for all. Errors: `Refusal` 400."""
    if not text:
        return None
    if text not in {one.value for one in TaskStatus}:
        raise Refusal("web_bad_status")
    return TaskStatus(text)


def cursor_after(last: TaskView) -> str:
    """Where the next part of a list begins."""
    return f"{last.row.created_at!r}_{last.row.rank}_{last.row.id}"


def cursor_in(after: str) -> tuple[float, int, str] | None:
    """What `cursor_after` has made: time, rank and id; None when it is empty. Errors: `Refusal` 400."""
    if not after:
        return None
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise Refusal("web_bad_request")
    return float(found[1]), int(found[2]), found[3]
