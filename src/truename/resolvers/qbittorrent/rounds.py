"""One round of the conversation with qBittorrent: look, tidy up, ask, read what has come.

It is told nothing of what changed since the last round but what it sees: wanted and not there is added, ours and not
wanted is removed. So whatever was interrupted, here or there, is mended by the next round.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from truename.errors import BadMetadata, BadName, ResolverDown
from truename.infohash import InfoHash
from truename.metainfo import Metainfo, read_info
from truename.resolvers.base import Claim, Found
from truename.resolvers.qbittorrent.config import QbittorrentConfig
from truename.resolvers.qbittorrent.errands import ADD, FETCH, Errand, Errands
from truename.resolvers.qbittorrent.listing import Entry, Listing, Unreadable
from truename.resolvers.qbittorrent.marks import Run
from truename.resolvers.qbittorrent.session import Server, Session
from truename.resolvers.qbittorrent.wire import Sources, info_in, is_a_name, magnet_for, portions, sources_in, topic
from truename.resolvers.reading import Reading

_T = TypeVar("_T")
Ask = Callable[[Callable[[Session], _T]], Awaitable[_T]]

_AT_ONCE_BYTES = 32 * 1024
"""So much is read in a few milliseconds, whatever it is; a stranger made it."""
_MANY_TORRENTS: Final = 500
_PORTION: Final = 100
_MOST_ADDS: Final = 3
_APPEARS_S: Final = 5.0
"""From an add until the torrent must be in the list, and from a removal until it must be gone from it."""
_QUEUED_S: Final = 1.0
"""So long a torrent has to be in a queue before it is taken out of it."""
_MOST_REFUSALS: Final = 3
_FETCHES_A_ROUND: Final = 50
_FIRST_FETCH_S, _SLOWER, _LAST_FETCH_S = 0.25, 1.5, 5.0


class Rounds:
    """What is known between two rounds. Belongs to one event loop; `ask` has the session do something."""

    def __init__(self, config: QbittorrentConfig, errands: Errands, ask: "Ask[Any]") -> None:
        self._config = config
        self._errands = errands
        self._ask = ask
        self.mine: Final = Run.mine()
        self._listing = Listing()
        self._reading = Reading()
        self._sent: dict[InfoHash, float] = {}
        self._leaving: dict[str, float] = {}
        self._withdrawn: dict[InfoHash, None] = {}
        self._queued: dict[str, float] = {}
        self._named = 0
        self._looked = False
        self.server: Server | None = None
        self.ran = 0

    @property
    def is_tidy(self) -> bool:
        """Whether nothing of ours is left, as far as is known."""
        if not self._looked or self._sent or self._leaving or self._withdrawn:
            return False
        return not any(entry.is_held_by(self.mine) or self._may_remove(entry) for entry, _ in self._listing.ours())

    def farewell(self, patience_s: float) -> Callable[[Session], None]:
        """What a session has to do so that nothing of ours is left: see `Session.farewell`."""
        fetched = [one.info_hash for one in self._errands.turn.values() if one.fetching]
        fetched = [one for one in dict.fromkeys((*fetched, *self._withdrawn)) if self._listing.find(one) is None]
        unseen = [one.hash20 for one in (*self._sent, *fetched)]
        mine, folder = self.mine, self._folder

        def part(session: Session) -> None:
            for portion in portions([topic(one) for one in fetched], _PORTION):
                session.add(portion, tag=mine.tag, folder=folder, stopped=True)
            session.farewell(mine, unseen, patience_s)

        return part

    @property
    def _folder(self) -> str:
        return f"{self.server.save_path.rstrip('/') if self.server else ''}/{self.mine.tag}"

    def start_over(self) -> None:
        """The server is another one, or has forgotten the session."""
        self.server = None
        self._looked = False
        self._listing = Listing()
        self._leaving.clear()

    def withdraw(self, errand: Errand) -> None:
        """Nobody waits any more. A fetch has no end of its own: a torrent of that hash, added and removed, is one."""
        if errand.fetching:
            self._withdrawn[errand.info_hash] = None

    async def run(self) -> bool:
        """Output: whether anything has happened. Errors: `ResolverDown`."""
        if self.server is None or self._named >= self._config.limits.named_per_session:
            await self._begin()
        news = await self._look()
        await self._tidy()
        self._choose_ways()
        await self._hold()
        news = await self._fetch() or news
        await self._end_fetches()
        news = await self._add() or news
        await self._tell_more()
        await self._hurry()
        news = await self._read() or news
        self.ran += 1
        return news

    async def _begin(self) -> None:
        if self.server is not None:
            self.start_over()
            await self._ask(Session.log_out)
        self._named = 0
        self.server = await self._ask(Session.log_in)

    def _choose_ways(self) -> None:
        fetches = self.server is not None and self.server.fetches
        for errand in self._errands.turn.values():
            errand.way = errand.way or (FETCH if fetches else ADD)

    async def _look(self) -> bool:
        """Bring the listing up to date."""
        rid = self._listing.rid
        answer = await self._ask(lambda session: session.changes(rid))
        try:
            news = await self._take(answer)
        except (Unreadable, ValueError) as error:
            raise ResolverDown("qbittorrent_stranger") from error
        self._looked = True
        now = time.monotonic()
        for info_hash, at in list(self._sent.items()):
            if self._listing.find(info_hash) is not None or now > at + _APPEARS_S:
                del self._sent[info_hash]
        for torrent_id, at in list(self._leaving.items()):
            if torrent_id not in self._listing or now > at + _APPEARS_S:
                del self._leaving[torrent_id]
        return news

    async def _take(self, answer: object) -> bool:
        """Thousands of torrents, which come with the first look, are taken in beside the loop."""
        torrents = answer.get("torrents") if isinstance(answer, dict) else None
        if isinstance(torrents, dict) and len(torrents) > _MANY_TORRENTS:
            return await asyncio.to_thread(self._listing.take, answer)
        return self._listing.take(answer)

    async def _tidy(self) -> None:
        """Remove what nobody wants: of this run, and what a run that was killed has left. Let go of what others do."""
        wanted = {entry.torrent_id for errand in self._errands.turn.values() if (entry := self._entry(errand))}
        ours = [
            (entry, adder)
            for entry, adder in self._listing.ours()
            if entry.torrent_id not in wanted and entry.torrent_id not in self._leaving
        ]
        unwanted = dict.fromkeys(entry.torrent_id for entry, _ in ours if self._may_remove(entry))
        of_others = [
            entry.torrent_id
            for entry, adder in ours
            if adder != self.mine and entry.is_held_by(self.mine) and entry.torrent_id not in unwanted
        ]
        if of_others:
            await self._ask(lambda session: session.let_go(of_others, self.mine.tag))
        if unwanted:
            await self._ask(lambda session: session.remove(list(unwanted)))
            self._leaving |= dict.fromkeys(unwanted, time.monotonic())
        unborne = self._listing.tags - self._listing.borne(without=self._leaving)
        tags = [tag for tag in unborne if (run := Run.of(tag)) and run.is_over()]
        if tags:
            await self._ask(lambda session: session.remove_tags(tags))
            self._listing.tags.difference_update(tags)

    async def _hold(self) -> None:
        """What is wanted and another run has added is not to be removed by that one, nor by a third."""
        others = {
            entry.torrent_id: errand
            for errand in self._errands.turn.values()
            if (entry := self._entry(errand)) and errand.way == ADD and self._is_to_be_held(entry)
        }
        if others:
            await self._ask(lambda session: session.hold(list(others), self.mine.tag))
        for errand in others.values():  # an add of this run may have come to nothing, since it was there
            errand.told, errand.looked_at = Sources(), None

    def _is_to_be_held(self, entry: Entry) -> bool:
        """A torrent that only ends a fetch asks nobody, and has to make room."""
        is_ours = entry.run() is not None and entry.torrent_id not in self._leaving
        return is_ours and not entry.is_held_by(self.mine) and not entry.asks_nobody

    def _may_remove(self, entry: Entry) -> bool:
        return entry.may_be_removed_by(self.mine, now=time.time())

    def _entry(self, errand: Errand) -> Entry | None:
        return self._listing.find(errand.info_hash)

    def _is_ours(self, entry: Entry) -> bool:
        """Whether this run has added it, or has it from one that was killed."""
        adder = entry.run()
        return adder is not None and self.mine.may_remove(adder, entry.added_on, now=time.time())

    async def _add(self) -> bool:
        """Add what is wanted and not there. What is there already has been asked for by somebody else."""
        wanted = []
        for errand in self._errands.turn.values():
            entry = self._entry(errand)
            if entry is None and self._may_be_added(errand):
                wanted.append(errand)
            elif entry is not None and entry.torrent_id not in self._leaving:
                errand.fetching = False  # what is in the list has taken the place of a fetch
                if not errand.asked:
                    errand.has_been_asked()
        for at in range(0, len(wanted), _PORTION):
            portion = wanted[at : at + _PORTION]
            for errand in portion:
                self._tell(errand)
            await self._send(
                [magnet_for(one.magnet, self._config) for one in portion], [one.info_hash for one in portion]
            )
            for errand in portion:
                errand.added += 1
                errand.has_been_asked()
        return bool(wanted)

    async def _tell_more(self) -> None:
        """Whoever asks for what is there already, of this run or another, may name others to be asked."""
        for errand in list(self._errands.turn.values()):
            entry = self._entry(errand)
            if entry is not None and entry.torrent_id not in self._leaving and entry.is_held_by(self.mine):
                untold, errand.looked_at = self._untold(errand), errand.magnet
                if untold:
                    errand.told += untold
                    await self._ask(partial(Session.add_sources, torrent_id=entry.torrent_id, sources=untold))

    def _untold(self, errand: Errand) -> Sources:
        """Those of whom qBittorrent has not been told, as many as it may still be told of."""
        if errand.looked_at is errand.magnet:
            return Sources()
        return sources_in(errand.magnet, self._config).besides(errand.told)

    def _tell(self, errand: Errand) -> None:
        """It is told of the whole magnet."""
        errand.told, errand.looked_at = sources_in(errand.magnet, self._config), errand.magnet

    def _may_be_added(self, errand: Errand) -> bool:
        on_its_way = errand.info_hash in self._sent or errand.info_hash in self._withdrawn
        return errand.way == ADD and errand.added < _MOST_ADDS and not on_its_way

    async def _send(self, magnets: list[str], hashes: list[InfoHash], *, stopped: bool = False) -> None:
        folder = self._folder
        self._sent |= dict.fromkeys(hashes, time.monotonic())
        await self._ask(lambda session: session.add(magnets, tag=self.mine.tag, folder=folder, stopped=stopped))

    async def _hurry(self) -> None:
        """Any torrent is queued for a moment, and one that has its metadata by the time it is started is downloaded."""
        now = time.monotonic()
        self._queued = {
            entry.torrent_id: self._queued.get(entry.torrent_id, now)
            for entry, _ in self._listing.ours()
            if entry.is_queued and entry.torrent_id not in self._leaving and self._is_ours(entry)
        }
        waiting = [torrent_id for torrent_id, since in self._queued.items() if now >= since + _QUEUED_S]
        for portion in portions(waiting, _PORTION):
            await self._ask(partial(Session.hurry, torrent_ids=portion))

    async def _read(self) -> bool:
        """Take the metadata of what is in the list and has it."""
        news = False
        for errand in list(self._errands.turn.values()):
            entry = self._entry(errand)
            if entry is None or entry.torrent_id in self._leaving or not errand.waiters:
                continue
            errand.note_peers(entry.num_seeds + entry.num_leechs)
            if entry.has_metadata and errand.way == ADD:
                ending = await self._ending(errand, entry)
                if ending is not None:
                    errand.end(ending)
                    news = True
        return news

    async def _ending(self, errand: Errand, entry: Entry) -> Found | BadMetadata | BadName | None:
        exported = await self._ask(lambda session: session.torrent_file(entry.torrent_id))
        if exported is not None:
            return await self._read_file(exported, errand.info_hash)
        errand.refusals += 1
        # A title that a person gave to a torrent of their own is nobody else's business.
        if errand.refusals >= _MOST_REFUSALS and self._is_ours(entry) and is_a_name(entry.name, errand.info_hash):
            return Claim(entry.name)
        return None

    async def _fetch(self) -> bool:
        """Ask for metadata without a torrent in the list."""
        news = False
        now = time.monotonic()
        self._leave_fetches_to_adds()
        due = [one for one in self._errands.turn.values() if one.way == FETCH and one.ask_at <= now]
        for errand in sorted(due, key=lambda one: one.ask_at)[:_FETCHES_A_ROUND]:
            if self._errands.turn.get(errand.info_hash) is not errand:
                continue  # nobody waits for it any more, and a fetch that began now would have no end
            ending = await self._fetched(errand)
            if ending is not None:
                self._named += 1
                errand.fetching = False
                errand.end(ending)
                news = True
        return news

    def _leave_fetches_to_adds(self) -> None:
        """A fetch asks those for ever whom its first source named; an add takes its place and asks all of them."""
        for info_hash, errand in self._errands.turn.items():
            if info_hash in self._withdrawn:  # by somebody who has just left
                errand.way, errand.fetching = ADD, True
            elif errand.fetching and self._untold(errand):
                errand.way = ADD

    async def _fetched(self, errand: Errand) -> Found | BadMetadata | BadName | None:
        source = magnet_for(errand.magnet, self._config, twice_decoded=True)
        self._tell(errand)
        errand.fetching = True  # also for whoever leaves before that is answered
        answer = await self._ask(lambda session: session.fetch(source))
        if answer is None:
            errand.way, errand.fetching = ADD, False
            return None
        errand.every_s = min(_LAST_FETCH_S, errand.every_s * _SLOWER or _FIRST_FETCH_S)
        errand.ask_at = time.monotonic() + errand.every_s
        errand.has_been_asked()
        info = answer.get("info")
        if not isinstance(info, dict):
            return None
        torrent_id = str(answer.get("hash") or errand.info_hash.hash20)
        torrent = await self._ask(lambda session: session.fetched_file(source))
        if torrent is None:
            torrent = await self._ask(lambda session: session.torrent_file(torrent_id))
        if torrent is not None:
            return await self._read_file(torrent, errand.info_hash)
        name = info.get("name")
        return Claim(name) if isinstance(name, str) and is_a_name(name, errand.info_hash) else None

    async def _read_file(self, torrent: bytes, info_hash: InfoHash) -> Metainfo | BadMetadata | BadName:
        if len(torrent) > _AT_ONCE_BYTES:
            return await self._reading.aside(_read_now, torrent, info_hash)
        return _read_now(torrent, info_hash)

    async def _end_fetches(self) -> None:
        """Nobody wants these any more: an add takes the place of a fetch, and can be removed."""
        withdrawn = list(self._withdrawn)
        ended = [one for one in withdrawn if one not in self._errands.turn and self._listing.find(one) is None]
        for portion in portions(ended, _PORTION):
            await self._send([topic(one) for one in portion], portion, stopped=True)
        for info_hash in withdrawn:
            del self._withdrawn[info_hash]


def _read_now(torrent: bytes, info_hash: InfoHash) -> Metainfo | BadMetadata | BadName:
    try:
        return read_info(info_in(torrent), (info_hash,))
    except (BadMetadata, BadName) as error:
        return error
