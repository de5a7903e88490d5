"""Which values the rows of a backup may hold: of the type their column says, and nothing that would stop a server.

Pure. SQLite itself lets any value into any column. What is refused here is what this program never writes; what it
could have written is let through, however old.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping

from truename.infohash import InfoHash
from truename.metainfo import MAX_SIZE_BYTES
from truename.model import LookupStatus, TaskStatus
from truename.names import is_hidden, is_usable
from truename.store.people import MAX_USERNAME
from truename.store.revisions import EDITED, RENAMED, SAVED, UNDONE, changes_of
from truename.store.sources import Sources
from truename.store.tables import RANKS, event, lookup, note_magnet, note_revision, person, task, torrent, virtual
from truename.timeline import unpack

Check = Callable[[object], bool]

_MAX_KEY = 2**30  # the next ones still fit into 32 bits
_MAX_COUNTER = 2**53
_MIN_TIME, _MAX_TIME = -6e10, 1e11  # seconds; dates can be made of them
_VARCHAR = re.compile(r"VARCHAR\(\d+\)")
_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$[A-Za-z0-9+/]{8,128}\$[A-Za-z0-9+/]{8,128}"
)
_DEAREST = (262_144, 10, 16)  # four times today's memory, three times its work
# What a resolver, or a later version of it, calls its endings: shown as it is where there is no sentence for it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[a-z0-9_]*")
_MOST_SOURCES = 4096  # earlier versions kept all that one magnet named
_MOST_CHANGES = 200_000  # of six megabytes of the shortest magnets
_ONE = frozenset((1,))
_LOOKUP_STATES = frozenset(status.value for status in LookupStatus)
_TASK_STATES = frozenset(status.value for status in TaskStatus)
PRIORITIES = frozenset(range(3))


def check_of(table: str, column: str, declared: str, *, nullable: bool, key: bool, counted: bool) -> Check:
    """What to ask of each value of a column.

    Input:  `declared` the type in the schema; `key`: it is in the primary key; `counted`: a row's number is never given
            again.
    Errors: `ValueError` for a type that nothing is known of.
    """
    declared = _VARCHAR.sub("TEXT", declared)
    if declared not in _TYPES:
        raise ValueError(f"nothing is known of the type {declared}")
    check = _is_key if key and not counted and declared in ("INTEGER", "BIGINT") else _TYPES[declared]
    rule = _RULES.get((table, column)) or _RULES_EVERYWHERE.get(column)

    def allowed(value: object) -> bool:
        if value is None:
            return nullable
        return check(value) and (rule is None or rule(value))

    return allowed


def _is_key(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_KEY


def _is_counter(value: object) -> bool:
    return type(value) is int and -_MAX_COUNTER <= value <= _MAX_COUNTER


def _is_integer(value: object) -> bool:
    return type(value) is int


def _is_boolean(value: object) -> bool:
    return type(value) is int and value in (0, 1)


def _is_time(value: object) -> bool:
    return type(value) is float and math.isfinite(value) and _MIN_TIME <= value <= _MAX_TIME


def _is_bytes(value: object) -> bool:
    return type(value) is bytes


def _is_text(value: object) -> bool:
    return type(value) is str


def _can_be_written(value: object) -> bool:
    """Whether it is a text without half a character, which no answer could hold."""
    return isinstance(value, str) and not _SURROGATE.search(value)


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) in (40, 64) and InfoHash.hexadecimal(value, len(value)) == value


def _is_true_name(value: object) -> bool:
    return isinstance(value, str) and is_usable(value)


def _is_username(value: object) -> bool:
    """Nothing invisible; a character that a newer Unicode has may be there."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_USERNAME:
        return False
    return not any(is_hidden(each) for each in value if unicodedata.category(each) != "Cn")


def _is_password_hash(value: object) -> bool:
    """A hash that can be checked without stopping the machine."""
    found = _ARGON2.fullmatch(value) if isinstance(value, str) else None
    return found is not None and all(
        1 <= int(cost) <= most for cost, most in zip(found.groups(), _DEAREST, strict=True)
    )


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _is_detail(value: object) -> bool:
    accounts = unpack(str(value))
    return all(_is_word(one.resolver) and all(map(_is_counter, one.counts.values())) for one in accounts)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_SIZE_BYTES


def _are_files(value: object) -> bool:
    try:
        files = json.loads(str(value))
        return all(_can_be_written(path) and (size_bytes is None or _is_size(size_bytes)) for path, size_bytes in files)
    except (ValueError, TypeError, RecursionError):
        return False


def _are_names(value: object) -> bool:
    try:
        names = json.loads(str(value))
    except (ValueError, RecursionError):
        return False
    return isinstance(names, list) and all(one is None or isinstance(one, str) for one in names)


def _are_changes(value: object) -> bool:
    """Such as could have been made in a text one after the other: what is written into magnets is plain."""
    if str(value).count("[") > 1 + _MOST_CHANGES:
        return False
    try:
        changes = changes_of(str(value))
    except (ValueError, TypeError, RecursionError):
        return False
    places = [place for one in changes for place in (one.start, one.end)]
    if not all(map(_is_counter, places)) or not all(map(_is_plain, (one.text for one in changes))):
        return False
    return min(places, default=-1) >= 0 and places == sorted(places)


def _are_sources(value: object) -> bool:
    try:
        sources = Sources.of_text(str(value))
    except (ValueError, TypeError, RecursionError):
        return False
    every = (*sources.trackers, *sources.peers)
    return len(every) <= _MOST_SOURCES and all(isinstance(one, str) for one in every)


_TYPES: Mapping[str, Check] = {
    "INTEGER": _is_counter,
    "BIGINT": _is_integer,
    "BOOLEAN": _is_boolean,
    "FLOAT": _is_time,
    "BLOB": _is_bytes,
    "TEXT": _is_text,
}
_RULES: Mapping[tuple[str, str], Check] = {
    (task.name, "status"): _TASK_STATES.__contains__,
    (lookup.name, "status"): _LOOKUP_STATES.__contains__,
    (lookup.name, "sources"): _are_sources,
    (lookup.name, "rank"): _is_counter,
    (lookup.name, "active"): _ONE.__contains__,
    (task.name, "active"): _ONE.__contains__,
    (task.name, "detail"): _is_detail,
    (task.name, "sources"): _are_sources,
    (task.name, "rank"): _is_counter,
    **{(lookup.name, column.name): _is_counter for column in RANKS},
    (task.name, "name"): _is_true_name,
    (torrent.name, "name"): _is_true_name,
    (torrent.name, "files"): _are_files,
    (note_magnet.name, "typed"): _are_names,
    (note_magnet.name, "undone"): _are_names,
    (note_revision.name, "changes"): _are_changes,
    (note_revision.name, "cause"): frozenset((SAVED, EDITED, RENAMED, UNDONE)).__contains__,
    (event.name, "kind"): frozenset(("task", "note")).__contains__,
    (virtual.name, "v"): _is_counter,
    (person.name, "username"): _is_username,
    (person.name, "password_hash"): _is_password_hash,
    (person.name, "rewrite"): frozenset(("auto", "propose")).__contains__,
}
_RULES_EVERYWHERE: Mapping[str, Check] = {
    "hash": _is_hash,
    "hash_v2": _is_hash,
    "prio": PRIORITIES.__contains__,
    "code": _is_word,
    "reason": _is_word,
    "source": _is_word,
}
