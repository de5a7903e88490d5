"""What a server tells its administrator: one line for each event, nothing raw, nobody's words."""

import asyncio
import io
import logging
import re

import pytest
import typer

from truename.commands.servers import run_server
from truename.terminal.log import AGAIN_AFTER_S, line_of, telling

WHEN = 1_700_000_000.25


def record(message: str, *arguments: object, at: float = WHEN, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("truename.part", logging.WARNING, "part.py", 7, message, arguments, None)
    made.created = at
    vars(made).update(fields)
    return made


def test_a_line_says_when_how_bad_who_what_and_its_fields() -> None:
    line = line_of(record("not %s", "written", reason="the disk is full", count=3))
    assert line == "2023-11-14T22:13:20Z WARNING truename.part: not written reason=the disk is full count=3"


@pytest.mark.parametrize("hostile", ["a\n2023 ERROR forged", "a\r\nb", "a\x1b[2J", "a\x9b2J", "a\u202eb", "x" * 10_000])
def test_nothing_begins_another_line_or_reaches_a_terminal_raw(hostile: str) -> None:
    line = line_of(record("seen %s", hostile, reason=hostile))
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", line)
    assert len(line) < 1000


def raised(text: str) -> BaseException:
    try:
        try:
            raise ValueError(text)
        except ValueError as inner:
            raise RuntimeError(text) from inner
    except RuntimeError as outer:
        return outer


def test_an_error_is_told_by_its_kind_and_its_places_and_not_by_its_text() -> None:
    error = raised("what a person wrote")
    line = line_of(record("a request failed", exc_info=(type(error), error, error.__traceback__)))
    assert re.search(
        r"error=RuntimeError at test_log\.py:\d+ raised, from ValueError at test_log\.py:\d+ raised$", line
    )
    assert "wrote" not in line


def test_a_long_way_is_told_from_its_inner_end() -> None:
    def deeper(levels: int) -> None:
        if levels == 0:
            raise KeyError
        deeper(levels - 1)

    try:
        deeper(50)
    except KeyError as error:
        line = line_of(record("failed", exc_info=(type(error), error, error.__traceback__)))
    assert line.count("deeper") == 6


def test_of_what_ended_a_server_the_innermost_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truename.commands.servers.run", asyncio.run)  # without its signal handlers
    monkeypatch.setattr("truename.commands.servers.take_files", lambda: 65_536)

    async def part() -> None:
        raise ValueError("what a person wrote")

    async def server() -> None:
        async with asyncio.TaskGroup() as outer:
            async with asyncio.TaskGroup() as inner:
                inner.create_task(part())
            outer.create_task(part())

    with pytest.raises(typer.Exit) as ended:
        run_server(server())
    assert ended.value.exit_code == 1
    said = capsys.readouterr().err
    assert re.search(
        r"CRITICAL truename\.commands\.servers: the server has ended error=ValueError at test_log\.py:\d+ part\n$", said
    )
    assert "wrote" not in said


def test_only_the_first_line_of_what_others_say_is_told() -> None:
    assert line_of(record("Task exception was never retrieved\nfuture: secret")).endswith("was never retrieved")


def test_what_happens_again_and_again_is_told_once_in_a_while_with_how_often() -> None:
    stream = io.StringIO()
    with telling(stream):
        root = logging.getLogger()
        for number in range(1000):
            root.handle(record("not written", at=WHEN + number / 1000))
        root.handle(record("something else", at=WHEN + 1))
        root.handle(record("not written", at=WHEN + AGAIN_AFTER_S))
        root.handle(record("not written", at=WHEN + 2 * AGAIN_AFTER_S))
    said = [line.partition(": ")[2] for line in stream.getvalue().splitlines()]
    assert said == ["not written", "something else", "not written more=999", "not written"]


def test_after_the_clock_was_set_back_it_is_told_as_before() -> None:
    stream = io.StringIO()
    with telling(stream):
        for at in (WHEN, WHEN - 3600, WHEN - 3599, WHEN - 3600 + AGAIN_AFTER_S):
            logging.getLogger().handle(record("not written", at=at))
    said = [line.partition(": ")[2] for line in stream.getvalue().splitlines()]
    assert said == ["not written", "not written", "not written more=1"]


def test_it_is_told_what_matters_and_nothing_after_the_end() -> None:
    stream = io.StringIO()
    with telling(stream):
        logging.getLogger("truename.test").info("too small to tell")
        logging.getLogger("truename.test").warning("worth it")
        logging.getLogger("somebody.else").error("this too")
    logging.getLogger("truename.test").warning("too late")
    assert [line.partition(": ")[2] for line in stream.getvalue().splitlines()] == ["worth it", "this too"]


def test_where_nothing_can_be_written_the_server_goes_on() -> None:
    stream = io.StringIO()
    with telling(stream):
        stream.close()
        logging.getLogger("truename.test").warning("nobody hears this")
