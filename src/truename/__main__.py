"""The entry point of the command, `truename` or `python -m truename`. An interrupt ends it quietly from the start."""

import os
import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from truename import cli
    except KeyboardInterrupt:
        sys.stderr.flush()
        os._exit(130)
    cli.main()


if __name__ == "__main__":
    main()
