"""The demo swarm as its users hold it: start it, ask where it is, stop it. The peers live in a child process."""

import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import asdict
from types import TracebackType
from typing import Self

from truename.demo.peers import SwarmAddresses, SwarmPlan, torrents_of
from truename.demo.torrents import DemoTorrent, magnet_link
from truename.errors import TruenameError

_START_S = 60
_END_S = 5


class SwarmNotStarted(TruenameError):  # noqa: N818 - named after what it is
    """The child process ended before it served; its own words are on standard error."""


class LocalSwarm:
    """A context manager around the child process.

    Errors: `SwarmNotStarted` when the child could not start serving; its own words are on standard error.
    """

    def __init__(self, plan: SwarmPlan) -> None:
        self.torrents: tuple[DemoTorrent, ...] = torrents_of(plan)
        self._plan = plan
        self._child: subprocess.Popen[str] | None = None
        self.addresses = SwarmAddresses(tracker="", peer="", dht_node="")

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "truename.demo.peers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
        )
        try:
            self.addresses = SwarmAddresses(**json.loads(_first_line(self._child, json.dumps(asdict(self._plan)))))
        except (ValueError, TypeError) as error:
            self.__exit__(None, None, None)
            raise SwarmNotStarted from error
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()  # the end of its input is what ends the child
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    @property
    def magnets(self) -> tuple[str, ...]:
        """One magnet for each torrent, with the tracker and without a name."""
        return tuple(magnet_link(torrent.info_hash, tracker=self.addresses.tracker) for torrent in self.torrents)


def _first_line(child: subprocess.Popen[str], plan: str) -> str:
    """What the child says once it serves; empty when it died instead, or took longer than it may."""
    if child.stdin is None or child.stdout is None:
        return ""
    too_late = threading.Timer(_START_S, child.kill)
    too_late.start()
    try:
        child.stdin.write(plan + "\n")
        child.stdin.flush()
        return child.stdout.readline()
    except BrokenPipeError:
        return ""
    finally:
        too_late.cancel()
