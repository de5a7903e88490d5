"""How fast `find_magnets` and `rename` are, on ordinary texts and on the worst ones, and whether they stay linear.

    .venv/bin/python bench/scanner.py            everything, about five minutes
    .venv/bin/python bench/scanner.py --quick    less text, linearity to 10 MB: about a minute

A MB is 10^6 bytes of the text in UTF-8; the time is this process's CPU time, the best of eight runs (three for
linearity, one at 100 MB). A busy neighbour on the same core still costs up to a half: a row that falls out deserves a
second look.
Goals: 50 MB/s at one magnet per kB, 10 MB/s in lists and on the worst text, the same time per byte at 1, 10 and 100 MB.
"""

import argparse
import datetime
import functools
import hashlib
import os
import platform
import random
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

from truename.magnet import MAX_MAGNET_CHARS, find_magnets, rename

HASHES = [hashlib.sha1(b"%d" % n, usedforsecurity=False).hexdigest() for n in range(5000)]
TITLES = ("Harbour.and.Lantern.S01E{:05}.1080p.WEB.x264-QUAY", "Harbour & Lantern (part {})", "雨后的城市 第{}集 港口")
NAMES = {info_hash: TITLES[n % 3].format(n) for n, info_hash in enumerate(HASHES)}
HASH = HASHES[0]
HEAD = f"magnet:?xt=urn:btih:{HASH}"
TRACKERS = "".join(f"&tr=udp%3A%2F%2Ftracker{n}.example%3A6969%2Fannounce" for n in range(4))


def repeated(unit: str, size: int) -> str:
    """`unit` as often as it fits into `size` bytes."""
    return unit * (size // len(unit.encode()))


def from_lines(line: Callable[[int], str], size: int) -> str:
    """A text of about `size` bytes made of `line(0)`, `line(1)`, ..."""
    block = "".join(line(n) for n in range(len(HASHES)))
    return repeated(block, size) if size > len(block.encode()) else block[:size]


def prose(words: str) -> Callable[[int], str]:
    """Text with one magnet per kB, of which the words are `words`."""
    chance = random.Random(1)

    def paragraph(n: int) -> str:
        magnet = f"magnet:?xt=urn:btih:{HASHES[n]}&dn=old+name{TRACKERS[:100]}"
        rest = 1000 - len(magnet)
        text = ""
        while len(text.encode()) < rest:
            text += chance.choice(words.split()) + chance.choice((" ", " ", " ", ", ", ". ", ": ", "? ", "\n"))
        return f"{text}{magnet} "

    return paragraph


def filled(unit: str) -> str:
    """The largest magnet that is still one, filled with `unit`."""
    return HEAD + "&dn=" + repeated(unit, MAX_MAGNET_CHARS - len(HEAD) - 300) + " "


ENGLISH = "the harbour lies behind a long wall of grey stone where boats wait for wind and nobody asks what time it is"
CHINESE = "港口 在 一道 灰色 石墙 后面 船 在 等 风 没有人 问 现在 几点 了 山间 小路 雨后 的 城市"
# Every character escaped, a `+` for each space so that it is read in both ways, and different at the very end.
NEARLY = HEAD + "&dn=" + "".join(f"%{byte:02x}" for byte in NAMES[HASH].encode()[:-2]) + "+%20 "

ORDINARY = {
    "prose, English": prose(ENGLISH),
    "prose, Chinese": prose(CHINESE),
}
LISTS = {
    "dn and 4 trackers a line": lambda n: f"magnet:?xt=urn:btih:{HASHES[n]}&dn=some+old+name{TRACKERS}\n",
    "dn a line": lambda n: f"magnet:?xt=urn:btih:{HASHES[n]}&dn=some+old+name\n",
    "bare, one a line": lambda n: f"magnet:?xt=urn:btih:{HASHES[n]}\n",
    "bare, no space": lambda n: f"magnet:?xt=urn:btih:{HASHES[n]}",
    "dn is right already": lambda n: f"magnet:?xt=urn:btih:{HASHES[n]}&dn={quote(NAMES[HASHES[n]])}\n",
    "HTML": lambda n: f'<a href="magnet:?xt=urn:btih:{HASHES[n]}&amp;dn=old&amp;tr=x">{n}</a>\n',
}
WORST = {
    "magnet:? repeated": "magnet:?",
    "MaGnEt:? repeated": "MaGnEt:?",
    ":? repeated": ":?",
    "tT:? repeated": "tT:?",
    "agnet:? repeated": "agnet:?",
    ": repeated": ":",
    "? repeated": "?",
    "one word": "x",
    "shortest that is parsed": "magnet:?" + "x" * 44,
    "nearly a hash": "magnet:?xt=urn:btih:" + "a" * 31 + "1",
    "nearly a hash, escaped": "magnet:?xt=urn%3Abtih%3A" + "%61" * 10 + " ",
    "hash at every word": HEAD + ".",
    "dn that is nearly the name": NEARLY,
    "one xt after another": HEAD + f"&xt=urn:btih:{HASH}" * 20 + " ",
    "magnet without an end": HEAD + "&dn=" + "x" * 40_000,
    "magnet without an end, non-ASCII": HEAD + "&dn=" + "你" * 40_000,
    "filled: brackets ()": filled("()"),
    "filled: nested brackets": filled("(" * 1000 + ")" * 1000),
    "filled: open brackets": filled("("),
    "filled: [] and & in turn": filled("[]&"),
    "filled: [/": filled("[/")[:-1] + "] ",
    "filled: [/1]": filled("[/1]"),
    "filled: [ and & in turn": filled("[&")[:-1] + "] ",
    "filled: &": filled("&"),
    "filled: &a": filled("&a"),
    "filled: &=": filled("&="),
    "filled: &a=": filled("&a="),
    "filled: =": filled("="),
    "filled: ;": filled(";"),
    "filled: &;": filled("&;"),
    "filled: &amp;": filled("&amp;"),
    "filled: &amp;amp;": filled("&amp;amp;"),
    "filled: &amp;a=": filled("&amp;a="),
    "filled: &dn": filled("&dn"),
    "filled: dn=": filled("dn="),
    "filled: xt": filled("xt"),
    "filled: xt=": filled("xt="),
    "filled: &xt=": filled("&xt="),
    "filled: &xt=%": filled("&xt=%"),
    "filled: &xt=urn:btih:": filled("&xt=urn:btih:"),
    "filled: &xt.": filled("&xt."),
    "filled: &xt.1=": filled("&xt.1="),
    "filled: ;xt=": filled(";xt="),
    "filled: &tr=x": filled("&tr=x"),
    "filled: %4": filled("%4"),
    "filled: %": filled("%"),
    "filled: %41": filled("%41"),
    "filled: %ff": filled("%ff"),
    "filled: +": filled("+"),
    "filled: non-ASCII": filled("你"),
    "filled: U+0130": filled("İ"),
    "filled: emoji": filled("😀"),
    "filled: .": filled("."),
}

# Those of the worst that are also tried at 100 MB: each kind of loop once.
LONG = ["magnet:? repeated", ":? repeated", "nearly a hash", "filled: [] and & in turn", "filled: &xt=", "filled: &;"]


def drained(spans: Iterator[object]) -> None:
    """Take everything and keep nothing."""
    for _ in spans:
        pass


def seconds(work: Callable[[], object], runs: int) -> float:
    """The best of `runs`."""
    best = float("inf")
    for _ in range(runs):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def rates(text: str, runs: int = 3) -> tuple[float, float]:
    """MB/s of finding and of renaming."""
    size = len(text.encode()) / 1e6
    return (
        size / seconds(lambda: drained(find_magnets(text)), runs),
        size / seconds(lambda: rename(text, NAMES), runs),
    )


def report(title: str, goal: float, texts: dict[str, str]) -> None:
    """One table."""
    print(f"\n{title} (goal {goal:.0f} MB/s)\n{'':36}{'find MB/s':>10}{'rename MB/s':>13}")
    for name, text in texts.items():
        find, write = rates(text, runs=8)
        print(f"{name:36}{find:10.1f}{write:13.1f}{'   below the goal' * (min(find, write) < goal)}", flush=True)


def linearity(texts: dict[str, Callable[[int], str]], sizes: tuple[int, ...]) -> None:
    """Time per byte, relative to the smallest size."""
    print(f"\ntime per byte, {' -> '.join(f'{size // 10**6}' for size in sizes)} MB\n{'':36}{'find':>20}{'rename':>20}")
    for name, text_of in texts.items():
        measured = [rates(text_of(size), runs=1 if size > 10**7 else 3) for size in sizes]
        columns = [[which[0] / which[n] for n in range(len(sizes))] for which in zip(*measured, strict=True)]
        shown = ["".join(f"{ratio:7.2f}" for ratio in column) for column in columns]
        bent = "   not linear" * any(ratio > 2 for column in columns for ratio in column)
        print(f"{name:36}{shown[0]:>20}{shown[1]:>20}{bent}", flush=True)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less text, and linearity to 10 MB only")
    quick = parser.parse_args().quick
    size = 250_000 if quick else 1_000_000
    sizes = (10**6, 10**7) if quick else (10**6, 10**7, 10**8)
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )
    report("one magnet per kB", 50, {name: from_lines(line, size) for name, line in ORDINARY.items()})
    report("lists", 10, {name: from_lines(line, size) for name, line in LISTS.items()})
    report("the worst", 10, {name: repeated(unit, size) for name, unit in WORST.items()})
    lines = {name: functools.partial(from_lines, line) for name, line in (ORDINARY | LISTS).items()}
    worst = {name: functools.partial(repeated, WORST[name]) for name in LONG}
    whole = {"one magnet without an end": lambda size: HEAD + "&dn=" + "x" * (size - 65)}
    linearity(lines | worst | whole, sizes)


if __name__ == "__main__":
    main()
