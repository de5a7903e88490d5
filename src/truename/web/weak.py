"""Passwords that are long enough and still among the first to be tried. Pure.

A list of whole passwords would say little beyond twelve characters. What is looked for instead is how they are made: a
short piece over and over, rows of the keyboard and of the alphabet, words that everybody takes, the user name, a year.
What is left without those is what has to be guessed.
Source: NIST SP 800-63B-4, 3.1.1.2 (commonly used, expected, dictionary words, repetitive or sequential, context).
"""

import unicodedata

_LEAST_LEFT = 3
_A_WORD_COUNTS = 2
_AT_THE_END = "!?#*1"
"""What people add when they are told to add something."""

_LEAST_KINDS = 5
_LEAST_UNIT = 7
_LOOKED_AT = 128
_SHORTEST_RUN = 3

_ROWS = (
    "0123456789" * 2,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "qwertzuiop",
    "yxcvbnm",
    "!@#$%^&*()_+",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "qweasdzxcrtyfghvbn",
    "qwerasdfzxcv",
    "a1b2c3d4e5f6g7h8i9j0",
    "a1s2d3f4g5h6j7k8l9",
)
_RUNS = (*_ROWS, *(row[::-1] for row in _ROWS))

_COMMON = """
    access admin administrator amazing angel apple baby baseball basketball batman blink1 butterfly charlie changeit
    changeme cheese chelsea chocolate computer cookie daniel default demo diamond dragon
    facebook family flower football forever freedom friend friends george google guest hannah happy hello hunter iloveu
    iloveyou internet jennifer jessica jordan killer letmein liverpool login love lovely lover loveyou magnet master
    matrix michael mima minecraft monkey mustang mypassword nicole ninja nothing opensesame orange pass passphrase
    passwd passwort password pepper pikachu please pokemon princess qwer root samsung secret server shadow soccer
    starwars summer sunshine superman superuser sweet sysadmin system test testing thomas tigger torrent truename
    trustno user username welcome whatever winter wodemima woaini woaiwojia work world yourname 1314520 5201314
"""
_WORDS = frozenset(_COMMON.split())
_YEARS = frozenset(str(year) for year in range(1940, 2040))
_DISGUISES = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "5": "s", "$": "s", "7": "t"})


def is_weak(password: str, username: str) -> bool:
    """Whether little of it has to be guessed by somebody who knows the user name."""
    text = _plain(password)
    if len(set(text)) < _LEAST_KINDS:
        return True
    unit = _unit_of(text)
    if len(unit) < min(len(text), _LEAST_UNIT):
        return True
    if len(unit) > _LOOKED_AT:
        return False
    return _left_of(unit, _names_in(username)) < _LEAST_LEFT


def _names_in(username: str) -> frozenset[str]:
    parts = "".join(one if one.isalnum() else " " for one in username).split()
    return frozenset(name for name in map(_plain, (username, *parts)) if len(name) >= _SHORTEST_RUN)


def _plain(text: str) -> str:
    """As it sounds: without case, width, spaces and the signs that are put between words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in folded if not one.isspace() and one not in "-_.,:;'\"|/\\+&~`")


def _unit_of(text: str) -> str:
    """What it repeats, the last time perhaps cut off; all of it when it repeats nothing."""
    sizes = range(1, len(text) // 2 + 1)
    return text[: next((size for size in sizes if text[size:] == text[:-size]), len(text))]


def _left_of(text: str, names: frozenset[str]) -> int:
    """How much has to be guessed: each character and the user name count as one, words that everybody takes as two.
    Rows and years count as nothing, and so does a name or a word that has been there, or a name that is such a word.
    """
    text = text.rstrip(_AT_THE_END)
    left = at = 0
    been: set[str] = set()
    while at < len(text):
        counts = (
            (max(_run_at(text, at), _piece_at(text, at, _YEARS), _piece_at(text, at, names & _WORDS)), 0),
            (_piece_at(text, at, names), 1),
            (_piece_at(text, at, _WORDS), _A_WORD_COUNTS),
        )
        size, count = max(counts, key=lambda one: one[0])
        if not size:
            left += 1
        elif (piece := text[at : at + size].translate(_DISGUISES)) not in been:
            left += count
            been.add(piece)
        at += max(size, 1)
    return left


def _run_at(text: str, at: int) -> int:
    """The length of a row that begins here, or of one character over and over; 0 when it is too short to be one."""
    end = at + 1
    while end < len(text) and (text[end] == text[at] == text[end - 1] or _in_a_row(text[at : end + 1])):
        end += 1
    return end - at if end - at >= _SHORTEST_RUN else 0


def _in_a_row(piece: str) -> bool:
    return any(piece in run for run in _RUNS)


def _piece_at(text: str, at: int, pieces: frozenset[str]) -> int:
    """The length of the longest of these that begins here, also where digits stand for its letters; 0 for none."""
    for size in range(min(max(map(len, pieces), default=0), len(text) - at), _SHORTEST_RUN - 1, -1):
        piece = text[at : at + size]
        if piece in pieces or piece.translate(_DISGUISES) in pieces:
            return size
    return 0
