"""Who is asking: from the session cookie or a token, remembered for a few seconds.

What the database said is believed until another process has changed it, which the `Outlook` notices soon, and
for at most `FRESH_S`; an end of this process counts at once, also for a look that was under way meanwhile.
"""

import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from truename.store import people
from truename.store.database import StoreUnavailable
from truename.store.people import Person, SignIn, digest_of
from truename.web.services import Services

log = logging.getLogger(__name__)

FRESH_S = 5.0
TOUCH_S = 600.0
MAX_REMEMBERED = 5_000
_MAX_SECRET_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who is asking. `session` is the digest of the session, None for a token."""

    person: Person
    session: str | None = None


@dataclass(frozen=True, slots=True)
class _Remembered:
    identity: Identity
    at: float
    foreign: int


class Identities:
    """Finds out who is asking, begins sessions and ends them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._remembered: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()
        self._ends = 0

    async def of_session(self, secret: str) -> Identity | None:
        """Who is signed in with this session id."""
        return await self._of("session", secret)

    async def of_token(self, secret: str) -> Identity | None:
        """Whose token this is."""
        return await self._of("token", secret)

    async def sign_in(
        self, person_id: int, *, proof: str | None = None, instead_of: Identity | None = None
    ) -> str | None:
        """Begin a session with a new id, in the place of the one there was.

        Output: the id; None when the person is gone or `proof`, the hash of the password given, is not kept any more.
        Errors: `StoreUnavailable`.
        """
        secret = secrets.token_urlsafe(32)
        old = instead_of.session if instead_of is not None else None
        now = self._services.clock()
        arrival = SignIn(digest=digest_of(secret), person_id=person_id, at=now, instead_of=old, proof=proof)
        begun = await self._services.writer.write(people.sign_in_all, arrival)
        self._forget(old)
        return secret if begun else None

    async def sign_out(self, identity: Identity) -> None:
        """End the session: from now on no copy of its cookie counts.

        Errors: `StoreUnavailable`; then the session goes on.
        """
        if identity.session is not None:
            await self._services.writer.write(people.end_all, identity.session)
            self._forget(identity.session)

    def forget_all(self) -> None:
        """Ask the database again for everybody."""
        self._ends += 1
        self._remembered.clear()

    async def _of(self, kind: str, secret: str) -> Identity | None:
        if not secret or len(secret) > _MAX_SECRET_CHARS:
            return None
        key = (kind, digest_of(secret))
        remembered = self._remembered.get(key)
        now = self._services.monotonic()
        foreign = self._services.foreign()
        if remembered is not None and remembered.foreign == foreign and now - remembered.at < FRESH_S:
            return remembered.identity
        self._remembered.pop(key, None)
        ends = self._ends
        identity = await self._look(kind, key[1])
        # Somebody signed out while the database was asked: what it said may be older than that.
        if identity is not None and ends == self._ends:
            self._remembered[key] = _Remembered(identity, now, foreign)
            while len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        return identity

    async def _look(self, kind: str, digest: str) -> Identity | None:
        now = self._services.clock()
        database = self._services.database
        if kind == "token":
            owner = await database.read(people.of_token, digest)
            return None if owner is None else Identity(person=owner)
        found = await database.read(people.of_session, digest, now=now)
        if found is None:
            return None
        person, session = found
        if now - session.seen_at >= TOUCH_S:
            await self._touch(digest, now)
        return Identity(person=person, session=digest)

    async def _touch(self, digest: str, now: float) -> None:
        try:
            await self._services.writer.write(people.touch_all, (digest, now))
        except StoreUnavailable:
            log.warning("the use of a session was not noted")  # it ends a little early; reading goes on

    def _forget(self, digest: str | None) -> None:
        self._ends += 1
        if digest is not None:
            self._remembered.pop(("session", digest), None)
