"""export: a version for an engine or a program that is not ours, and how much of our answers that comes to."""

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from typing import NamedTuple, Never

from tqdm import tqdm

from index import artifact
from index.artifact import Artifact
from index.points import Kind, Points, items_of, segments_of
from trainer.errors import ExportError
from trainer.export.destination import Destination
from trainer.export.engine import Engine
from trainer.export.fidelity import Fidelity, measured
from trainer.locked_folder import LockedFolder

logger = logging.getLogger(__name__)


class Exported(NamedTuple):
    places: dict[Kind, str]
    fidelities: list[Fidelity]
    current: bool


def run(options: argparse.Namespace) -> None:
    """Raises ArtifactError, ConfigurationError, ExportError."""
    kind, place = options.to
    destination = Destination.of(kind, place, options.name, options.verify)
    version = options.version or artifact.current_version(options.artifacts)
    opened = artifact.open_version(options.artifacts, version)
    folder = destination.folder
    with nullcontext() if folder is None else LockedFolder(folder, f"--to {kind}"):
        exported = _export(opened, destination, options)
    if options.json:
        print(json.dumps(_as_json(version, destination, exported), indent=2))
    else:
        print(_text(version, exported))
    if not exported.current:
        raise ExportError(f"--to {kind} {place}: it does not come to the exact answers; {_WAY_OUT}")


_WAY_OUT = "remove what is there and export again; if that changes nothing, this engine's version is not fit for it"


def _export(opened: Artifact, destination: Destination, options: argparse.Namespace) -> Exported:
    engine = destination.engine(opened.version)
    with closing(engine):
        points = [items_of(opened.model), segments_of(opened.model)]
        places = {some.kind: _written(engine, some, quiet=options.quiet) for some in points if len(some)}
        fidelities = measured(engine, opened.model, options.histories)
        right = all(found.complete for found in fidelities if found.way == engine.ways[0]) or not destination.exact
        if right:
            engine.made_current()
    return Exported(places, fidelities, right)


def _written(engine: Engine, points: Points, *, quiet: bool) -> str:
    bar: tqdm[Never] = tqdm(
        total=len(points), unit="points", unit_scale=True, desc=points.kind, disable=quiet or None, dynamic_ncols=True
    )
    with bar:
        return engine.write(points, _telling(bar, points, quiet=quiet))


def _telling(bar: "tqdm[Never]", points: Points, *, quiet: bool) -> Callable[[int], None]:
    said = 0

    def told(n_there: int) -> None:
        nonlocal said
        bar.update(n_there - bar.n)
        tenth = 10 * n_there // len(points)
        if bar.disable and not quiet and tenth > said:
            said = tenth
            logger.info("%s: %s of %s", points.kind, f"{n_there:,}", f"{len(points):,}")

    return told


def _text(version: str, exported: Exported) -> str:
    lines = [f"{kind} of {version}: {place}" for kind, place in exported.places.items()]
    if not exported.fidelities:
        return "\n".join([*lines, "nothing was asked of it yet: --verify URL does, once a server has them"])
    lines += ["", "how much of our exact answers it comes to, and the median time of a question:"]
    width = max(len(f"{found.kind}, {found.way}") for found in exported.fidelities)
    lines += [f"{f'{found.kind}, {found.way}':{width}}  {_numbers(found)}" for found in exported.fidelities]
    return "\n".join(lines)


def _numbers(found: Fidelity) -> str:
    shares = "  ".join(f"top-{n} {share:.4f}" for n, share in found.overlap.items())
    return f"{shares}  {found.milliseconds:.2f} ms"


def _as_json(version: str, destination: Destination, exported: Exported) -> dict[str, object]:
    found: Sequence[dict[str, object]] = [
        {
            "kind": one.kind,
            "way": one.way,
            "overlap": {str(n): share for n, share in one.overlap.items()},
            "milliseconds": one.milliseconds,
        }
        for one in exported.fidelities
    ]
    return {"version": version, "to": destination.kind, "places": exported.places, "fidelity": found}
