"""The brake on guessing. Pure: the time is an argument.

A few tries are free; after each further one the wait doubles. A try that is refused counts for nothing, so hammering
makes no wait longer. Whoever guesses must not shut the door on the owner: an address that has used up its free tries is
braked for itself and no longer holds up the account, and one that was right before is not held up by others. The memory
is bounded. Source: OWASP ASVS 5.0, V6.3 (brute force without locking people out).
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

FREE = 5
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 900.0
LONGEST_ACCOUNT_WAIT_S = 60.0
FORGOTTEN_AFTER_S = 3600.0
MAX_KEYS = 10_000
SETUP_TRIES, SETUP_PERIOD_S = 5, 60.0


@dataclass(slots=True)
class _Tries:
    count: int
    last: float


class Brake:
    """Tries by key. `now` is a time in seconds that never goes back."""

    def __init__(self, *, longest_s: float = LONGEST_WAIT_S, max_keys: int = MAX_KEYS) -> None:
        self._tries: OrderedDict[Hashable, _Tries] = OrderedDict()
        self._longest_s = longest_s
        self._max_keys = max_keys

    def __len__(self) -> int:
        return len(self._tries)

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until another try may be made; 0 when it may now. Counts nothing."""
        tries = self._tries.get(key)
        if tries is None or self.used(key, now) == 0:
            return 0
        return max(0.0, tries.last + min(wait_after(tries.count), self._longest_s) - now)

    def used(self, key: Hashable, now: float) -> int:
        """How many tries have been made lately."""
        tries = self._tries.get(key)
        if tries is not None and now - tries.last >= FORGOTTEN_AFTER_S:
            del self._tries[key]
            return 0
        return 0 if tries is None else tries.count

    def count(self, key: Hashable, now: float) -> None:
        """One more."""
        tries = self._tries.setdefault(key, _Tries(0, now))
        tries.count += 1
        tries.last = now
        self._tries.move_to_end(key)
        while len(self._tries) > self._max_keys:
            self._tries.popitem(last=False)

    def take_back(self, key: Hashable) -> None:
        """One less."""
        tries = self._tries.get(key)
        if tries is not None:
            tries.count -= 1
            if tries.count <= 0:
                del self._tries[key]

    def forget(self, key: Hashable) -> None:
        """None at all."""
        self._tries.pop(key, None)


class Guesses:
    """Tries at passwords, by the account they are for and the address they come from."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._accounts = Brake(longest_s=LONGEST_ACCOUNT_WAIT_S, max_keys=max_keys)
        self._addresses = Brake(max_keys=max_keys)
        self._pairs = Brake(max_keys=max_keys)
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._max_keys = max_keys

    def __len__(self) -> int:
        return len(self._accounts) + len(self._addresses) + len(self._pairs) + len(self._right)

    def take(self, account: str, address: str, now: float) -> float:
        """Ask for a try. Output: 0 when it may be made, and has been counted; else the seconds to wait."""
        pair = account, address
        apart = pair in self._right or self._pairs.used(pair, now) >= FREE
        wait = max(self._addresses.wait(address, now), 0 if apart else self._accounts.wait(account, now))
        if wait > 0:
            return wait
        self._addresses.count(address, now)
        self._pairs.count(pair, now)
        if not apart:
            self._accounts.count(account, now)
        return 0

    def take_back(self, account: str, address: str) -> None:
        """The try was not made."""
        self._addresses.take_back(address)
        self._pairs.take_back((account, address))
        if (account, address) not in self._right:
            self._accounts.take_back(account)

    def was_right(self, account: str, address: str) -> None:
        """The try was right. The account is forgiven; the address only loses this one try.

        An address is not forgiven: it could guess at others, and sign in to its own account in between.
        """
        self._accounts.forget(account)
        self._addresses.take_back(address)
        self._pairs.forget((account, address))
        self._right[account, address] = None
        self._right.move_to_end((account, address))
        while len(self._right) > self._max_keys:
            self._right.popitem(last=False)


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
