"""What stands at the doors of one running server: brakes, codes, links that work once. None of it is kept on disk."""

import asyncio
import hmac
import secrets
from dataclasses import dataclass, field

from truename.store.people import digest_of
from truename.web.brake import Brake, Guesses, Window
from truename.web.identity import Identities
from truename.web.passwords import Passwords
from truename.web.services import Services

LINK_LIFE_S = 3600.0
_MAX_LINKS = 100


class Links:
    """Sign-in links, each for one person and one use."""

    def __init__(self) -> None:
        self._links: dict[str, tuple[int, float]] = {}

    def make(self, person_id: int, now: float) -> str:
        """A new one; what stands in `/login?once=...`."""
        while len(self._links) >= _MAX_LINKS:
            del self._links[next(iter(self._links))]
        secret = secrets.token_urlsafe(32)
        self._links[digest_of(secret)] = person_id, now + LINK_LIFE_S
        return secret

    def is_open(self, secret: str, now: float) -> bool:
        """Whether it would sign somebody in; it still does afterwards."""
        _, until = self._links.get(digest_of(secret), (None, 0.0))
        return now < until

    def use(self, secret: str, now: float) -> int | None:
        """Whom it is for; from now on, nobody."""
        person_id, until = self._links.pop(digest_of(secret), (None, 0.0))
        return person_id if now < until else None


@dataclass(slots=True, kw_only=True)
class Doors:
    """One server's. `somebody`: a person is known to exist, so the set-up is closed for good.

    `entered` is set once somebody has signed in.
    """

    identities: Identities
    passwords: Passwords
    guesses: Guesses = field(default_factory=Guesses)
    session_guesses: Brake = field(default_factory=Brake)
    setup_tries: Window = field(default_factory=Window)
    setup_code: str = field(default_factory=lambda: secrets.token_hex(16))
    links: Links = field(default_factory=Links)
    somebody: bool = False
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, services: Services, passwords: Passwords | None = None) -> "Doors":
        """Those of a new server."""
        return cls(identities=Identities(services), passwords=passwords or Passwords())

    def is_setup_code(self, text: str) -> bool:
        """Whether it is the code; takes the same time whatever was wrong with it."""
        return hmac.compare_digest(digest_of(text.strip().lower()), digest_of(self.setup_code))
