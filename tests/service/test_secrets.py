"""Secrets: from variables and from files, one or the other, and never in a message."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from index.artifact import Artifact
from service import redis_address
from service.configuration import invalid
from service.settings import Settings
from tests.service.test_process import failing

SECRET = "s3same-0pen"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(f"SPARSESHELF_{name}", value)
    with pytest.raises(ValidationError) as error:
        Settings()
    told = invalid(error.value)
    assert SECRET not in f"{error.value} {error.value!r} {told}"
    return "; ".join(f"{variable}: {reason}" for variable, reason in told.items())


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_file_holds_the_address_with_or_without_a_newline(
    file: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    file.write_bytes(f"redis://:{SECRET}@store:6379/1{ending}".encode())
    monkeypatch.setenv("SPARSESHELF_REDIS_URL_FILE", str(file))
    monkeypatch.setenv("SPARSESHELF_REDIS_URL", "")  # as a compose file leaves it
    settings = Settings()
    assert settings.redis is not None
    assert settings.redis.get_secret_value() == f"redis://:{SECRET}@store:6379/1"
    assert SECRET not in f"{settings} {settings!r} {settings.model_dump()}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://store:6379/1", "redis://:p%40s%2F%23%3A%20%C3%A9@store:6379/1"),
        ("rediss://shop@store", "rediss://shop:p%40s%2F%23%3A%20%C3%A9@store"),
        ("redis://shop:@[::1]:6379", "redis://shop:p%40s%2F%23%3A%20%C3%A9@[::1]:6379"),
    ],
)
def test_a_password_by_itself_goes_into_the_address_whatever_its_characters(
    file: Path, monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    file.write_text("p@s/#: é\n", encoding="utf-8")
    monkeypatch.setenv("SPARSESHELF_REDIS_URL", url)
    monkeypatch.setenv("SPARSESHELF_REDIS_PASSWORD_FILE", str(file))
    settings = Settings()
    assert settings.redis is not None
    assert settings.redis.get_secret_value() == expected


def test_what_is_wrong_with_a_file_is_said_in_its_own_words(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = "SPARSESHELF_REDIS_URL: SPARSESHELF_REDIS_URL_FILE names"
    assert refused(monkeypatch, REDIS_URL_FILE=str(file)) == f"{named} {file}, which is not there"
    file.write_text("\n")
    assert refused(monkeypatch) == f"{named} {file}, which is empty"
    file.write_text(f"redis://:{SECRET}@store\nand more\n")
    assert refused(monkeypatch) == f"{named} {file}, which must hold one line and nothing else"
    file.write_bytes(f"{SECRET}\xff".encode("latin-1"))
    assert refused(monkeypatch) == f"{named} {file}, which is not UTF-8"
    file.write_text(SECRET * 10_000)
    assert "which cannot be read (it is longer than" in refused(monkeypatch)
    file.unlink()
    file.mkdir()
    assert "which cannot be read (it is not a regular file)" in refused(monkeypatch)
    file.rmdir()
    os.mkfifo(file)
    assert "which cannot be read (it is not a regular file)" in refused(monkeypatch)


def test_two_places_for_one_secret_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f"redis://:{SECRET}@store")
    both = refused(monkeypatch, REDIS_URL_FILE=str(file), REDIS_URL=f"redis://:{SECRET}@other")
    assert both == "SPARSESHELF_REDIS_URL: SPARSESHELF_REDIS_URL_FILE is set as well; set one of them"
    monkeypatch.delenv("SPARSESHELF_REDIS_URL")
    twice = refused(monkeypatch, REDIS_PASSWORD=SECRET)
    assert twice == "SPARSESHELF_REDIS_PASSWORD: SPARSESHELF_REDIS_URL has a password as well; keep one of them"
    assert redis_address.has_password(f"redis://store?password={SECRET}")


@pytest.mark.parametrize(
    "url",
    [
        f"redis://{SECRET}/x",
        f"redis://:{SECRET}/more@store:6379/0",
        f"redis://:{SECRET}#more@store:6379/0",
        f"redis://:{SECRET}[@store",
        f"redis://store/0/{SECRET}",
        f"redis://store/{SECRET}",
        f"redis://:{SECRET} @store",
        f"http://:{SECRET}@store",
        SECRET,
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(monkeypatch, REDIS_URL=url).startswith("SPARSESHELF_REDIS_URL: ")


def test_a_start_says_it_in_one_line_and_exits_3(written: Artifact, file: Path) -> None:
    arguments = ["--artifacts", str(written.folder.parent), "--port", "0", "--no-auth"]
    for environment in (
        {"SPARSESHELF_REDIS_URL_FILE": str(file)},
        {"SPARSESHELF_REDIS_URL": f"redis://:{SECRET}/@store"},
    ):
        code, errors = failing(*arguments, **environment)
        assert (code, errors.count("\n"), SECRET in errors) == (3, 1, False)
        assert "error: SPARSESHELF_REDIS_URL: " in errors
