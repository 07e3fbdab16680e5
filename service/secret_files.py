"""Secrets from files, as Docker and Kubernetes have them: SPARSESHELF_X_FILE names a file that holds SPARSESHELF_X."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from index.errors import ArtifactError
from index.folder import read

PREFIX, ENDING = "SPARSESHELF_", "_FILE"
_MOST_BYTES = 65_536


class Unusable(NamedTuple):
    """What stands in a secret's place where its file does not hold one; the reason never says what the file holds."""

    reason: str


class SecretFiles(PydanticBaseSettingsSource):
    """The settings of `fields` from the files that the environment names."""

    def __init__(self, settings: type[BaseSettings], fields: tuple[str, ...]) -> None:
        super().__init__(settings)
        self._fields = fields

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # all fields at once, below

    def __call__(self) -> dict[str, str | Unusable]:
        environment = {name.upper(): value for name, value in os.environ.items() if value}
        found = {field: _secret(f"{PREFIX}{field.upper()}", environment) for field in self._fields}
        return {field: secret for field, secret in found.items() if secret is not None}


def _secret(variable: str, environment: Mapping[str, str]) -> str | Unusable | None:
    file = environment.get(variable + ENDING)
    if file is None:
        return None
    if variable in environment:
        return Unusable(f"{variable}{ENDING} is set as well; set one of them")
    named = f"{variable}{ENDING} names {file}"
    try:
        text = read(Path(file), _MOST_BYTES).decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except FileNotFoundError:
        return Unusable(f"{named}, which is not there")
    except UnicodeDecodeError:
        return Unusable(f"{named}, which is not UTF-8")
    except (ArtifactError, OSError, ValueError) as error:
        return Unusable(f"{named}, which cannot be read ({str(error).removeprefix(f'{file}: ')})")
    if not text.strip():
        return Unusable(f"{named}, which is empty")
    if not text.isprintable():
        return Unusable(f"{named}, which must hold one line and nothing else")
    return text
