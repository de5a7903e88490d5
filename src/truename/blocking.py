"""Our resolvers for synchronous callers: one event loop in a thread of the background, and one swarm session behind it.

Both begin with the first call and serve every thread of the process. After a fork the child makes its own: a session
does not survive in a child, and must not be closed there either.
"""

import asyncio
import atexit
import errno
import logging
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from truename.errors import InvalidInput
from truename.magnet import Magnet
from truename.model import Outcome
from truename.resolvers.chain import Chain
from truename.settings import SettingsError, load
from truename.texts import language_of, say
from truename.timeline import why
from truename.warming import warming
from truename.ways import open_chain

log = logging.getLogger(__name__)

_END_S = 1.0
_MAX_TIMEOUT_S = 86_400

Result = TypeVar("Result")


class Background:
    """The loop's thread with its resolvers. `close` ends both; a closed one answers nothing any more."""

    def __init__(self) -> None:
        """Errors: `SettingsError`; `OSError` when no file or thread is free."""
        self._settings = load()
        for name in self._settings.unknown:
            log.warning("unknown setting %r has no effect", name)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._chain: Future[Chain] = Future()
        self._thread = threading.Thread(target=self._run, name="truename-calibrate", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._loop.close()
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error

    def look_up(self, magnet: Magnet, *, timeout_s: float) -> Outcome:
        """Ask for a name and wait for the outcome. An interrupted caller leaves nothing in conversation."""
        return self._call(self._chain.result().look_up(magnet, timeout_s=timeout_s))

    def wait_until_begun(self) -> None:
        """Until the resolvers are there. Errors: why they cannot be, such as an `OSError`; nothing is left then."""
        self._chain.result()

    @property
    def has_begun(self) -> bool:
        """Whether the resolvers are there."""
        return self._chain.done() and self._chain.exception() is None

    @property
    def could_not_begin(self) -> bool:
        """Whether there will never be resolvers. Nothing of it is left then."""
        return self._chain.done() and self._chain.exception() is not None

    def close(self) -> None:
        """End the conversations, the session and the thread, waiting a moment for them."""
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_END_S)

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return answer.result()
        except BaseException:
            answer.cancel()
            raise

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except Exception as error:
                if self._chain.done():
                    raise
                self._chain.set_exception(error)

    async def _serve(self) -> None:
        async with open_chain(self._settings.settings) as chain:
            self._chain.set_result(chain)
            await self._stop.wait()


class _Shared:
    """The one background of this process, made on first use by any number of threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._background: Background | None = None
        self._inherited: list[Background | None] = []

    def get(self) -> Background:
        with self._lock:
            there = self._background
            if there is None or not there.has_begun:
                with warming:
                    if there is None or there.could_not_begin:
                        there = self._background = Background()
                    there.wait_until_begun()
            return there

    def close(self) -> None:
        with self._lock:
            background, self._background = self._background, None
        if background is not None:
            background.close()

    def forget_after_fork(self) -> None:
        # Kept, never used: libtorrent's destructor would wait for threads that the child does not have.
        self._inherited.append(self._background)
        self._background = None
        self._lock = threading.Lock()


_shared = _Shared()
os.register_at_fork(after_in_child=_shared.forget_after_fork)
atexit.register(_shared.close)


def calibrate(info_hash_or_magnet: str, *, timeout: float = 30) -> tuple[str | None, str | None]:
    """See `truename.calibrate`."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= _MAX_TIMEOUT_S:
        raise ValueError(f"timeout must be a number of seconds over 0 and at most {_MAX_TIMEOUT_S}")
    language = language_of(os.environ)
    try:
        magnet = Magnet.parse(_text(info_hash_or_magnet))
        outcome = _shared.get().look_up(magnet, timeout_s=timeout)
    except InvalidInput as error:
        return None, say(error.code, language)
    except SettingsError as error:
        return None, error.text_for_others(language)
    except OSError as error:  # no file or thread is free at the moment; the next call tries anew
        return None, say("calibrate_cannot_begin", language, why=error.strerror or str(error))
    return outcome.name, None if outcome.name is not None else why(outcome.reason, outcome.accounts, language)


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise InvalidInput("invalid_info_hash")
    return given
