"""Who may come in: people, their sessions, their tokens.

Of a session id and a token only a SHA-256 digest is kept: both are 256 random bits, so nothing slower is needed, and
who reads the file cannot sign in with it. Coroutines that end in `_all` are work for the writer: a list in, a list out.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, or_, select, update

from truename.names import is_hidden
from truename.store.database import Connection
from truename.store.tables import person, session, token

IDLE_S = 7 * 86_400
ABSOLUTE_S = 30 * 86_400
MAX_USERNAME = 100
_MAX_FOLDED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may sign in."""

    id: int
    username: str
    admin: bool
    auto_calibrate: bool
    rewrite: str
    language: str | None
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A person to be made. `username` has gone through `clean_username`."""

    username: str
    password_hash: str
    admin: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A place where somebody is signed in. The digest names it, and signs nobody in."""

    digest: str
    person_id: int
    created_at: float
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A session to be begun, and the one it takes the place of. `proof`: the password hash that was satisfied."""

    digest: str
    person_id: int
    at: float
    instead_of: str | None = None
    proof: str | None = None


_PERSON = [column for column in person.c if column.name not in ("username_folded", "password_hash")]


def digest_of(secret: str) -> str:
    """What is kept of a session id or a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def clean_username(text: str) -> str | None:
    """The name as it is kept (NFC, trimmed), or None when nobody may be called that.

    A name that differs from another one only in what cannot be seen would be a way to deceive, so nothing invisible
    is let in.
    """
    name = unicodedata.normalize("NFC", text[: 4 * MAX_USERNAME]).strip()
    if not 1 <= len(name) <= MAX_USERNAME or len(text) > 4 * MAX_USERNAME or any(map(is_hidden, name)):
        return None
    return name if len(folded(name)) <= _MAX_FOLDED else None


def folded(username: str) -> str:
    """By this two names are the same."""
    return unicodedata.normalize("NFC", username.casefold())


async def count(connection: Connection) -> int:
    """How many people there are."""
    return int((await connection.execute(select(func.count()).select_from(person))).scalar_one())


async def everybody(connection: Connection) -> Sequence[Person]:
    """All people, oldest first."""
    return [_read(row) for row in await connection.execute(select(*_PERSON).order_by(person.c.id))]


async def find(connection: Connection, username: str) -> Person | None:
    """The person of a name, however its letters are cased."""
    row = (await connection.execute(select(*_PERSON).where(person.c.username_folded == folded(username)))).one_or_none()
    return None if row is None else _read(row)


async def credentials(connection: Connection, username: str) -> tuple[Person, str] | None:
    """The person of a name, and what their password is checked against."""
    row = (
        await connection.execute(
            select(*_PERSON, person.c.password_hash).where(person.c.username_folded == folded(username))
        )
    ).one_or_none()
    return None if row is None else (_read(row), row.password_hash)


async def create_all(connection: Connection, newcomers: Sequence[Newcomer]) -> Sequence[Person | None]:
    """Make people; None for one whose name is taken."""
    return [await _create(connection, one) for one in newcomers]


async def create_first_all(connection: Connection, newcomers: Sequence[Newcomer]) -> Sequence[Person | None]:
    """Make the first person, an administrator; None for everybody who comes when there is one."""
    return [await _create(connection, one) if await count(connection) == 0 else None for one in newcomers]


async def change_password_all(connection: Connection, changes: Sequence[tuple[int, str]]) -> Sequence[Sequence[str]]:
    """Give people (id, hash) new passwords and end all their sessions; the digests of those."""
    ended = []
    for person_id, new_hash in changes:
        await connection.execute(update(person).where(person.c.id == person_id).values(password_hash=new_hash))
        ended.append(await _end(connection, person_id))
    return ended


async def sign_in_all(connection: Connection, arrivals: Sequence[SignIn]) -> Sequence[bool]:
    """Begin sessions, and end those that they take the place of and those whose time is over.

    Output: whether each has begun; it has not when the person is gone, or the password was changed meanwhile.
    """
    now = max(one.at for one in arrivals)
    over = or_(session.c.seen_at <= now - IDLE_S, session.c.created_at <= now - ABSOLUTE_S)
    await connection.execute(delete(session).where(over))
    return [await _sign_in(connection, one) for one in arrivals]


async def touch_all(connection: Connection, seen: Sequence[tuple[str, float]]) -> Sequence[None]:
    """Remember when sessions (digest, time) were last used."""
    for digest, at in seen:
        await connection.execute(update(session).where(session.c.digest == digest).values(seen_at=at))
    return [None] * len(seen)


async def end_all(connection: Connection, digests: Sequence[str]) -> Sequence[bool]:
    """End sessions; whether each was there."""
    return [
        (await connection.execute(delete(session).where(session.c.digest == digest))).rowcount > 0 for digest in digests
    ]


async def of_session(connection: Connection, digest: str, *, now: float) -> tuple[Person, Session] | None:
    """Who is signed in there, while the session lives."""
    row = (
        await connection.execute(
            select(*_PERSON, session.c.created_at.label("begun_at"), session.c.seen_at)
            .join(session, session.c.person_id == person.c.id)
            .where(
                session.c.digest == digest,
                session.c.seen_at > now - IDLE_S,
                session.c.created_at > now - ABSOLUTE_S,
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return _read(row), Session(digest=digest, person_id=row.id, created_at=row.begun_at, seen_at=row.seen_at)


async def of_token(connection: Connection, digest: str) -> Person | None:
    """Whose token this is."""
    row = (
        await connection.execute(
            select(*_PERSON).join(token, token.c.person_id == person.c.id).where(token.c.digest == digest)
        )
    ).one_or_none()
    return None if row is None else _read(row)


async def set_token_all(connection: Connection, given: Sequence[tuple[int, str, float]]) -> Sequence[None]:
    """Give people (id, digest, time) a token, in the place of the one they had."""
    for person_id, digest, at in given:
        await connection.execute(delete(token).where(token.c.person_id == person_id))
        await connection.execute(insert(token).values(digest=digest, person_id=person_id, created_at=at))
    return [None] * len(given)


async def revoke_token_all(connection: Connection, person_ids: Sequence[int]) -> Sequence[bool]:
    """Take people's tokens away; whether each had one."""
    return [
        (await connection.execute(delete(token).where(token.c.person_id == person_id))).rowcount > 0
        for person_id in person_ids
    ]


async def has_token(connection: Connection, person_id: int) -> bool:
    """Whether a person has a token."""
    found = await connection.execute(select(token.c.person_id).where(token.c.person_id == person_id))
    return found.scalar_one_or_none() is not None


async def _create(connection: Connection, one: Newcomer) -> Person | None:
    if await find(connection, one.username) is not None:
        return None
    made = await connection.execute(
        insert(person)
        .values(
            username=one.username,
            username_folded=folded(one.username),
            password_hash=one.password_hash,
            admin=one.admin,
            created_at=one.at,
        )
        .returning(*_PERSON)
    )
    return _read(made.one())


async def _sign_in(connection: Connection, one: SignIn) -> bool:
    kept = await connection.execute(select(person.c.password_hash).where(person.c.id == one.person_id))
    now_kept = kept.scalar_one_or_none()
    if now_kept is None or one.proof not in (None, now_kept):
        return False
    if one.instead_of is not None:
        await connection.execute(delete(session).where(session.c.digest == one.instead_of))
    await connection.execute(
        insert(session).values(digest=one.digest, person_id=one.person_id, created_at=one.at, seen_at=one.at)
    )
    return True


async def _end(connection: Connection, person_id: int) -> list[str]:
    gone = await connection.execute(delete(session).where(session.c.person_id == person_id).returning(session.c.digest))
    return list(gone.scalars())


def _read(row: object) -> Person:
    return Person(**{column.name: getattr(row, column.name) for column in _PERSON})
