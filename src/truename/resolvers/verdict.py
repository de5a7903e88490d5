"""What the endings of several resolvers mean together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from truename.codes import Code
from truename.errors import BadMetadata, BadName, NotYet, Refused, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.model import Account, Outcome, TaskStatus, peers_in
from truename.resolvers.base import Claim, Found

Ending = Found | NotYet | BadName | BadMetadata | Refused | ResolverDown

FAILURES: Final = (NotYet, BadName, BadMetadata, Refused, ResolverDown)
"""What a resolver may raise."""

_WEAK: Final = ("nobody_to_ask", "nobody_usable", "left_to_direct")
"""Why a resolver could not be asked about this one torrent."""

_ASKS_SOMEBODY_ELSE: Final = frozenset(("script", "qbittorrent"))
"""Who knows nothing of peers: only they end as `deadline`."""


def judge(
    magnet: Magnet, endings: Sequence[tuple[str, Ending | None]], *, accounts: tuple[Account, ...], elapsed_s: float
) -> Outcome:
    """The outcome of a look-up.

    Input: how each resolver, by its name, ended; None: it was stopped. `accounts` are of the same ones. What is proven
           (a name, or that there is none) goes before what is claimed, and that before every other failure.
    """
    for source, ending in endings:
        if isinstance(ending, Metainfo):
            return Outcome(
                info_hash=ending.info_hash,
                info_hash_v2=ending.info_hash_v2,
                status=TaskStatus.COMPLETED,
                name=ending.name,
                source=source,
                verified=True,
                name_guessed=ending.name_guessed,
                torrent=ending,
                accounts=accounts,
                elapsed_s=elapsed_s,
            )
    nameless = any(isinstance(ending, BadName) for _, ending in endings)
    claims = ((source, ending) for source, ending in endings if isinstance(ending, Claim))
    claimed = None if nameless else next(claims, None)
    why = _Why(TaskStatus.COMPLETED) if claimed else _failure(endings, accounts)
    return Outcome(
        info_hash=magnet.info_hash,
        status=why.status,
        name=claimed[1].name if claimed else None,
        name_guessed=claimed[1].name_guessed if claimed else False,
        source=claimed[0] if claimed else None,
        code=why.code,
        reason=why.reason or why.code or "",
        accounts=accounts,
        elapsed_s=elapsed_s,
    )


def word_of(ending: Ending | None) -> str:
    """How a resolver ended, as a word of `Account.ended`."""
    match ending:
        case None:
            return "stopped"
        case Metainfo():
            return "named"
        case Claim():
            return "claimed"
        case failure:
            return _why(failure).code or ""


@dataclass(frozen=True, slots=True)
class _Why:
    status: TaskStatus
    code: str | None = None
    reason: str = ""


def _why(failure: NotYet | BadName | BadMetadata | Refused | ResolverDown) -> _Why:
    match failure:
        case NotYet():
            return _Why(TaskStatus.TIMEOUT, failure.code)
        case BadName():  # the torrent is there, and asking longer would not give it a name
            return _Why(TaskStatus.FAILED, Code.BAD_NAME)
        case Refused():
            return _Why(TaskStatus.FAILED, Code.RESOLVER_FAILED, failure.reason)
        case BadMetadata():  # what could not be read, or is of another torrent, proves nothing
            return _Why(TaskStatus.FAILED, Code.RESOLVER_FAILED)
        case ResolverDown():
            return _Why(TaskStatus.FAILED, Code.RESOLVER_UNAVAILABLE, failure.reason)


def _late(endings: Sequence[tuple[str, Ending | None]], accounts: Sequence[Account]) -> list[NotYet]:
    """Those who have not answered in the time given, as who was stopped has not; its account says what it has seen."""
    late = []
    for (name, ending), account in zip(endings, accounts, strict=True):
        if isinstance(ending, NotYet):
            late.append(ending)
        elif ending is None:
            late.append(NotYet(peers_seen=None if name in _ASKS_SOMEBODY_ELSE else peers_in(account.counts)))
    return late


def _failure(endings: Sequence[tuple[str, Ending | None]], accounts: Sequence[Account]) -> _Why:
    """What to say when nobody has named it: what is proven, what may be otherwise another day, what can be mended.

    Of several resolvers that are down the first is the one to mend.
    """
    failures = [ending for _, ending in endings if isinstance(ending, FAILURES)]
    proven = [failure for failure in failures if isinstance(failure, BadName)]
    late = _late(endings, accounts)
    if late and not proven:
        seen = [failure.peers_seen for failure in late if failure.peers_seen is not None]
        return _why(NotYet(peers_seen=max(seen, default=None)))
    answered = [failure for failure in failures if isinstance(failure, Refused | BadMetadata)]
    failures.sort(key=_weight)
    return next(map(_why, (*proven, *answered, *failures)), _Why(TaskStatus.FAILED, Code.RESOLVER_UNAVAILABLE))


def _weight(failure: Ending) -> int:
    """What somebody can mend comes before that nobody was to be asked, and that before what is another's to ask."""
    reason = failure.reason if isinstance(failure, ResolverDown) else ""
    return _WEAK.index(reason) + 1 if reason in _WEAK else 0
