"""`truename demo`: a server on the demo swarm, with notes that get their names while one watches."""

import asyncio
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from truename.calibration import Submitted
from truename.demo.once import demo_magnets
from truename.demo.swarm import LocalSwarm
from truename.magnet import InfoHash, Magnet
from truename.names import shown
from truename.note_texts import magnets_of
from truename.notes import Notes, NoteView
from truename.resolvers.base import Found, Resolver, ResolverHealth, Trail
from truename.resolvers.chain import Chain
from truename.service import Calibrations
from truename.settings import Settings
from truename.terminal.screen import Screen

OPEN_S = 20.0
PAUSE_S = 2.0
_WAIT_S = 60.0
# What stands around the magnets in the notes; each takes some of the demo's list.
_NOTES = (
    ("今晚想看的（来自频道转发）：\n{0}\n\n另一个人发的，名字不对：{1}", 2),
    ("A list somebody posted:\n1. {0}\n2. {1}\n3. {2} (the folder)", 3),
    ("No idea what these are:\n{0}\n{1}\n{2}", 3),
)


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A data directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="truename-demo-") as folder:
        yield Path(folder)


def demo_server_settings(folder: Path, *, host: str, port: int) -> Settings:
    """A server on loopback, whose swarm is on loopback too."""
    return Settings(
        data_dir=folder,
        host=host,
        port=port,
        listen_interfaces=("127.0.0.1:0",),
        dht=False,
        allow_private_network=True,
        lookup_timeout_s=5,
        backup_interval_s=0,
    )


class Curtain:
    """Keeps the demo's hashes from being asked for until it rises for them, while a page already follows them."""

    def __init__(self) -> None:
        self._down: dict[InfoHash, asyncio.Event] = {}

    def lower(self, magnets: Iterable[Magnet]) -> None:
        """Nobody is asked for these yet."""
        self._down |= {magnet.info_hash: asyncio.Event() for magnet in magnets}

    def rise(self, magnets: Iterable[Magnet]) -> None:
        """Now they are."""
        for magnet in magnets:
            self._down.pop(magnet.info_hash, asyncio.Event()).set()

    async def risen(self, magnet: Magnet) -> None:
        """Wait for that; other hashes have no curtain."""
        if (down := self._down.get(magnet.info_hash)) is not None:
            await down.wait()

    def before(self, chain: Chain) -> Chain:
        """The same resolvers, behind it."""
        return Chain([_Behind(self, one) for one in chain.resolvers])


class _Behind:
    """The port `Resolver` around another one. Who waits for the curtain has asked nobody, so no time goes by."""

    def __init__(self, curtain: Curtain, inner: Resolver) -> None:
        self._curtain = curtain
        self._inner = inner

    @property
    def name(self) -> str:
        """See `Resolver.name`."""
        return self._inner.name

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        """See `Resolver.resolve`."""
        await self._curtain.risen(magnet)
        return await self._inner.resolve(magnet, deadline_s=deadline_s, trail=trail)

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`."""
        return await self._inner.health()

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""
        await self._inner.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The server that the demo plays on: where it is, the way in, and whose notes they are.

    `entered` is set once somebody has signed in. `open_s`: how long somebody who has the link is waited for;
    `pause_s`: how long each note stands there with its wrong names.
    """

    address: str
    link: str
    entered: asyncio.Event
    curtain: Curtain
    open_s: float = OPEN_S
    pause_s: float = PAUSE_S
    person_id: int
    calibrations: Calibrations
    notes: Notes


async def show(stage: Stage, swarm: LocalSwarm, screen: Screen) -> None:
    """Fill the server with notes, tell how to get in, and once somebody can be watching, name one after the other.

    All of them are asked for before, so that a page that is opened follows them; the uppermost one is the first.
    """
    notes = [magnets_of(note.note.text) for note in reversed(await _notes(stage, swarm))]
    async with asyncio.TaskGroup() as telling:
        for magnets in notes:
            stage.curtain.lower(magnets)
            submitted = await stage.calibrations.submit(stage.person_id, magnets)
            for one in submitted:
                if isinstance(one, Submitted):
                    telling.create_task(_tell(stage, screen, one.task_id))
        screen.say("serve_up", address=stage.address)
        screen.say("serve_link", link=stage.link)
        screen.say("demo_waits", seconds=f"{stage.open_s:g}")
        with suppress(TimeoutError):
            await asyncio.wait_for(stage.entered.wait(), stage.open_s)
        for magnets in notes:
            await asyncio.sleep(stage.pause_s)
            stage.curtain.rise(magnets)


async def _tell(stage: Stage, screen: Screen, task_id: str) -> None:
    """Print a name as soon as its own task has ended, whatever the others of its note wait for."""
    rows = await stage.calibrations.wait(stage.person_id, [task_id], timeout_s=stage.open_s + _WAIT_S)
    for row in rows.values():
        if row.name is not None:
            screen.answer(f"{row.hash}  {shown(row.name)}")


async def _notes(stage: Stage, swarm: LocalSwarm) -> Sequence[NoteView]:
    """Save all notes first, so that a page shows them with their wrong names."""
    magnets = list(demo_magnets(swarm))
    saved = []
    for text, count in _NOTES:
        taken, magnets = magnets[:count], magnets[count:]
        saved.append(await stage.notes.save(stage.person_id, text.format(*taken)))
    return saved
