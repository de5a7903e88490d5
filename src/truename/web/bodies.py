"""Bodies of requests: bounded in size and time while they are read, then JSON objects or forms, or refused.

A body that nobody wants is read off for a moment before the answer is sent, since a client that is still sending would
miss the answer when the connection is closed.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.types import Message, Receive

from truename.web.errors import Refusal

READ_WITHIN_S = 60.0
DRAIN_BYTES = 16 * 1024 * 1024
DRAIN_S = 2.0
_MAX_FIELDS = 50
_UTF_8 = frozenset((b"utf-8", b"utf8", b"us-ascii"))


class Room:
    """How many bytes of bodies may be here at once, and how many of them one person's.

    What is in a body is freed when its request is over.
    """

    def __init__(self, most_bytes: int, most_of_one: int) -> None:
        self._left_bytes = most_bytes
        self._most_of_one = most_of_one
        self._taken: Counter[Hashable] = Counter()

    def take(self, whose: Hashable, size: int) -> bool:
        """Whether there is so much room for them; then it is taken."""
        if size > self._left_bytes or size > self._most_of_one - self._taken[whose]:
            return False
        self._left_bytes -= size
        self._taken[whose] += size
        return True

    def give_back(self, whose: Hashable, size: int) -> None:
        """So much is free again."""
        self._left_bytes += size
        self._taken[whose] -= size
        if not self._taken[whose]:
            del self._taken[whose]


class Body:
    """Stands between the server and the application: `receive` refuses what is too large or too slow.

    Where no body is wanted, and once an answer has begun, nothing is refused any more; what still comes is dropped.
    """

    def __init__(
        self, receive: Receive, headers: Sequence[tuple[bytes, bytes]], *, limit: int, wanted: bool = True
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._wanted = wanted
        self._read = 0
        self._until = asyncio.get_running_loop().time() + READ_WITHIN_S
        fields = dict(headers)
        length = fields.get(b"content-length", b"0")
        self._announced = int(length) if length.isdigit() else 0
        self._waits_to_send = b"expect" in fields
        self._room: Room | None = None
        self._whose: Hashable = None
        self._held = 0
        self.complete = self._announced == 0 and b"transfer-encoding" not in fields

    def refuse_at_once(self) -> None:
        """Refuse a body that says itself that it is too large."""
        if self._announced > self._limit:
            raise _too_large()

    def fill(self, room: Room, whose: Hashable) -> None:
        """From now on what comes takes up room of theirs."""
        self._room, self._whose = room, whose

    def let_go(self) -> None:
        """The request is over. Idempotent."""
        if self._room is not None:
            self._room.give_back(self._whose, self._held)
        self._held = 0

    async def receive(self) -> Message:
        """The next message, as ASGI has it."""
        if not self._wanted or self.complete:
            return self._count(await self._receive())
        try:
            async with asyncio.timeout_at(self._until):
                message = self._count(await self._receive())
        except TimeoutError as error:
            raise Refusal("web_too_slow", status=408) from error
        if self._read > self._limit:
            raise _too_large()
        self._hold(len(message.get("body", b"")))
        return message

    async def drain(self) -> None:
        """The answer begins: read off what is still coming, within bounds."""
        self._wanted = False
        if self._waits_to_send and not self._read:
            return  # it has not been asked for, and will not come
        try:
            async with asyncio.timeout(DRAIN_S):
                while not self.complete and self._read < DRAIN_BYTES:
                    self._count(await self._receive())
        except TimeoutError:
            pass

    def _hold(self, size: int) -> None:
        if self._room is None:
            return
        if not self._room.take(self._whose, size):
            raise Refusal("web_too_many", status=429, code="too_many", headers={"Retry-After": "1"})
        self._held += size

    def _count(self, message: Message) -> Message:
        if message["type"] != "http.request":
            self.complete = True
            return message
        self._read += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        return message if self._wanted else {**message, "body": b""}


async def json_object(request: Request) -> dict[str, Any]:
    """The body of a request of the API.

    Errors: `Refusal` 400 for whatever is not a JSON object in UTF-8, sent as such, and for half of a character in it.
    """
    if not _is_json(request.headers.get("content-type", "")):
        raise Refusal("web_not_json")
    try:
        text = (await request.body()).decode("utf-8")
        value = json.loads(text, parse_constant=_no_constant)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refusal("web_half_a_character") from error
    except (ValueError, RecursionError) as error:
        raise Refusal("web_not_json") from error
    if not isinstance(value, dict):
        raise Refusal("web_not_an_object")
    return value


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    """Whether this says JSON in UTF-8, which is what JSON is in unless somebody says otherwise (RFC 8259, 8.1)."""
    kind, options = parse_options_header(content_type)
    return kind == b"application/json" and options.get(b"charset", b"utf-8").lower() in _UTF_8


async def needs_no_body(request: Request) -> None:
    """For a route of the API that needs nothing said: a body may be there all the same, if it is a JSON object.

    Errors: `Refusal` 400 for any other one.
    """
    if await request.body():
        await json_object(request)


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form of one of our pages; of a name that comes twice, the last.

    Errors: `Refusal` 400.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal("web_not_a_form")
    try:
        text = (await request.body()).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise Refusal("web_not_a_form") from error
    return dict(pairs)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _too_large() -> Refusal:
    return Refusal("web_too_large", status=413, code="too_large")
