"""Which answers of a tracker leave the line to the next question. The line is a plain record of what is done to it."""

import pytest

from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.http_client import Answer, Get, NoAnswer, Worth

BODY = b"d8:intervali1800e5:peers0:e"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def worth_of(answer: Answer) -> Worth:
    return {503: Worth.NONE, 403: Worth.REFUSAL}.get(answer.status, Worth.USE)


class Line:
    """Can begin anew as often as `fresh` says."""

    def __init__(self, fresh: int = 0, *, stays: bool = True) -> None:
        self.done: list[str] = []
        self.written: list[bytes] = []
        self.fresh = fresh
        self.is_to_stay = stays

    def stays(self) -> bool:
        return self.is_to_stay

    def write(self, data: bytes) -> None:
        self.done.append("asked")
        self.written.append(data)

    def abort(self) -> None:
        self.done.append("ended")

    def keep(self) -> None:
        self.done.append("kept")

    was_kept_before = False

    def heard(self, *, of_use: bool) -> None:
        self.done.append("of use" if of_use else "of no use")

    def begin_anew(self) -> bool:
        self.fresh -= 1
        if self.fresh >= 0:
            self.done.append("anew")
        return self.fresh >= 0


def asked(line: Line, *, may_say: int = 4096) -> tuple[Get, list[Answer | Exception]]:
    ends: list[Answer | Exception] = []
    get = Get(b"GET / HTTP/1.1\r\n", Allowance(may_say), ends.append, worth_of=worth_of)
    get.connection_made(line)
    return get, ends


def body(end: Answer | Exception) -> bytes:
    assert isinstance(end, Answer)
    return bytes(end.body)


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        PLAIN.replace(b"OK", b"OK\r\nConnection: keep-alive"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
        PLAIN.replace(b"200 OK", b"404 No"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 4096])
def test_an_answer_whose_end_is_certain_leaves_the_line_to_others(answer: bytes, step: int) -> None:
    line = Line()
    get, ends = asked(line)
    for at in range(0, len(answer), step):
        get.data_received(answer[at : at + step])
    assert [body(end) for end in ends] == [BODY]
    assert line.done == ["asked", "of use", "kept"]
    get.abort()
    assert line.done == ["asked", "of use", "kept"]  # it may be somebody else's already


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN.replace(b"1.1", b"1.0"),
        PLAIN.replace(b"OK", b"OK\r\nConnection: Close"),
        PLAIN + b"more",
        PLAIN.replace(b"OK", b"OK\r\nContent-Length: 5"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
    ],
)
def test_any_other_answer_ends_the_line(answer: bytes) -> None:
    line = Line()
    get, ends = asked(line)
    get.data_received(answer)
    get.connection_lost(None)
    assert body(ends[0]).startswith(BODY)
    assert line.done[:3] == ["asked", "of use", "ended"]
    assert "kept" not in line.done


@pytest.mark.parametrize(
    "status", [b"204 No Content", b"304 Not Modified", b"302 Found\r\nLocation: http://a.example/"]
)
def test_what_has_no_body_is_not_waited_for(status: bytes) -> None:
    line = Line()
    get, ends = asked(line)
    get.data_received(b"HTTP/1.1 %s\r\n\r\n" % status)
    assert [body(end) for end in ends] == [b""]
    assert line.done == ["asked", "of use", "ended"]


def test_only_who_sends_us_on_has_no_body_beside_a_location() -> None:
    get, ends = asked(Line())
    get.data_received(PLAIN.replace(b"OK", b"OK\r\nLocation: http://a.example/")[: -len(BODY)])
    assert not ends
    get.data_received(BODY)
    assert [body(end) for end in ends] == [BODY]


@pytest.mark.parametrize("breaks", ["other", "torn", "lost"])
def test_what_may_be_about_an_earlier_question_is_asked_once_more(breaks: str) -> None:
    line = Line(fresh=1)
    get, ends = asked(line)
    if breaks == "other":
        get.data_received(b"the rest of something else")
    else:
        get.data_received(PLAIN[:30])
        get.connection_lost(None if breaks == "torn" else ConnectionResetError())
    assert line.done == ["asked", "anew"]
    get.connection_made(line)
    get.data_received(PLAIN)
    assert [body(end) for end in ends] == [BODY]


def test_the_second_time_it_is_what_it_is() -> None:
    line = Line(fresh=1)
    get, ends = asked(line)
    for _ in range(2):
        get.data_received(b"nonsense")
        get.connection_made(line)
    assert isinstance(ends[0], NoAnswer)
    assert len(ends) == 1
    assert line.done == ["asked", "anew", "asked", "ended", "ended"]


def test_whoever_says_too_much_is_not_asked_again() -> None:
    line = Line(fresh=9)
    get, ends = asked(line, may_say=100)
    get.data_received(b"x" * 101)
    assert isinstance(ends[0], NoAnswer)
    assert line.done == ["asked", "ended"]


@pytest.mark.parametrize("stays", [False, True])
def test_a_line_that_is_not_to_stay_is_asked_to_be_closed(stays: bool) -> None:
    line = Line(stays=stays)
    get, ends = asked(line)
    assert (b"\r\nConnection: close\r\n" in line.written[0]) is not stays
    get.data_received(PLAIN)
    assert [body(end) for end in ends] == [BODY]
    assert line.done == ["asked", "of use", "kept" if stays else "ended"]


@pytest.mark.parametrize(
    "answer", [PLAIN.replace(b"200 OK", b"503 No"), PLAIN.replace(b"OK", b"OK\r\nContent-Encoding: gzip")]
)
def test_an_answer_of_no_use_on_a_line_that_others_have_used_is_asked_for_once_more(answer: bytes) -> None:
    line = Line(fresh=1)
    get, ends = asked(line)
    get.data_received(answer)
    assert not ends
    get.connection_made(line)
    get.data_received(PLAIN)
    assert [body(end) for end in ends] == [BODY]
    line = Line()
    get, ends = asked(line)
    get.data_received(answer)
    assert len(ends) == 1
    assert line.done[-1] == "ended"


@pytest.mark.parametrize("kept_before", [False, True])
def test_a_refusal_is_an_answer_where_others_were_answered_on_kept_lines(kept_before: bool) -> None:
    line = Line(fresh=1)
    line.was_kept_before = kept_before
    get, ends = asked(line)
    get.data_received(PLAIN.replace(b"200 OK", b"403 No"))
    assert line.done == ["asked", "of no use", "kept" if kept_before else "anew"]
    assert len(ends) == kept_before
