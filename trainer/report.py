"""What a finished run says on stdout."""

from collections.abc import Mapping, Sequence

from index.artifact import Artifact

METRICS = ("ndcg@100", "recall@20", "recall@50")


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Systems and their metrics, one line each."""
    width = max(len(name) for name in rows) + 2
    lines = [" " * width + "".join(f"{metric:>11}" for metric in METRICS)]
    for name, metrics in rows.items():
        lines.append(f"{name:{width}}" + "".join(f"{metrics.get(metric, float('nan')):11.4f}" for metric in METRICS))
    return "\n".join(lines)


def described(artifact: Artifact, *, n_segments: int | None = None) -> str:
    """An artifact in words: sizes, data, metrics and its segments, largest first."""
    model, manifest = artifact.model, artifact.manifest
    embedding, segments = model.embedding, model.segments
    coded = int(embedding.coded.sum())
    lines = [
        f"version     {artifact.version}",
        f"items       {embedding.n_items:,} ({coded:,} with a code), {embedding.k} of {embedding.n_dims} dims each",
        f"bytes       {embedding.bytes_per_item} an item; {artifact.size_bytes:,} in all",
        f"data        {manifest.data.get('source')}, fingerprint {str(manifest.data.get('fingerprint'))[:12]}",
        "options     " + ", ".join(f"{name} {value}" for name, value in manifest.options.items()),
    ]
    systems = manifest.metrics.get("test")
    if isinstance(systems, Mapping) and systems:
        lines += ["", f"{manifest.metrics.get('test_users')} held-out users", table(systems)]
    sizes = segments.sizes
    grouped = int(sizes.sum())
    lines += ["", f"{len(segments)} segments of {grouped:,} items"]
    shown = range(len(segments))[:n_segments]
    lines += [f"{sizes[row]:7,}  {segments.ids[row]:>5}  {segments.labels[row]}" for row in shown]
    if len(shown) < len(segments):
        lines.append(f"         and {len(segments) - len(shown)} more")
    return "\n".join(lines)


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
    return {**{name: getattr(artifact.manifest, name) for name in vars(artifact.manifest)}, "segments": listed}
