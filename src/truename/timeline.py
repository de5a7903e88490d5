"""What the resolvers did for a look-up: kept with its tasks, and told to the person who asked. Pure.

A person learns of their own request only. Others may have begun it, or have named trackers for it as well: then the
person learns who answered; when nobody did, what the DHT and the peers said, and nothing of trackers.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from truename.codes import TIMEOUTS, Code
from truename.model import COUNTS, Account
from truename.names import shown
from truename.texts import TEXTS, Language, say

MAX_SAID_CHARS = 200
_NAMED = ("named", "claimed")
_HAD_METADATA = ("named", Code.BAD_NAME)
_DECIDES = ("named", "claimed", Code.BAD_NAME)
_BY_TRACKERS = frozenset(("trackers", "trackers_answered", "tracker_peers", "left_out"))
_NOT_YET = (Code.NO_PEERS, Code.NO_METADATA)
_MET = ("refused", "silent", "lied", "too_large")
_NO_FAULT = frozenset(("nobody_to_ask", "nobody_usable", "left_to_direct", "stopping", "offline"))
"""Why a resolver could not be asked, when it is not the resolver that is to be mended."""
_OF_A_MAGNET = frozenset(("nobody_usable", "left_to_direct"))
"""What says something of whom a magnet names."""
_MOST_KEPT = 8

_encode = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make one for each

ENDINGS = frozenset(
    (
        *("named", "claimed", "stopped", "nobody_to_ask", "nobody_usable", "left_to_direct"),
        *("script_no_name", "script_too_much", "script_failed"),
        *TIMEOUTS,
        *(Code.BAD_NAME, Code.RESOLVER_FAILED, Code.RESOLVER_UNAVAILABLE),
    )
)
"""How a resolver can have ended; `texts` has each as `ended_...`."""


def pack(accounts: Sequence[Account]) -> str:
    """Accounts as a text to be kept."""
    kept = [
        {
            "resolver": one.resolver,
            "ended": one.ended,
            **({"reason": one.reason} if one.reason else {}),
            **({"said": one.said[:MAX_SAID_CHARS]} if one.said else {}),
            **({"tracker_said": one.tracker_said[:MAX_SAID_CHARS]} if one.tracker_said else {}),
            **({"counts": dict(one.counts)} if one.counts else {}),
        }
        for one in accounts[:_MOST_KEPT]
    ]
    return _encode(kept)


def unpack(text: str | None) -> tuple[Account, ...]:
    """What `pack` made; nothing of a text that it has not made."""
    try:
        kept = json.loads(text or "[]")
        return tuple(
            Account(
                resolver=str(one["resolver"]),
                ended=str(one["ended"]),
                reason=str(one.get("reason", "")),
                said=str(one.get("said", "")),
                tracker_said=str(one.get("tracker_said", "")),
                counts={key: int(one.get("counts", {}).get(key, 0)) for key in COUNTS if key in one.get("counts", {})},
            )
            for one in kept
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return ()


def own(accounts: Iterable[Account], *, joined: bool) -> tuple[Account, ...]:
    """What somebody may know of a look-up that was perhaps not, or not only, made for them."""
    everybody = tuple(accounts)
    if not joined:
        return everybody
    named = tuple(Account(resolver=one.resolver, ended=one.ended) for one in everybody if gave_a_name(one))
    return named or tuple(_without_trackers(one) for one in everybody)


def gave_a_name(account: Account) -> bool:
    """Whether this resolver has named it, with or without a proof."""
    return account.ended in _NAMED


def lines(accounts: Iterable[Account], language: Language) -> list[str]:
    """One line for each resolver: whom it asked, what came of it.

    Who was stopped while nobody had found anything was so because the time was over.
    """
    everybody = tuple(accounts)
    if not any(one.ended in _DECIDES for one in everybody):
        everybody = tuple(replace(one, ended=Code.DEADLINE) if one.ended == "stopped" else one for one in everybody)
    return [
        say("told_line", language, resolver=one.resolver, what=say("told_and", language).join(_parts(one, language)))
        for one in everybody
    ]


def told(accounts: Iterable[Account], language: Language) -> str:
    """All of it as one line."""
    return say("told_then", language).join(lines(accounts, language))


def why(reason: str, accounts: Iterable[Account], language: Language) -> str:
    """Why there is no name, as a sentence. A resolver that answered that it failed is quoted.

    That nobody has a torrent is said only when somebody was asked who could know. A reason that this version does not
    know is shown as it is.
    """
    everybody = tuple(accounts)
    if reason in _OF_A_MAGNET and not any(one.reason == reason for one in everybody):
        reason = "nobody_to_ask"  # it is true of a magnet that somebody else has named
    said = next((one.said for one in everybody if one.said), "") if reason == Code.RESOLVER_FAILED else ""
    if said:
        return say("resolver_said", language, said=shown(said))
    if reason == Code.NO_PEERS and _only_mute_trackers(everybody):
        return say("no_tracker_answered", language)
    if reason in _NOT_YET and _all_left_out(everybody):
        return say("only_private_peers", language)
    return say(reason, language) if reason in TEXTS else shown(reason)


def next_steps(accounts: Sequence[Account], code: str | None, language: Language) -> list[str]:
    """What a person can do now, besides what the error itself says; a sentence each."""
    word = _step(accounts, code)
    ways = say("told_comma", language).join(_not_asked(accounts))
    return ([say(word, language, ways=ways)] if word else []) + _mends(accounts, code, language)


def _step(accounts: Sequence[Account], code: str | None) -> str | None:
    total = _total(accounts)
    if code in _NOT_YET and _all_left_out(accounts):
        word = "step_private"
    elif code == Code.NO_PEERS and _only_mute_trackers(accounts):
        word = "step_trackers_mute"
    elif code == Code.NO_PEERS and not any(map(_asked_the_dht, accounts)):
        word = "step_trackers" if total["trackers"] else "step_nobody"
    elif code == Code.NO_METADATA and total["too_large"] > sum(total[key] for key in ("refused", "silent")):
        word = "step_too_large"
    elif code == Code.NO_METADATA and total["refused"] > total["silent"] + total["lied"]:
        word = "step_refused"
    elif code in _NOT_YET:
        word = "step_later"
    elif code == Code.DEADLINE:
        word = "step_slow"
    elif code == Code.RESOLVER_FAILED:
        word = "step_other_way" if _not_asked(accounts) else "step_later"
    else:
        return None
    return word


def _not_asked(accounts: Iterable[Account]) -> list[str]:
    """Which of our own ways to a name have not been tried."""
    asked = {one.resolver for one in accounts}
    return [way for way in ("swarm", "direct") if way not in asked]


def _mends(accounts: Iterable[Account], code: str | None, language: Language) -> list[str]:
    """What is wrong with resolvers themselves, while the error speaks of something else."""
    wrong: dict[str, Account] = {}
    for one in accounts:
        if one.reason in TEXTS and one.reason not in _NO_FAULT:
            wrong.setdefault(one.reason, one)
    told_by_error = next((one for one in wrong.values() if one.ended == code), None)
    return [
        say("told_line", language, resolver=one.resolver, what=say(one.reason, language))
        for one in wrong.values()
        if one is not told_by_error
    ]


def _total(accounts: Iterable[Account]) -> dict[str, int]:
    everybody = tuple(accounts)
    return {key: sum(one.counts.get(key, 0) for one in everybody) for key in COUNTS}


def _only_mute_trackers(accounts: Collection[Account]) -> bool:
    """Whether nobody was asked but trackers, of which none said whom it knows."""
    total = _total(accounts)
    somebody_else = total["tried"] or any(map(_asked_the_dht, accounts))
    return bool(total["trackers"]) and not (somebody_else or _answered(total))


def _all_left_out(accounts: Collection[Account]) -> bool:
    """Whether everybody who was named is at a private address, and so was not called.

    A resolver that does not see where they are counts them as named, and has tried nobody.
    """
    total = _total(accounts)
    tellers = [one.counts for one in accounts if one.counts.get("left_out")]
    somebody_else = total["tried"] or total["dht_peers"]
    return bool(tellers) and not somebody_else and all(one["left_out"] >= one["tracker_peers"] for one in tellers)


def _asked_the_dht(account: Account) -> bool:
    """Whether a turn came for it, be it that no node was known, or that nobody waited for what they said."""
    return "dht_nodes" in account.counts


def _answered(counts: Mapping[str, int]) -> int:
    return max(counts["trackers_answered"], bool(counts["tracker_peers"]))


def _without_trackers(account: Account) -> Account:
    counts = {key: count for key, count in account.counts.items() if key not in _BY_TRACKERS}
    reason = "nobody_to_ask" if account.reason in _OF_A_MAGNET else account.reason
    return replace(account, counts=counts, reason=reason, tracker_said="")


def _parts(account: Account, language: Language) -> Iterator[str]:
    counts = {key: account.counts.get(key, 0) for key in COUNTS}
    if counts["trackers"]:
        yield _of_trackers(counts, language)
        if account.tracker_said and account.ended not in _NAMED:
            yield say("told_tracker_said", language, said=shown(account.tracker_said[:MAX_SAID_CHARS]))
    if "dht_peers" in account.counts:
        word = "told_dht" if counts["dht_nodes"] else "told_dht_no_node"
        yield say(word, language, nodes=counts["dht_nodes"], peers=_peers(counts["dht_peers"], language))
    if account.ended in _HAD_METADATA:
        counts["silent"] = 0  # one of them gave it, and nobody waited for the others
    met = [say(f"told_{key}", language, count=counts[key]) for key in _MET if counts[key]]
    if counts["tried"]:
        tried = _peers(counts["tried"], language)
        comma = say("told_comma", language)
        yield say("told_tried", language, peers=tried) + (comma + comma.join(met) if met else "")
    elif met:
        yield say("told_comma", language).join(met)
    yield _ending(account, language)


def _of_trackers(counts: Mapping[str, int], language: Language) -> str:
    asked, answered = counts["trackers"], _answered(counts)
    word = "told_trackers"
    if not answered:
        return say(f"{word}_mute", language, count=asked)
    if answered < asked:
        word = "told_trackers_part"
    told = say(word, language, count=asked, answered=answered, peers=_peers(counts["tracker_peers"], language))
    left_out = counts["left_out"]
    if not left_out:
        return told
    return told + say("told_left_out", language, count=left_out)


def _peers(count: int, language: Language) -> str:
    return say("told_peers", language, count=count)


def _ending(account: Account, language: Language) -> str:
    if account.said:
        return say("told_said", language, said=shown(account.said[:MAX_SAID_CHARS]))
    word = account.reason if account.reason in ENDINGS else account.ended
    return say(f"ended_{word}" if word in ENDINGS else "ended_resolver_failed", language)
