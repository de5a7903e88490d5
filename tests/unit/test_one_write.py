"""What is written in one turn of the loop leaves in one go."""

import asyncio
from typing import Any, cast

from truename.web.one_write import OneWrite


class Recording:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def get_write_buffer_size(self) -> int:
        return 7

    def get_extra_info(self, name: str) -> str:
        return name


def run(work: Any) -> list[object]:
    """Give `work` a transport; what came through at once, and then, with a mark between."""

    async def scenario() -> list[object]:
        recording = Recording()
        work(OneWrite(cast(Any, recording), asyncio.get_running_loop()))
        recording.done.append("later")
        await asyncio.sleep(0)
        return recording.done

    return asyncio.run(scenario())


def test_pieces_of_one_moment_leave_together_and_in_order() -> None:
    def work(transport: OneWrite) -> None:
        transport.write(b"head")
        transport.write(b"body")
        assert transport.get_write_buffer_size() == 7 + 8

    assert run(work) == ["later", b"headbody"]


def test_what_ends_the_connection_comes_after_what_was_written() -> None:
    assert run(lambda transport: (transport.write(b"a"), transport.write(b"b"), transport.close())) == [
        b"ab",
        "close",
        "later",
    ]
    assert run(lambda transport: (transport.write(b"a"), transport.write_eof())) == [b"a", "eof", "later"]


def test_much_is_not_held_back() -> None:
    assert run(lambda transport: transport.write(b"x" * 65_537)) == [b"x" * 65_537, "later"]


def test_all_else_is_the_transports_own() -> None:
    assert run(lambda transport: transport.abort()) == ["abort", "later"]
    assert run(lambda transport: transport.get_extra_info("peername")) == ["later"]
