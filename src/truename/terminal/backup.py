"""`truename backup` and `truename restore`: what they show, ask and say.

Blocking, as a command may be; the work is `store.shelf`, `store.backup` and `store.restore`.
"""

import sys
import tempfile
import time
from pathlib import Path

from truename.backups import date_of, shelf_of
from truename.names import make_visible
from truename.settings import Settings
from truename.store.backup import back_up
from truename.store.database import FILE_NAME, Database, DatabaseError, sqlite_url
from truename.store.files import Summary, told_as
from truename.store.restore import Present, Rebuilt, look_at, rebuilt, replace, wait_again
from truename.store.shelf import stamp
from truename.terminal.screen import Screen
from truename.texts import say


def backup(settings: Settings, screen: Screen, file: Path | None) -> None:
    """Make a backup and say where it is, on standard output. Errors: `DatabaseError`."""
    if file is None:
        made = shelf_of(settings).make(time.time())
        where, summary = made.file, made.summary
    else:
        where, summary = str(file), back_up(settings.data_dir / FILE_NAME, file)
    screen.answer(make_visible(where))
    screen.say("backup_made", people=summary.people, notes=summary.notes, names=summary.names)
    if summary.unusual is not None:
        screen.say("backup_unusual", name=summary.unusual)


async def restore(settings: Settings, screen: Screen, file: Path, *, dry_run: bool, yes: bool) -> bool:
    """Bring a backup back, after showing what is in it and what it replaces. The caller holds the data directory.

    Output: whether it is there; or, for a dry run, whether it could be.
    Errors: `DatabaseError`, and nothing has changed.
    """
    database = settings.data_dir / FILE_NAME
    with told_as("restore_unreadable", file):
        if database.exists() and file.samefile(database):
            raise DatabaseError("restore_itself", what=str(file))
        date = date_of(file.stat().st_mtime)
    present = look_at(database)
    with rebuilt(file, _workplace(settings.data_dir, dry_run=dry_run)) as new:
        _line(screen, "restore_file", what=file, date=date, revision=new.summary.revision)
        _show(screen, new, database, present)
        if dry_run:
            screen.say("restore_dry")
            return True
        if not (yes or _agreed(screen)):
            return False
        await _wait_again(new.path)
        kept = settings.backup_folder / f"before-restore-{stamp(time.time())}.db"
        was_something = replace(database, new.path, kept)
    if was_something:
        screen.say("restore_kept", where=kept)
    screen.say("restore_done", people=new.summary.people, notes=new.summary.notes, names=new.summary.names)
    return True


def _workplace(data_dir: Path, *, dry_run: bool) -> Path:
    """The new database is made where it is needed; a dry run makes no data directory."""
    return Path(tempfile.gettempdir()) if dry_run and not data_dir.is_dir() else (data_dir / FILE_NAME).resolve().parent


def _show(screen: Screen, new: Rebuilt, database: Path, present: Present) -> None:
    _contents(screen, new.summary)
    if new.left_out:
        _line(screen, "restore_left_out", count=new.left_out)
    if new.perhaps_old:
        _line(screen, "restore_copy")
    _line(screen, "restore_place", what=database)
    if present.summary is not None:
        _contents(screen, present.summary)
    elif present.trouble is not None:
        _line(screen, "restore_contents_bad", why=present.trouble)
    else:
        _line(screen, "restore_contents_none")


def _contents(screen: Screen, summary: Summary) -> None:
    counts = {"people": summary.people, "notes": summary.notes, "names": summary.names}
    _line(screen, "restore_contents", newest=date_of(summary.newest), **counts)


def _line(screen: Screen, word: str, **fields: object) -> None:
    screen.answer(make_visible(say(word, screen.language, **fields)))


def _agreed(screen: Screen) -> bool:
    """Ask on the terminal; without one, nobody agrees."""
    if not sys.stdin.isatty():
        raise DatabaseError("restore_needs_yes")
    print(say("restore_ask", screen.language), end="", file=sys.stderr, flush=True)
    agreed = sys.stdin.readline().strip().lower() in ("yes", "y", "是")
    if not agreed:
        screen.say("restore_declined")
    return agreed


async def _wait_again(path: Path) -> None:
    database = Database(sqlite_url(path))
    try:
        await database.write(wait_again)
    finally:
        await database.aclose()
