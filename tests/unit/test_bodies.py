"""Bodies as JSON objects and forms: what is read, and what is refused without a 500."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request

from truename.web.bodies import form_fields, json_object
from truename.web.errors import Refusal

FORM = "application/x-www-form-urlencoded"


def request_with(body: bytes, kind: str) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode())] if kind else []
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def read_json(body: bytes, kind: str = "application/json") -> dict[str, Any]:
    return asyncio.run(json_object(request_with(body, kind)))


def read_form(body: bytes, kind: str = FORM) -> dict[str, str]:
    return asyncio.run(form_fields(request_with(body, kind)))


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"])
def test_an_object_is_read(kind: str) -> None:
    value = {"info_hash": "x", "deep": [{"笔": "\U0001f9f2"}], "number": 5}
    assert read_json(json.dumps(value).encode(), kind) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode(), kind) == value
    assert read_json(b'{"a": "\\\\ud800"}') == {"a": "\\ud800"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b"true",
        b'"x"',
        b"{",
        b"{'a': 1}",
        b'{"a": 1}}',
        b'{"a": NaN}',
        b'{"a": [Infinity]}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud83e"}',
        b'{"\\uDC00": 1}',
        b'{"a": [["\\udead"]]}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"\x00",
    ],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_json(body)
    assert (refused.value.status_code, refused.value.code) == (400, "bad_request")


@pytest.mark.parametrize("kind", ["", "text/plain", FORM, "multipart/form-data; boundary=x", "application/jsonp"])
def test_json_is_sent_as_such(kind: str) -> None:
    with pytest.raises(Refusal):
        read_json(b"{}", kind)


def test_a_form_is_read_and_of_a_field_that_comes_twice_the_last() -> None:
    body = b"username=%E5%B0%8F%E6%98%8E+x&password=a%2Bb&next=&username=second"
    assert read_form(body) == {"username": "second", "password": "a+b", "next": ""}


@pytest.mark.parametrize("body", [b"a=%ff", b"a=%ed%a0%80", b"\xe5\xb0\x8f=1", b"a=b&" * 1000])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        read_form(body)


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data; boundary=x"])
def test_a_form_is_sent_as_such(kind: str) -> None:
    with pytest.raises(Refusal):
        read_form(b"a=b", kind)
