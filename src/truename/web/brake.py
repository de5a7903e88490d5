"""The brake on guessing. Pure: the time is an argument.

A few tries are free; after each further one the wait doubles. A try that is refused counts for nothing, so hammering
makes no wait longer. What is braked are keys, an account or an address, and a try counts for all of its keys or for
none; the memory is bounded. Source: OWASP ASVS 5.0, V6.3 (brute force without locking people out).
"""

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

FREE = 5
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0
FORGOTTEN_AFTER_S = 3600.0
MAX_KEYS = 10_000
SETUP_TRIES, SETUP_PERIOD_S = 5, 60.0


@dataclass(slots=True)
class _Tries:
    count: int
    last: float


class Brake:
    """Tries by key. `now` is a time in seconds that never goes back."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._tries: OrderedDict[Hashable, _Tries] = OrderedDict()
        self._max_keys = max_keys

    def __len__(self) -> int:
        return len(self._tries)

    def take(self, keys: Sequence[Hashable], now: float) -> float:
        """Ask for a try. Output: 0 when it may be made, and has been counted; else the seconds to wait."""
        wait = max(self._wait(key, now) for key in keys)
        if wait > 0:
            return wait
        for key in keys:
            tries = self._tries.setdefault(key, _Tries(0, now))
            tries.count += 1
            tries.last = now
            self._tries.move_to_end(key)
        while len(self._tries) > self._max_keys:
            self._tries.popitem(last=False)
        return 0

    def succeed(self, *, of: Hashable, also: Sequence[Hashable] = ()) -> None:
        """The try was right: `of`, the account, is forgiven; the other keys only lose this one try.

        An address is not forgiven: it could guess at others, and sign in to its own account in between.
        """
        self._tries.pop(of, None)
        for key in also:
            tries = self._tries.get(key)
            if tries is not None:
                tries.count -= 1
                if tries.count <= 0:
                    del self._tries[key]

    def _wait(self, key: Hashable, now: float) -> float:
        tries = self._tries.get(key)
        if tries is None:
            return 0
        if now - tries.last >= FORGOTTEN_AFTER_S:
            del self._tries[key]
            return 0
        return max(0.0, tries.last + wait_after(tries.count) - now)


class Window:
    """At most so many in a period, by key."""

    def __init__(self, most: int = SETUP_TRIES, period_s: float = SETUP_PERIOD_S, *, max_keys: int = MAX_KEYS) -> None:
        self._most = most
        self._period_s = period_s
        self._max_keys = max_keys
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until another one may come; 0 when it may now. Counts nothing."""
        times = self._times.get(key)
        if times is None:
            return 0
        while times and now - times[0] >= self._period_s:
            times.popleft()
        return times[0] + self._period_s - now if len(times) >= self._most else 0

    def count(self, key: Hashable, now: float) -> None:
        """One more."""
        times = self._times.setdefault(key, deque(maxlen=self._most))
        times.append(now)
        self._times.move_to_end(key)
        while len(self._times) > self._max_keys:
            self._times.popitem(last=False)


def wait_after(count: int) -> float:
    """The wait after so many tries."""
    if count < FREE:
        return 0
    return min(FIRST_WAIT_S * 2.0 ** min(count - FREE, 30), LONGEST_WAIT_S)


def address_key(address: str) -> str:
    """Who is behind an address: with IPv6 whoever has the network, for it holds more addresses than there are tries."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
