"""`truename resolve`: requests in, one line for each out, as the outcomes come."""

import asyncio
import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from truename.magnet import Magnet
from truename.model import Outcome, TaskStatus
from truename.names import is_hidden, shown
from truename.terminal.catalogue import Catalogue
from truename.terminal.requests import Request
from truename.terminal.screen import Screen
from truename.texts import Language, say
from truename.timeline import gave_a_name, lines, next_steps, why
from truename.worker import Worker

_MOST_ALIKE = 500  # lines that wait for one look-up; who reads more waits, too, so that a list may be endless
_NOT_ASCII = re.compile(r"[^\x20-\x7e]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How answers are written: as JSON, or as lines in which `raw` names are not made visible.

    `explain`: with what each resolver did.
    """

    as_json: bool = False
    raw: bool = False
    explain: bool = False


_PLAIN = Style()

Answer = tuple[Request, Outcome | None]
"""What was asked for and what came of it; None where it is no hash."""


async def resolve(
    work: Worker, requests: AsyncIterable[Sequence[Request]], *, catalogue: Catalogue, screen: Screen, style: Style
) -> int:
    """Name everything that is asked for. Output: how many requests there were."""
    tell = _teller(screen, style)
    named: dict[str, Outcome] = {}
    asked_for: dict[Magnet | None, list[Request]] = {}
    ended = asyncio.Event()
    count = 0

    def known(request: Request) -> Outcome | None:
        return named.get(request.magnet.info_hash) if request.magnet else None

    async def askable() -> AsyncIterator[tuple[Request, Magnet]]:
        nonlocal count
        async for some in requests:
            count += len(some)
            new = {request.magnet.info_hash for request in some if request.magnet} - named.keys()
            named.update(await catalogue.known(new))
            asked = [(request, request.magnet) for request in some if request.magnet and not known(request)]
            await tell([(request, known(request)) for request in some if not request.magnet or known(request)])
            for request, magnet in asked:
                while len(asked_for.get(magnet, ())) >= _MOST_ALIKE:
                    ended.clear()
                    await ended.wait()
                if outcome := known(request):  # found since, for another line
                    await tell([(request, outcome)])
                elif magnet in asked_for:  # that look-up is for this line, too
                    asked_for[magnet].append(request)
                else:
                    asked_for[magnet] = [request]
                    yield request, magnet

    async def done(request: Request, outcome: Outcome) -> None:
        catalogue.keep(outcome)
        outcome = catalogue.or_claimed(outcome)
        if outcome.name is not None:
            named.update(dict.fromkeys(outcome.hashes, outcome))
        alike = asked_for.pop(request.magnet)
        ended.set()
        await tell([(one, outcome) for one in alike])

    await work.look_up_all(askable(), done=done)
    return count


def plain_line(request: Request, outcome: Outcome | None, language: Language, *, raw: bool = False) -> str:
    """`<info-hash>  <name>`, or the reason in the name's place; what was written, where there is no info-hash."""
    if outcome is None:
        return f"{shown(request.as_written)}  {say(request.problem, language)}"
    if outcome.name is None:
        return f"{outcome.info_hash}  {why(outcome.reason, outcome.accounts, language)}"
    return f"{outcome.info_hash}  {outcome.name if raw else shown(outcome.name)}"


def doubt_of(outcome: Outcome) -> str | None:
    """What is to be said beside a name that is not certain: a word of `texts`."""
    if not outcome.verified:
        return "name_claimed"
    return "name_guessed" if outcome.name_guessed else None


def explanation(outcome: Outcome, language: Language) -> list[str]:
    """What each resolver did, a line for each, and what a person can do next."""
    if not outcome.accounts:
        return [say("told_known", language)] if outcome.name is not None else []
    steps = next_steps(outcome.accounts, outcome.code, language)
    if outcome.name is not None and not any(gave_a_name(one) for one in outcome.accounts):
        steps = [say("told_known", language)]
    return [*lines(outcome.accounts, language), *steps]


def json_line(
    request: Request,
    outcome: Outcome | None,
    language: Language,
    style: Style = _PLAIN,
    *,
    ascii_only: bool = False,
) -> str:
    """One JSON object in which nothing can hide: what is invisible stands as an escape, or all that is not ASCII."""
    code, accounts = (outcome.code, outcome.accounts) if outcome else (request.problem, ())
    reason = outcome.reason if outcome else request.problem
    explained = {"detail": explanation(outcome, language)} if style.explain and outcome else {}
    return escaped(
        json.dumps(
            {
                "input": _SURROGATE.sub("\ufffd", request.as_written),  # a byte that is part of no character
                "info_hash": outcome.info_hash if outcome else None,
                "status": (outcome.status if outcome else TaskStatus.FAILED).value,
                "name": outcome.name if outcome else None,
                "source": outcome.source if outcome else None,
                "verified": bool(outcome and outcome.verified),
                **({"name_guessed": True} if outcome and outcome.name_guessed else {}),
                "elapsed_s": round(outcome.elapsed_s, 3) if outcome else 0.0,
                "error": why(reason, accounts, language) if code else None,
                "code": "too_large" if code == "magnet_too_large" else code,
                **explained,
            },
            ensure_ascii=ascii_only,
        )
    )


def _teller(screen: Screen, style: Style) -> Callable[[Sequence[Answer]], Awaitable[None]]:
    def write(answers: Sequence[Answer]) -> None:
        for request, outcome in answers:
            _write(request, outcome, screen, style)

    async def tell(answers: Sequence[Answer]) -> None:
        for _, outcome in answers:
            screen.count(named=_has_name(outcome))
        if answers:
            await screen.in_turn(partial(write, answers))

    return tell


def _write(request: Request, outcome: Outcome | None, screen: Screen, style: Style) -> None:
    if style.as_json:
        screen.answer(json_line(request, outcome, screen.language, style, ascii_only=not screen.shows_everything))
        return
    if _has_name(outcome):
        screen.answer(plain_line(request, outcome, screen.language, raw=style.raw))
        if outcome is not None and (word := doubt_of(outcome)) is not None:
            screen.say(word, info_hash=outcome.info_hash, source=outcome.source)
    else:
        screen.note(plain_line(request, outcome, screen.language))
    if style.explain and outcome is not None:
        if _has_name(outcome) and not screen.answers_are_seen:
            screen.note(outcome.info_hash)  # else nobody could tell whose story this is
        for line in explanation(outcome, screen.language):
            screen.note(f"    {line}")


def _has_name(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.name is not None


def escaped(text: str) -> str:
    """JSON with its own escapes for what is hidden, which can only stand inside its strings."""
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1] if is_hidden(found[0]) else found[0], text)
