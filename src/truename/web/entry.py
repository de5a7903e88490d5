"""How a person comes in and leaves: sign-in, sign-out, the set-up of the first person, links that work once."""

import math
from collections.abc import Callable
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from truename.store import people
from truename.store.people import ABSOLUTE_S, Newcomer, clean_username, folded
from truename.texts import Language, say
from truename.web.at_hand import doors_of, services_of
from truename.web.bodies import form_fields
from truename.web.brake import address_key
from truename.web.doors import Doors
from truename.web.errors import Refusal
from truename.web.guard import cookie_name, identity_of, identity_or_none, visitor_of
from truename.web.passwords import TooBusy, fault_of
from truename.web.paths import HOME, safe_next
from truename.web.render import render, see_other
from truename.web.services import Services

router = APIRouter(include_in_schema=False)

_BUSY_S = 5


@router.get("/login")
async def login_page(request: Request) -> Response:
    """The form; who is signed in already goes on, and without any person yet the set-up comes first."""
    once = request.query_params.get("once", "")
    wanted = safe_next(request.query_params.get("next", ""))
    if identity_or_none(request) is not None:
        return see_other(request, wanted)
    if not await _somebody(request):
        return see_other(request, "/setup")
    if once:
        return _link_page(request, once)
    return _login_form(request, wanted=wanted)


@router.post("/login")
async def login(request: Request) -> Response:
    """Sign in, with a name and a password or with a link."""
    fields = await form_fields(request)
    if "once" in fields:
        return await _use_link(request, fields["once"])
    username, password = fields.get("username", ""), fields.get("password", "")
    wanted = safe_next(fields.get("next", ""))

    def refuse(status: int, word: str, **named: object) -> Response:
        return _login_form(request, wanted=wanted, username=username, status=status, word=word, **named)

    wait, was_right, was_none = _ask_for_a_try(request, username)
    if wait > 0:
        return refuse(429, "login_wait", seconds=math.ceil(wait))
    cleaned = clean_username(username)
    services, doors = services_of(request), doors_of(request)
    # Nobody is called "", so that a name that cannot be costs what any other does.
    found = await services.database.read(people.credentials, cleaned or "")
    try:
        right = await doors.passwords.matches(password, found[1] if found is not None else None)
    except TooBusy:
        was_none()
        return refuse(429, "login_busy", seconds=_BUSY_S)
    if found is None or not right:
        return refuse(401, "login_wrong")
    answer = await _signed_in(request, found[0].id, wanted, proof=found[1])
    if answer is None:
        return refuse(401, "login_wrong")
    was_right()
    return answer


@router.post("/logout")
async def logout(request: Request) -> Response:
    """End this session, wherever its cookie has been copied to."""
    await doors_of(request).identities.sign_out(identity_of(request))
    response = see_other(request, "/login")
    visitor, root = visitor_of(request), request.scope["root_path"]
    response.delete_cookie(
        cookie_name(visitor, root), path=root or "/", secure=visitor.scheme == "https", httponly=True, samesite="lax"
    )
    return response


@router.get("/setup")
async def setup_page(request: Request) -> Response:
    """The form for the first person, until there is one."""
    if await _somebody(request):
        return see_other(request, "/login")
    return _form(request, "setup.html", 200, "", {}, username="")


@router.post("/setup")
async def setup(request: Request) -> Response:
    """Make the first person, who knows the code that the server has shown. Of two at once exactly one succeeds."""
    fields = await form_fields(request)
    if await _somebody(request):
        raise Refusal("setup_done", status=404, code="not_found")
    doors, services = doors_of(request), services_of(request)

    def refuse(status: int, word: str, **named: object) -> Response:
        return _form(request, "setup.html", status, word, named, username=fields.get("username", ""))

    who, now = address_key(visitor_of(request).address), services.monotonic()
    wait = doors.setup_tries.wait(who, now)
    if wait > 0:
        return refuse(429, "setup_wait", seconds=math.ceil(wait))
    if not doors.is_setup_code(fields.get("code", "")):
        doors.setup_tries.count(who, now)
        return refuse(403, "setup_wrong_code")
    return await _make_first(request, fields, refuse)


async def setup_notice(services: Services, doors: Doors, language: Language, *, url: str) -> str | None:
    """The line for the server's stderr that lets the first person in; None when there is one already."""
    doors.somebody = await services.database.read(people.count) > 0
    return None if doors.somebody else say("setup_notice", language, url=url, code=doors.setup_code)


def _ask_for_a_try(request: Request, username: str) -> tuple[float, Callable[[], None], Callable[[], None]]:
    """How long to wait before a try at a password, 0 when this one may be made; and what to do if it is right, or if it
    was not made after all.

    Where the person is signed in already, only tries from that session count: whoever hammers on the account from
    outside cannot keep them from giving their password there.
    """
    doors, now = doors_of(request), services_of(request).monotonic()
    cleaned = clean_username(username)
    account = folded(cleaned) if cleaned is not None else ""
    identity = identity_or_none(request)
    if identity is not None and identity.session is not None and folded(identity.person.username) == account:
        wait = doors.session_guesses.wait(identity.session, now)
        if wait == 0:
            doors.session_guesses.count(identity.session, now)
        forget = partial(doors.session_guesses.forget, identity.session)
        return wait, forget, partial(doors.session_guesses.take_back, identity.session)
    address = address_key(visitor_of(request).address)
    wait, whose = doors.guesses.take(account, address, now), (account, address)
    return wait, partial(doors.guesses.was_right, *whose), partial(doors.guesses.take_back, *whose)


async def _make_first(request: Request, fields: dict[str, str], refuse: Callable[..., Response]) -> Response:
    username, password = clean_username(fields.get("username", "")), fields.get("password", "")
    if username is None:
        return refuse(400, "username_bad")
    fault = fault_of(password, username)
    if fault is not None:
        return refuse(400, fault)
    doors, services = doors_of(request), services_of(request)
    try:
        kept = await doors.passwords.hash(password)
    except TooBusy:
        return refuse(429, "login_busy", seconds=_BUSY_S)
    newcomer = Newcomer(username=username, password_hash=kept, admin=True, at=services.clock())
    first = await services.writer.write(people.create_first_all, newcomer)
    doors.somebody = True
    answer = await _signed_in(request, first.id, HOME) if first is not None else None
    if answer is None:
        raise Refusal("setup_done", status=404, code="not_found")
    return answer


def _link_page(request: Request, secret: str) -> Response:
    """What a link says of itself. Looking uses nothing up: programs look at links that are passed on."""
    if doors_of(request).links.is_open(secret, services_of(request).clock()):
        return render(request, "once.html", once=secret)
    return _login_form(request, status=401, word="login_once_over")


async def _use_link(request: Request, secret: str) -> Response:
    person_id = doors_of(request).links.use(secret, services_of(request).clock())
    answer = await _signed_in(request, person_id, HOME) if person_id is not None else None
    return answer or _login_form(request, status=401, word="login_once_over")


async def _signed_in(request: Request, person_id: int, wanted: str, *, proof: str | None = None) -> Response | None:
    """Begin a session with a new id, whatever cookie the browser came with."""
    before = identity_or_none(request)
    secret = await doors_of(request).identities.sign_in(person_id, proof=proof, instead_of=before)
    if secret is None:
        return None
    doors_of(request).entered.set()
    response = see_other(request, wanted)
    visitor, root = visitor_of(request), request.scope["root_path"]
    response.set_cookie(
        cookie_name(visitor, root),
        secret,
        max_age=ABSOLUTE_S,
        path=root or "/",
        secure=visitor.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


async def _somebody(request: Request) -> bool:
    """Whether there is a person; once there is one the set-up stays closed."""
    doors = doors_of(request)
    if not doors.somebody:
        doors.somebody = await services_of(request).database.read(people.count) > 0
    return doors.somebody


def _login_form(
    request: Request, *, wanted: str = HOME, username: str = "", status: int = 200, word: str = "", **named: object
) -> Response:
    return _form(request, "login.html", status, word, named, username=username, wanted=wanted)


def _form(
    request: Request, template: str, status: int, word: str, named: dict[str, object], **fields: object
) -> Response:
    """A form with what is wrong, if something is; `seconds` in `named` is also told to programs."""
    headers = {"Retry-After": str(named["seconds"])} if "seconds" in named else {}
    return render(request, template, status=status, headers=headers, word=word, named=named, **fields)
