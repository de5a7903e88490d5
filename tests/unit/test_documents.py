"""The documents say what the code does: settings, commands, options, links, both languages of the README."""

import re
import subprocess
from pathlib import Path

import pytest
import typer

from truename import cli
from truename.settings import Settings, shown_value
from truename.texts import TEXTS, Language, say

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")))
ROW = re.compile(r"^\| `(TRUENAME_\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def test_every_setting_stands_in_its_document_with_its_default_and_meaning() -> None:
    rows = {name: (default, meaning) for name, default, meaning in ROW.findall((ROOT / "docs/settings.md").read_text())}
    known = {about.variable: about for about in Settings.known().values()}
    assert set(rows) == set(known)
    for variable, about in known.items():
        default, meaning = rows[variable]
        shown = shown_value(about, about.default, Language.ENGLISH)
        if about.name == "data_dir":
            shown = "the platform's user data folder"
        assert default.strip("`") == (shown or "empty"), variable
        assert meaning.replace("`", "").startswith(about.help[Language.ENGLISH]), variable
        assert ("Seconds" in meaning) == (about.unit == "s"), variable


def test_secrets_are_called_secret_in_the_document() -> None:
    rows = {name: meaning for name, _, meaning in ROW.findall((ROOT / "docs/settings.md").read_text())}
    for about in Settings.known().values():
        assert about.secret == ("Secret" in rows[about.variable]), about.variable


def test_every_command_and_option_stands_in_its_document() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    group = typer.main.get_command(cli.app)
    commands = group.commands  # type: ignore[attr-defined]
    assert set(re.findall(r"`truename (\w+)", text)) >= set(commands)
    for name, command in commands.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and "--help" not in parameter.opts:
                assert max(parameter.opts, key=len) in text, f"{name} {parameter.opts}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text("utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_two_readmes_say_the_same_in_their_snippets() -> None:
    def snippets(name: str) -> list[str]:
        text = (ROOT / name).read_text("utf-8")
        return [re.sub(r"\s*#.*", "", block) for block in re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)]

    assert snippets("README.md") == snippets("README.zh.md")


@pytest.mark.parametrize(("readme", "language"), [("README.md", Language.ENGLISH), ("README.zh.md", Language.CHINESE)])
def test_the_readme_calls_the_button_what_its_reader_sees(readme: str, language: Language) -> None:
    pressed = re.search(r"(?:press |按下「)(\w+)", (ROOT / readme).read_text("utf-8"))
    assert pressed is not None
    assert pressed[1] == say("notes_calibrate", language)


def test_every_decision_that_is_referred_to_is_there() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    for name in set(re.findall(r"docs/[\w/.-]+\.md", sources)):
        assert (ROOT / name).exists(), name


def test_every_dependency_is_explained() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = [
        re.split(r"[<>=\[]", line)[0]
        for line in project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    ]
    text = (ROOT / "docs/architecture.md").read_text().lower()
    assert [name for name in names if name not in text] == []


def test_extras_are_installed_from_this_folder_and_by_their_names() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    said = [*(path.read_text("utf-8") for path in DOCUMENTS), *(text for pair in TEXTS.values() for text in pair)]
    told = [one for text in said for one in re.findall(r"pip install ([^\n]*?\[\w+\]'?)", text)]
    assert len(told) == 3
    assert all(re.fullmatch(r"-e '\.\[(\w+)\]'", one) and one[6:-2] in extras for one in told), told


def test_locks_have_hashes_and_no_index() -> None:
    for lock in ("requirements/runtime.lock", "requirements/dev.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        assert "--index" not in text
        requirements = [line for line in text.splitlines() if line and line[0].isalnum()]
        assert len(requirements) > 10
        assert all(line.endswith("\\") for line in requirements)


def test_the_lock_holds_what_the_project_asks_for() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [line for group in project["project"]["optional-dependencies"].values() for line in group]
    wanted = project["project"]["dependencies"] + extras + project["dependency-groups"]["dev"]
    locked = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements/dev.lock").read_text(), re.MULTILINE))
    assert {re.split(r"[<>=\[]", line)[0] for line in wanted} <= locked


def test_no_tracked_file_names_a_package_registry() -> None:
    hosts = ("pypi" + ".org", "files.pythonhosted" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        assert not any(host.encode() in content for host in hosts), name
