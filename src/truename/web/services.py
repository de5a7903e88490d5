"""What the routes work with. Made by the composition root; the routes take it from the application."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from truename.clock import Clock
from truename.settings import Settings
from truename.store.database import Database
from truename.store.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`monotonic`: seconds that never go back. `ready`: whether work can be taken now.

    `foreign`: how often other processes have changed the database, as far as was noticed.
    """

    database: Database
    writer: Writer
    settings: Settings
    clock: Clock = time.time
    monotonic: Callable[[], float] = time.monotonic
    ready: Callable[[], bool] = lambda: True
    foreign: Callable[[], int] = lambda: 0
