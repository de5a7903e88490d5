"""How the backups are doing, in sentences, each with the next step: for `truename doctor` and the page of health."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from truename.names import make_visible
from truename.settings import Settings
from truename.store.shelf import Shelf
from truename.texts import Language, say

_FAILURES = ("backup_failed", "backup_damaged", "backup_differs", "database_newer", "database_of_another_program")


def shelf_of(settings: Settings) -> Shelf:
    """Where the backups of these settings are."""
    return Shelf(data_dir=settings.data_dir, folder=settings.backup_folder, keep=settings.backup_keep)


def date_of(at: float | None) -> str:
    """A moment as people here write it; a dash for none, or for a number that is none."""
    try:
        return "-" if at is None else datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return "-"


def backup_states(
    settings: Settings, language: Language, *, date_of: Callable[[float | None], str] = date_of
) -> Iterator[tuple[bool, str]]:
    """The lines of `doctor` about the last backup. `date_of` writes the moments in them."""
    record = shelf_of(settings).record()
    if record.failed is not None:
        word = record.failed.word if record.failed.word in _FAILURES else "backup_failed"
        why = make_visible(say(word, language, what=record.failed.what, why=record.failed.why))
        yield False, say("doctor_backup_bad", language, date=date_of(record.failed.at), why=why)
    if record.made is not None:
        where = make_visible(record.made.file)
        summary = record.made.summary
        if Path(record.made.file).exists():
            fields = {"where": where, "date": date_of(record.made.at)}
            yield True, say("doctor_backup_ok", language, notes=summary.notes, names=summary.names, **fields)
        else:
            yield False, say("doctor_backup_gone", language, where=where)
        if summary.unusual is not None:
            yield False, say("backup_unusual", language, name=make_visible(summary.unusual))
    elif record.failed is None:
        yield True, say("doctor_backup_none" if settings.backup_interval_s else "doctor_backup_never", language)
