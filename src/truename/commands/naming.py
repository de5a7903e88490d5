"""`truename resolve` and `fix`, from their arguments on; their work is `terminal.resolve` and `terminal.fix`."""

import math
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import typer

from truename.commands.loaded import loaded_settings
from truename.commands.process import DONE, LANGUAGE, NOT_ALL, complain, refuse, run
from truename.settings import Loaded
from truename.terminal import fix as fixing
from truename.terminal import requests
from truename.terminal import resolve as resolving
from truename.terminal.catalogue import Catalogue, open_catalogue
from truename.terminal.requests import Request
from truename.terminal.screen import Screen
from truename.terminal.textfile import Text, TextFile, Unusable
from truename.texts import say
from truename.ways import open_chain
from truename.worker import Worker

_STDIN = "-"
_MAX_TIMEOUT_S = 86_400
_LINES_AT_ONCE = 500


def resolve(
    inputs: list[str], file: Path | None, *, timeout: float | None, as_json: bool, raw: bool, explain: bool
) -> None:
    """Name what is given; the arguments are those of the command."""
    loaded = loaded_settings()
    timeout_s = _timeout(timeout, loaded)
    screen = Screen(LANGUAGE, progress=not raw)
    if str(file) == _STDIN:
        inputs, file = [*inputs, _STDIN], None
    if not inputs and file is None:
        if sys.stdin.isatty():
            refuse("nothing_given")
        inputs = [_STDIN]
    try:
        lines = requests.lines_of(TextFile.read(file).content.text) if file else []
    except Unusable as error:
        refuse(error.word, **error.fields)

    async def work() -> int:
        style = resolving.Style(as_json=as_json, raw=raw, explain=explain)
        asked = _requests(inputs, lines)
        async with _worker(loaded, timeout_s) as (worker, catalogue):
            with screen:
                return await resolving.resolve(worker, asked, catalogue=catalogue, screen=screen, style=style)

    if not run(work()):
        refuse("no_request_in", what=str(file)) if file else refuse("nothing_given")
    raise typer.Exit(NOT_ALL if screen.unnamed else DONE)


def fix(files: list[str], *, in_place: bool, diff: bool, timeout: float | None) -> None:
    """Write true names into texts; the arguments are those of the command."""
    loaded = loaded_settings()
    timeout_s = _timeout(timeout, loaded)
    screen = Screen(LANGUAGE)
    if not files and sys.stdin.isatty():
        refuse("nothing_to_fix")
    files = files or [_STDIN]
    if in_place and _STDIN in files:
        refuse("in_place_needs_files")
    try:
        jobs = [_job(name, in_place=in_place) for name in (_each_file_once(files) if in_place else files)]
    except Unusable as error:
        refuse(error.word, **error.fields)

    async def work() -> bool:
        mode = fixing.Mode(in_place=in_place, diff=diff)
        async with _worker(loaded, timeout_s) as (worker, catalogue):
            with screen:
                return await fixing.fix(worker, jobs, catalogue=catalogue, screen=screen, mode=mode)

    raise typer.Exit(DONE if run(work()) else NOT_ALL)


def _timeout(given: float | None, loaded: Loaded) -> float:
    if given is None:
        return loaded.settings.lookup_timeout_s
    if not (math.isfinite(given) and 0 < given <= _MAX_TIMEOUT_S):
        refuse("bad_timeout")
    return given


@asynccontextmanager
async def _worker(loaded: Loaded, timeout_s: float) -> AsyncIterator[tuple[Worker, Catalogue]]:
    """What `resolve` and `fix` ask and remember with. Without a usable database they go on, and say so."""
    catalogue: Catalogue | None = None
    try:
        async with (
            open_catalogue(loaded.settings.data_dir, tells_batches=loaded.settings.tells_batches) as (
                catalogue,
                trouble,
            ),
            open_chain(loaded.settings) as chain,
        ):
            if trouble is not None:
                complain(say("catalogue_unusable", LANGUAGE, why=say(trouble.word, LANGUAGE, **trouble.fields)))
            yield Worker(chain=chain, slots=loaded.settings.slots, timeout_s=timeout_s), catalogue
    finally:  # what was found last is written when all is over
        if catalogue is not None and catalogue.lost:
            complain(say("catalogue_lost", LANGUAGE, why=catalogue.lost))


async def _requests(inputs: Sequence[str], lines: Sequence[str]) -> AsyncIterator[list[Request]]:
    given: list[Request] = []
    for text in inputs:
        if text != _STDIN:
            given += requests.of_argument(text)
            continue
        yield given
        given = []
        async for some in requests.of_stream(sys.stdin.fileno(), say("standard_input", LANGUAGE)):
            yield some
    yield given
    for start in range(0, len(lines), _LINES_AT_ONCE):
        yield list(requests.of_lines(lines[start : start + _LINES_AT_ONCE]))


def _each_file_once(names: Sequence[str]) -> list[str]:
    """One name for each file, however many it was given by."""
    return list({os.path.realpath(name): name for name in reversed(names)}.values())[::-1]


def _job(name: str, *, in_place: bool) -> fixing.Job:
    if name == _STDIN:
        what = say("standard_input", LANGUAGE)
        return fixing.Job(what=what, content=Text.decode(requests.read_whole(sys.stdin.fileno(), what), what))
    file = TextFile.read_to_replace(Path(name)) if in_place else TextFile.read(Path(name))
    return fixing.Job(what=name, content=file.content, file=file)
