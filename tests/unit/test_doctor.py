"""What the doctor says of the data folder."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from truename.terminal.doctor import data_dir_state
from truename.texts import Language

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("free_mib", "blocks", "well"),
    [(3, 100, False), (500, 100, True), (0, 0, True)],
    ids=["nearly full", "room", "a file system that does not say"],
)
def test_a_disk_without_room_is_told_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, free_mib: int, blocks: int, well: bool
) -> None:
    there = SimpleNamespace(f_bavail=free_mib, f_frsize=MIB, f_blocks=blocks)
    monkeypatch.setattr(os, "statvfs", lambda _: there)
    good, said = data_dir_state(tmp_path, Language.ENGLISH)
    assert good is well
    assert ("3 MiB left" in said) is not well


@pytest.mark.parametrize(("flag", "why"), [(os.ST_RDONLY, "Read-only file system"), (0, "Permission denied")])
def test_why_nothing_can_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, why: str
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flag))
    good, said = data_dir_state(tmp_path, Language.ENGLISH)
    assert (good, why in said) == (False, True)


def test_a_folder_that_is_not_there_yet_is_well(tmp_path: Path) -> None:
    good, said = data_dir_state(tmp_path / "a" / "b", Language.ENGLISH)
    assert (good, str(tmp_path / "a" / "b") in said) == (True, True)
