"""`truename fix`: texts in, the same texts with the true names in their magnets out."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from truename.codes import Code
from truename.errors import InvalidInput
from truename.magnet import InfoHash, Magnet, MagnetSpan, find_magnets, rename, unwritable
from truename.model import Outcome
from truename.names import make_visible, shown
from truename.terminal.catalogue import Catalogue
from truename.terminal.diff import unified_diff
from truename.terminal.resolve import doubt_of
from truename.terminal.screen import Screen
from truename.terminal.textfile import Text, TextFile, Unusable
from truename.texts import say
from truename.timeline import why
from truename.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One text to fix. `file` is where it came from, or None for standard input."""

    what: str
    content: Text
    file: TextFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Where the result goes: standard output unless it is written back, as a whole or as a diff."""

    in_place: bool = False
    diff: bool = False


async def fix(work: Worker, jobs: Sequence[Job], *, catalogue: Catalogue, screen: Screen, mode: Mode) -> bool:
    """Fix every text once all its names are known. Output: whether every magnet has its name now."""
    magnets, problems, first_in = _magnets_of(jobs)
    screen.expect(len(magnets))
    known = await catalogue.known(magnet.info_hash for magnet in magnets)
    names = {info_hash: outcome.name for info_hash, outcome in known.items() if outcome.name is not None}

    async def note(job: Job, line: str) -> None:
        if len(jobs) > 1:
            line = say("in_file", screen.language, file=make_visible(job.what), line=line)
        await screen.in_turn(partial(screen.note, line))

    for info_hash, outcome in known.items():
        if outcome.name_guessed:
            await screen.in_turn(partial(screen.say, "name_guessed", info_hash=info_hash))

    async def unknown() -> AsyncIterator[tuple[Magnet, Magnet]]:
        for magnet in magnets:
            if magnet.info_hash in known:
                screen.count(named=True)
            else:
                yield magnet, magnet

    async def done(magnet: Magnet, outcome: Outcome) -> None:
        catalogue.keep(outcome)
        outcome = catalogue.or_claimed(outcome)
        named = outcome.name is not None and magnet.info_hash in outcome.hashes
        screen.count(named=named)
        if outcome.name is not None:
            names.update(dict.fromkeys(outcome.hashes, outcome.name))
        if not named:
            reason = outcome.reason if outcome.name is None else Code.NO_METADATA
            line = f"{magnet.info_hash}  {why(reason, outcome.accounts, screen.language)}"
            await note(first_in[magnet.info_hash], line)
        elif (word := doubt_of(outcome)) is not None:
            await screen.in_turn(partial(screen.say, word, info_hash=magnet.info_hash, source=outcome.source))

    await work.look_up_all(unknown(), done=done)
    for job, span, word in problems:
        await note(job, f"{shown(span.text)}  {say(word, screen.language)}")
    written = [await _finish(job, names, screen, mode) for job in jobs]
    return all(written) and not screen.unnamed and not problems


def _magnets_of(
    jobs: Iterable[Job],
) -> tuple[list[Magnet], list[tuple[Job, MagnetSpan, str]], dict[InfoHash, Job]]:
    """One magnet for each hash of all texts, with the trackers of all its magnets; those that cannot be asked; and in
    which text a hash stands first.
    """
    found: dict[InfoHash, Magnet] = {}
    first_in: dict[InfoHash, Job] = {}
    problems: list[tuple[Job, MagnetSpan, str]] = []
    for job in jobs:
        for span in find_magnets(job.content.text, broken=True):
            try:
                magnet = Magnet.of(span)
            except InvalidInput as error:
                problems.append((job, span, error.code))
                continue
            other = found.get(magnet.info_hash)
            first_in.setdefault(magnet.info_hash, job)
            found[magnet.info_hash] = magnet if other is None else other.joined(magnet)
    return list(found.values()), problems, first_in


async def _finish(job: Job, names: Mapping[str, str], screen: Screen, mode: Mode) -> bool:
    before = job.content.text
    after = rename(before, names)
    too_long = unwritable(before, names)
    for span in too_long:
        await screen.in_turn(partial(screen.say, "name_too_long", info_hash=span.info_hash))
    if not names and next(find_magnets(before, broken=True), None) is None:
        await screen.in_turn(partial(screen.say, "no_magnet_in", what=job.what))
    if mode.diff:
        await screen.in_turn(partial(screen.data, _diff(job, after)))
    elif not mode.in_place:
        await screen.in_turn(partial(screen.data, job.content.encode(after)))
    if mode.in_place and job.file is not None and after != before:
        try:
            job.file.replace(after)
        except Unusable as error:
            await screen.in_turn(partial(screen.note, error.sentence(screen.language)))
            return False
    return not too_long


def _diff(job: Job, after: str) -> bytes:
    """The change for `patch`, which compares bytes: lines are in the encoding of the text, its name as a file has it.

    In UTF-16 the bytes of a line end do not end a line; such a diff can only be looked at, and is in UTF-8.
    """
    pieces = unified_diff(job.content.text, after, make_visible(job.what))
    header = _utf_8(next(pieces, ""))
    lines = "".join(pieces)
    return header + (_utf_8(lines) if job.content.encoding.startswith("utf-16") else job.content.encode(lines))


def _utf_8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
