"""rollback: make the version that was current before the present one current again, or list the versions."""

import argparse
import json
from pathlib import Path

from index import artifact, succession
from index.errors import ArtifactError
from index.succession import Succession
from trainer import versions
from trainer.errors import ConfigurationError
from trainer.locked_folder import LockedFolder

_HELD = "wait for it, or end it with Ctrl-C (`fit --resume` goes on with it later)"


def run(options: argparse.Namespace) -> None:
    """Raises ArtifactError where the version to go back to is broken: the current one then stays."""
    folder: Path = options.artifacts
    if options.list:
        found = versions.versions(folder)
        print(versions.as_json(folder, found) if options.json else versions.table(found))
        return
    if not folder.is_dir():
        raise ArtifactError(f"no artifact in {folder}: there is no such folder")
    with LockedFolder(folder, "rollback", way_out=_HELD):
        before, after = _rolled_back(folder, options.to)
    if options.json:
        print(json.dumps({"artifacts": str(folder), "version": after, "version_before": before}, indent=2))
    elif before == after:
        print(f"{after} is the current version already; nothing is changed")
    else:
        print(f"{after} is the current version now" + f"; it was {before}" * (before is not None))
        if before is not None and not options.quiet:
            print(f"`python -m trainer rollback {folder} --to {before}` takes this back; `fit --once` does not")


def _rolled_back(folder: Path, wanted: str | None) -> tuple[str | None, str]:
    """The version that was current, and the one that is. What CURRENT cannot tell, `wanted` may still mend."""
    try:
        current = artifact.current_version(folder)
    except ArtifactError:
        if wanted is None:
            raise
        current = None
    version = _one_before(folder) if wanted is None else wanted
    try:
        artifact.open_version(folder, version)
    except ArtifactError as error:
        stays = f"{current} stays current" if current else "nothing is changed"
        raise ArtifactError(
            f"{error}; {stays}; `python -m trainer rollback {folder} --list` lists what is there"
        ) from error
    if version != current:
        try:
            succession.go_back(folder, version)
        except OSError as error:
            raise ConfigurationError(f"{folder}: cannot be written to ({error.strerror or error})") from error
    return current, version


def _one_before(folder: Path) -> str:
    """Raises ConfigurationError where none is known: times say when a version was made, not when it was served."""
    known = Succession.read(folder)
    if known.before:
        return known.before[-1]
    others = [one.version for one in versions.versions(folder) if one.version != known.current]
    if not others:
        raise ConfigurationError(f"{folder}: there is nothing to go back to; {known.current} is the only version there")
    raise ConfigurationError(
        f"{folder}: which version was current before {known.current} is not known, or none was; name one with --to: "
        f"{', '.join(others[:5])}{', …' if len(others) > 5 else ''}"
    )
