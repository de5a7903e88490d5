"""The one setting: how calibrations are run."""

from collections.abc import Mapping
from enum import Enum


class Mode(Enum):
    """`CALIBRATION_MODE`. With anything but `async` the manager is never made, and all the rest works."""

    ASYNC = "async"
    """Submits answer at once, a worker runs the script, the page polls."""
    SYNC = "sync"
    """The old way: the request waits for the script."""
    OFF = "off"
    """No calibrations; submits say so."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Mode":
        """Errors: `ValueError` with a text that says what is allowed."""
        written = environment.get("CALIBRATION_MODE", "").strip().lower() or cls.ASYNC.value
        try:
            return cls(written)
        except ValueError:
            raise ValueError(f"CALIBRATION_MODE is async, sync or off, not {written!r}") from None
