"""What `resolve` and `fix` refuse before they ask anybody."""

import math
from pathlib import Path

import pytest
import typer

from truename.commands import naming

HASH = "722fe65b2aa26d14f35b4ad627d20236e481d924"


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf, 86_401.0])
def test_a_time_that_is_none_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: float
) -> None:
    monkeypatch.setenv("TRUENAME_DATA_DIR", str(tmp_path))
    (tmp_path / "note.txt").write_text(HASH)
    with pytest.raises(typer.Exit) as resolving:
        naming.resolve([HASH], None, timeout=seconds, as_json=False, raw=False, explain=False)
    with pytest.raises(typer.Exit) as fixing:
        naming.fix([str(tmp_path / "note.txt")], in_place=True, diff=False, timeout=seconds)
    said = capsys.readouterr()
    assert (resolving.value.exit_code, fixing.value.exit_code, said.out) == (2, 2, "")
    assert said.err.count("timeout") == 2
