"""What a finished run says on stdout."""

import json
from collections.abc import Mapping, Sequence

from index.artifact import Artifact
from index.model import Model
from trainer.enlarged import ADDED_TO, n_trained_items

METRICS = ("ndcg@100", "recall@20", "recall@50")


def table(systems: Mapping[str, object]) -> str:
    """Systems and their metrics, one line each; what is no number is shown as missing."""
    width = max(len(printable(name)) for name in systems) + 2
    lines = [" " * width + "".join(f"{metric:>11}" for metric in METRICS)]
    for name, metrics in systems.items():
        found = metrics if isinstance(metrics, Mapping) else {}
        values = (found.get(metric) for metric in METRICS)
        numbers = (value if isinstance(value, int | float) else float("nan") for value in values)
        lines.append(f"{printable(name):{width}}" + "".join(f"{number:11.4f}" for number in numbers))
    return "\n".join(lines)


def printable(text: object) -> str:
    """What may go to a terminal: an artifact may come from anybody, and its words with it."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))


def described(artifact: Artifact, *, n_segments: int | None = None) -> str:
    """An artifact in words: sizes, data, metrics and its segments, largest first."""
    model, manifest = artifact.model, artifact.manifest
    embedding, segments = model.embedding, model.segments
    coded, n_samples = int(embedding.coded.sum()), n_samples_of(model)
    n_added = embedding.n_items - n_trained_items(artifact)
    lines = [
        f"version     {artifact.version}",
        f"items       {embedding.n_items:,} ({coded:,} with a code), {embedding.k} of {embedding.n_dims} dims each",
        f"bytes       {embedding.bytes_per_item} an item; {artifact.size_bytes:,} in all",
        f"data        {printable(manifest.data.get('source'))}, "
        f"fingerprint {printable(manifest.data.get('fingerprint'))[:12]}",
        f"samples     {f'histories of {n_samples} test users' if n_samples else 'none'}",
        "options     " + ", ".join(printable(f"{name} {value}") for name, value in manifest.options.items()),
    ]
    if n_added:
        lines.insert(
            2, f"added       {n_added:,} of the items since {printable(manifest.data.get(ADDED_TO))} was trained"
        )
    systems = manifest.metrics.get("test")
    if isinstance(systems, Mapping) and systems:
        lines += ["", f"{printable(manifest.metrics.get('test_users'))} held-out users", table(systems)]
    sizes = segments.sizes
    grouped = int(sizes.sum())
    lines += ["", f"{len(segments)} segments of {grouped:,} items"]
    shown = range(len(segments))[:n_segments]
    lines += [f"{sizes[row]:7,}  {printable(segments.ids[row]):>5}  {printable(segments.labels[row])}" for row in shown]
    if len(shown) < len(segments):
        lines.append(f"         and {len(segments) - len(shown)} more")
    return "\n".join(lines)


def finished(artifact: Artifact, *, in_json: bool) -> str:
    """What a command says of the version that it wrote."""
    if in_json:
        return json.dumps(as_json(artifact), indent=2)
    return f"{described(artifact, n_segments=12)}\n\nin {artifact.folder}"


def as_json(artifact: Artifact) -> dict[str, object]:
    """The same for programs: the manifest, and every segment with its size and signed dims."""
    segments = artifact.model.segments
    listed: Sequence[dict[str, object]] = [
        {
            "segment_id": segments.ids[row],
            "label": segments.labels[row],
            "size": int(segments.sizes[row]),
            "signed_dims": segments.signed_dims(row),
        }
        for row in range(len(segments))
    ]
    said = {name: getattr(artifact.manifest, name) for name in vars(artifact.manifest)}
    return {**said, "n_samples": n_samples_of(artifact.model), "segments": listed}


def n_samples_of(model: Model) -> int:
    """How many people's histories it holds."""
    return 0 if model.samples is None else len(model.samples)
