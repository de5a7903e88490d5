"""Whether a server that failed is to be asked again. Pure; the time is an argument.

After a failure nobody asks for a while; then one try is made, and what comes of it decides for everybody.
"""

from typing import Final

_SOON: Final = (5.0, 10.0, 20.0, 40.0, 60.0)
_SELDOM: Final = (60.0, 600.0, 3600.0)
"""For what somebody has to mend: qBittorrent bans an address after five wrong passwords."""

_TO_BE_MENDED: Final = frozenset(
    f"qbittorrent_{word}"
    for word in ("password", "banned", "host", "certificate", "stranger", "too_large", "old", "missing")
)


class Circuit:
    """Closed while all is well. `reason` is why it was opened, a word of `truename.texts`."""

    def __init__(self) -> None:
        self.reason = ""
        self.until = 0.0
        self._failures = 0

    def is_open(self, now: float) -> bool:
        """Whether nobody may ask."""
        return bool(self.reason) and now < self.until

    def failed(self, reason: str, now: float) -> None:
        """A try has failed."""
        if reason != self.reason:
            self._failures = 0
        self.reason = reason
        waits = _SELDOM if reason in _TO_BE_MENDED else _SOON
        self.until = now + waits[min(self._failures, len(waits) - 1)]
        self._failures += 1

    def worked(self) -> None:
        """A try has worked."""
        self.reason = ""
        self._failures = 0
