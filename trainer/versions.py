"""The versions of an artifact folder: what each says of itself, when it was made, and its place in the succession."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from index import artifact
from index.artifact import Manifest
from index.errors import ArtifactError
from index.succession import VERSION, Succession
from index.verified_files import MANIFEST
from trainer.summary import printable

Place = Literal["current", "the one before", "before", "left", "unknown"]
METRIC = "ndcg@100"
_PLACES: Mapping[Place, str] = {"the one before": "rollback goes here", "before": "earlier", "unknown": ""}


@dataclass(frozen=True)
class Version:
    version: str
    place: Place
    made: str
    """When its manifest was written here, in ISO 8601: copies have the time of copying, unless it was kept."""
    source: str | None
    n_users: int | None
    n_interactions: int | None
    ndcg_100: float | None
    """Of test users, when it was fitted; None where nobody was held out."""
    problem: str | None = None
    """Why its manifest cannot be read."""


def left_versions(folder: Path) -> list[Manifest]:
    """Of the versions that somebody went back from, those that say of themselves what they are."""
    try:
        left = Succession.read(folder).left
    except ArtifactError:
        return []
    return [manifest for version in left if isinstance(manifest := _manifest(folder, version), Manifest)]


def versions(folder: Path) -> list[Version]:
    """What lies in the folder, the newest first. Raises ArtifactError where it is no folder with versions."""
    try:
        names = [path.name for path in folder.iterdir() if VERSION.fullmatch(path.name) and (path / MANIFEST).is_file()]
    except OSError as error:
        raise ArtifactError(f"no artifact in {folder}: {error.strerror or error}") from error
    if not names:
        raise ArtifactError(f"no artifact in {folder}: no folder in it has a {MANIFEST}")
    places = _places(folder)
    made = {name: (folder / name / MANIFEST).stat().st_mtime for name in names}
    return [
        _version(folder, name, places.get(name, "unknown"), datetime.fromtimestamp(made[name], UTC))
        for name in sorted(names, key=lambda name: (-made[name], name))
    ]


def table(found: Sequence[Version]) -> str:
    """A line a version."""
    width = max(len(one.version) for one in found) + 2
    lines = [f"{'':{width}}{'made (UTC)':18}{'users':>11}{'interactions':>14}  {METRIC:8}  data"]
    for one in found:
        place = _PLACES.get(one.place, one.place)
        number = f"{one.ndcg_100:.4f}" if one.ndcg_100 is not None else "–"
        facts = f"{_count(one.n_users):>11}{_count(one.n_interactions):>14}  {number:8}  {printable(one.source or '–')}"
        said = f"cannot be read: {printable(one.problem)}" if one.problem else facts
        lines.append(f"{one.version:{width}}{one.made[:16].replace('T', ' '):18}{said}" + f"  ({place})" * bool(place))
    return "\n".join(lines)


def as_json(folder: Path, found: Sequence[Version]) -> str:
    return json.dumps({"artifacts": str(folder), "versions": [asdict(one) for one in found]}, indent=2)


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _places(folder: Path) -> dict[str, Place]:
    """Nothing of a CURRENT or SUCCESSION that cannot be read: whoever mends it needs the list."""
    try:
        known = Succession.read(folder)
    except ArtifactError:
        return {}
    places: dict[str, Place] = {
        **dict.fromkeys(known.before, "before"),
        **dict.fromkeys(known.before[-1:], "the one before"),
        **dict.fromkeys(known.left, "left"),
    }
    return {**places, **dict.fromkeys([known.current] if known.current else [], "current")}


def _manifest(folder: Path, version: str) -> Manifest | ArtifactError:
    try:
        return artifact.read_manifest(folder, version)
    except ArtifactError as error:
        return error


def _version(folder: Path, name: str, place: Place, made: datetime) -> Version:
    manifest, when = _manifest(folder, name), made.isoformat(timespec="seconds")
    if isinstance(manifest, ArtifactError):
        return Version(name, place, when, None, None, None, None, str(manifest))
    data, source = manifest.data, manifest.data.get("source")
    return Version(
        name,
        place,
        when,
        source if isinstance(source, str) else None,
        _whole(data.get("n_users")),
        _whole(data.get("n_interactions")),
        next(_measured(manifest), None),
    )


def _measured(manifest: Manifest) -> Iterator[float]:
    """What the manifest says of the version itself, beside the baselines."""
    systems = manifest.metrics.get("test")
    for name, values in systems.items() if isinstance(systems, Mapping) else ():
        value = values.get(METRIC) if isinstance(values, Mapping) else None
        if str(name).startswith("sparseshelf") and isinstance(value, int | float):
            yield float(value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
