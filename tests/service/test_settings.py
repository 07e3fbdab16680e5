"""The settings as they are documented: every one, its default, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import SECRETS, Settings

ROOT = Path(__file__).parent.parent.parent
IN_WORDS = {
    "published_on": "--host",
    "published_port": "--port",
    "burst": "10 s of them",
}  # of defaults that are others
TRAINERS = {"SPARSESHELF_LLM_URL", "SPARSESHELF_LLM_MODEL", "SPARSESHELF_LLM_KEY", "SPARSESHELF_EXPORT_KEY"}
TESTS = {"SPARSESHELF_TEST_DATA", "SPARSESHELF_TEST_QDRANT", "SPARSESHELF_REQUIRE_BROWSER"}


def documented() -> dict[str, str]:
    """Settings and their defaults, out of the table that has them."""
    pages = "\n".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
    (table,) = re.findall(r"^\| variable \| default \| meaning \|\n.*\n((?:\|.*\n)+)", pages, re.MULTILINE)
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:3]] for line in table.splitlines()]
    assert len({name for name, _ in rows}) == len(rows)
    return {name.removeprefix("SPARSESHELF_").lower(): default for name, default in rows}


def test_the_table_has_every_setting_and_no_other() -> None:
    assert documented().keys() == Settings.model_fields.keys()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_table_says_each_default(name: str) -> None:
    said, default = documented()[name], Settings.model_fields[name].get_default()
    if default is None or default == ():
        assert said == IN_WORDS.get(name, "none")
    else:
        assert getattr(Settings.model_validate({name: said}), name) == default


def texts() -> Iterator[Path]:
    yield from (ROOT / name for name in ("README.md", "CHANGELOG.md", "Dockerfile", "docker-compose.yml"))
    for folder in ("docs", "deploy", "service"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in {".md", ".py", ".yaml", ".yml"})


def test_no_page_program_or_manifest_names_a_variable_that_does_nothing() -> None:
    settings = {f"SPARSESHELF_{name.upper()}" for name in Settings.model_fields}
    files = {f"SPARSESHELF_{name.upper()}_FILE" for name in SECRETS}
    for path in texts():
        named = set(re.findall(r"SPARSESHELF_[A-Z_]*[A-Z]", path.read_text()))
        assert not named - settings - files - TRAINERS - TESTS - {"SPARSESHELF_X", "SPARSESHELF_X_FILE"}, path


def test_the_head_of_the_compose_file_names_every_variable_that_it_takes_and_no_other() -> None:
    lines = (ROOT / "docker-compose.yml").read_text().splitlines()
    n_head = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    said = set(
        re.findall(
            r"\b([A-Z][A-Z_]*[A-Z])=|\b((?:PORT|WORKERS|REDIS_PASSWORD|WHEEL_INDEX))\b", "\n".join(lines[:n_head])
        )
    )
    taken = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", "\n".join(lines[n_head:])))
    assert {one or other for one, other in said} == taken
