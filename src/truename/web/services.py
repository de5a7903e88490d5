"""What the routes work with. Made by the composition root; the routes take it from the application."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from truename.settings import Settings
from truename.store.database import Database
from truename.store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`clock` is epoch seconds, `monotonic` seconds that never go back. `ready`: whether work can be taken now."""

    database: Database
    writer: Writer
    settings: Settings
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    ready: Callable[[], bool] = lambda: True
