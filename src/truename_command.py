"""The command `truename`: an interrupt ends it quietly from the first moment on, with the status that shells expect.

It stands outside the package, since the beginning of that would have to be loaded before anything in it.
"""

import os

_INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and is not ignored, as behind `nohup`
            # No exception: some that come while modules are loaded turn into others, or are dropped.
            signal.signal(signal.SIGINT, _end)
        from truename import cli

        cli.main()
    except KeyboardInterrupt:
        os._exit(_INTERRUPTED)


def _end(*_: object) -> None:
    os._exit(_INTERRUPTED)
