"""The routes of batches: many hashes in one request, followed, cancelled and tried again together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from truename.batching import BatchSubmitted, BatchView
from truename.calibration import NoRoom
from truename.errors import InvalidInput
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.note_texts import Candidate
from truename.portions import in_portions
from truename.service import TooMany
from truename.texts import Language, say
from truename.web.at_hand import work_for_asking, work_of
from truename.web.bodies import json_object, needs_no_body
from truename.web.description import json_body
from truename.web.errors import Refusal
from truename.web.given import MAX_ID, place_in, priority_in, read_magnet, why_no_magnet
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.paging import page_of, rows_wanted
from truename.web.shapes import BatchOrder
from truename.web.views import Body, code_of, task_body
from truename.web.work import Work

router = APIRouter(tags=["calibrate"])

BatchId = Annotated[str, Path(max_length=100)]

_SOURCES = ("info_hashes", "note_ids", "unnamed")
_EXAMPLE = {"info_hashes": ["722fe65b2aa26d14f35b4ad627d20236e481d924", "not a hash"], "priority": "low"}
_MAX_ECHO = 2000


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a batch as it was given: a magnet, or why it is none."""

    given: str | None
    magnet: Magnet | None = None
    code: str = ""
    word: str = ""


@router.post("/api/calibrate/batch", summary="Ask for many names", openapi_extra=json_body(BatchOrder, _EXAMPLE))
async def submit(request: Request) -> Body:
    """One transaction; an answer for each item, in order. What cannot be asked for does not hold up the others."""
    work, person_id = work_for_asking(request), identity_of(request).person.id
    body = await json_object(request)
    priority = priority_in(body)
    items, remaining = await _items(work, person_id, body)
    if len(items) > work.max_batch:
        raise Refusal("web_batch_too_large", status=413, code="too_large", most=work.max_batch)
    magnets = [item.magnet for item in items if item.magnet is not None]
    submitted = await work.batches.submit(person_id, magnets, total=len(items), priority=priority)
    answer = await _answer(items, submitted, preferred(request.headers.get("accept-language", "")))
    return answer if remaining is None else answer | {"remaining": remaining}


@router.get("/api/calibrate/batch/{batch_id}", summary="How a batch is doing")
async def batch(request: Request, batch_id: BatchId, limit: str = "", after: str = "") -> Body:
    """How many of its tasks are in each state, and some of them, in the order in which they were given."""
    return await _batch(request, batch_id, limit=limit, after=after)


@router.post("/api/calibrate/batch/{batch_id}/cancel", summary="Cancel a batch", dependencies=[Depends(needs_no_body)])
async def cancel(request: Request, batch_id: BatchId) -> Body:
    """Cancels what the batch has created and is still active."""
    await work_of(request).batches.cancel(identity_of(request).person.id, batch_id)
    return await _batch(request, batch_id)


@router.post(
    "/api/calibrate/batch/{batch_id}/retry", summary="Try a batch again", dependencies=[Depends(needs_no_body)]
)
async def retry(request: Request, batch_id: BatchId) -> Body:
    """New tasks, in the same batch, for those that failed or timed out. 429 when there is no room for any."""
    work = work_for_asking(request)
    await existing(request, batch_id, limit=0)
    retried = await work.batches.retry(identity_of(request).person.id, batch_id)
    if retried.refused and not retried.asked:
        raise TooMany
    return await _batch(request, batch_id)


async def _batch(request: Request, batch_id: str, *, limit: str = "", after: str = "") -> Body:
    count, place = rows_wanted(limit), place_in(after)
    view = await existing(request, batch_id, after_place=place, limit=count + 1)
    return batch_body(view, count, preferred(request.headers.get("accept-language", "")))


async def existing(request: Request, batch_id: str, *, after_place: int = -1, limit: int) -> BatchView:
    """A batch of the person who asks. Errors: `Refusal` 404."""
    view = await work_of(request).batches.get(
        identity_of(request).person.id, batch_id, after_place=after_place, limit=limit
    )
    if view is None:
        raise Refusal("web_no_such_batch", status=404, code="not_found")
    return view


def unnamed_in(view: BatchView) -> int:
    """How many of a batch failed or timed out, and can be asked for again."""
    return sum(view.batch.counts.get(status.value, 0) for status in (TaskStatus.FAILED, TaskStatus.TIMEOUT))


def batch_body(view: BatchView, count: int, language: Language) -> Body:
    """The body of a batch, with at most so many of its tasks."""
    shown, more = page_of(view.tasks, count)
    return {
        "batch_id": view.batch.id,
        "total": view.batch.total,
        "counts": {status.value: view.batch.counts.get(status.value, 0) for status in TaskStatus},
        "tasks": [task_body(one, language) for _, one in shown],
        "next": str(shown[-1][0]) if more else None,
    }


async def _items(work: Work, person_id: int, body: Body) -> tuple[Sequence[Item], int | None]:
    """What a body asks for; and, of everything unnamed, how much is left for another batch. Errors: `Refusal` 400."""
    named = [key for key in _SOURCES if key in body]
    if len(named) != 1:
        raise Refusal("web_bad_batch")
    given = body[named[0]]
    if named[0] == "unnamed":
        if given is not True:
            raise Refusal("web_bad_batch")
        magnets, remaining = await work.notes.unnamed(person_id, most=work.max_batch)
        return [Item(given=magnet.info_hash, magnet=magnet) for magnet in magnets], remaining
    if not isinstance(given, list):
        raise Refusal("web_bad_batch")
    if len(given) > work.max_batch:
        raise Refusal("web_batch_too_large", status=413, code="too_large", most=work.max_batch)
    if named[0] == "info_hashes":
        return await in_portions(_item_of_hash, given), None
    return await _items_of_notes(work, person_id, given), None


def _item_of_hash(given: object) -> Item:
    if not isinstance(given, str):
        return Item(None, code="invalid_info_hash", word="web_invalid_info_hash")
    try:
        return Item(given[:_MAX_ECHO], read_magnet(given))
    except InvalidInput as error:
        word, code = why_no_magnet(given, error)
        return Item(given[:_MAX_ECHO], code=code, word=word)


async def _items_of_notes(work: Work, person_id: int, given: Sequence[object]) -> Sequence[Item]:
    """A note that is named twice counts once. More than there may be are not all read."""
    ids = [_note_id(one) for one in given]
    found = await work.notes.magnets_of_each(person_id, filter(None, ids), most=work.max_batch)
    items: list[Item] = []
    done: set[int] = set()
    for note_id in ids:
        if note_id in done:
            continue
        if note_id is None or note_id not in found:
            items.append(Item(None, code="not_found", word="web_no_such_note"))
        else:
            items += map(_item_of_candidate, found[note_id])
        if note_id is not None:
            done.add(note_id)
    return items


def _note_id(given: object) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= MAX_ID else None


def _item_of_candidate(one: Candidate) -> Item:
    if one.problem is None:
        return Item(one.info_hash, one.magnet)
    return Item(one.info_hash, code=code_of(one.problem), word=one.problem)


async def _answer(items: Sequence[Item], submitted: BatchSubmitted, language: Language) -> Body:
    answers = iter(submitted.answers)
    counts = dict.fromkeys(("created", "deduplicated", "completed", "invalid"), 0)

    def body_of(item: Item) -> Body:
        answer = None if item.magnet is None else next(answers)
        if item.magnet is None:
            kind, body = "invalid", {"info_hash": item.given, "error": say(item.word, language), "code": item.code}
        elif answer is None or isinstance(answer, NoRoom):
            error = say("web_too_many", language)
            kind, body = "invalid", {"info_hash": item.magnet.info_hash, "error": error, "code": "too_many"}
        else:
            new = "completed" if answer.status is TaskStatus.COMPLETED else "created"
            kind = "deduplicated" if answer.deduplicated else new
            body = {
                "info_hash": item.magnet.info_hash,
                "task_id": answer.task_id,
                "status": answer.status.value,
            }
        counts[kind] += 1
        return body

    bodies = await in_portions(body_of, items)
    return {"batch_id": submitted.batch_id, "total": len(items), **counts, "items": bodies}
