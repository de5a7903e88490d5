"""How the resolvers are doing, in sentences, each with the next step. Pure."""

from collections.abc import Iterator

from truename.names import make_visible
from truename.resolvers.base import ResolverHealth
from truename.texts import Language, say

State = tuple[bool, str]
"""Whether something is well, and what to say of it."""

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_WELL_PROXIED = ("", "dht_needs_address", "no_dht_through_proxy")


def resolver_states(name: str, health: ResolverHealth, language: Language, *, whole: bool = True) -> Iterator[State]:
    """The lines about one resolver. `whole`: with addresses, which are the owner's business alone."""
    if health.reason == "offline":  # as it is wanted
        yield True, say("doctor_offline", language)
    elif name == "swarm":
        yield from _swarm_states(health, language, whole=whole)
    elif health.able:
        yield True, say("doctor_proxied" if health.proxied else "doctor_resolver_ok", language, name=name)
    else:
        yield False, say("doctor_resolver_bad", language, name=name, why=say(health.reason, language))
    if health.subject and name != "swarm" and whole:
        yield health.able, f"{name}: {make_visible(health.subject)}"


def _swarm_states(health: ResolverHealth, language: Language, *, whole: bool) -> Iterator[State]:
    """The lines about the swarm and its DHT."""
    if health.proxied and health.reason in _WELL_PROXIED:
        yield True, say("doctor_proxied", language, name="swarm")
    elif health.listening:
        where = ", ".join(health.listening)
        yield (
            True,
            say("doctor_swarm_ok", language, where=where)
            if whole
            else say("doctor_resolver_ok", language, name="swarm"),
        )
    if health.coming_up:
        yield False, say("doctor_dht_waking", language, time=_span(health.dht_for_s, language))
    elif not health.able:
        yield False, say("doctor_swarm_bad", language, why=say(health.reason, language))
        if health.reason == "no_dht_node":
            yield False, say("doctor_dht_silent", language, time=_span(health.dht_for_s, language))
        if health.subject and whole:
            yield False, say("doctor_swarm_tried", language, subject=make_visible(health.subject))
    elif not health.dht_enabled:
        yield True, say(health.reason or "doctor_dht_off", language)
    elif health.dht_nodes:
        time = _span(health.dht_for_s, language)
        yield True, say("doctor_dht_ok", language, nodes=health.dht_nodes, time=time)
    else:
        yield True, say("doctor_dht_answers", language)


def _span(seconds: float, language: Language) -> str:
    """A time in the one unit that suits it best, rounded down."""
    return next(
        say(f"span_{unit}", language, count=int(seconds // size))
        for unit, size in _UNITS
        if seconds >= 2 * size or unit == "s"
    )
