"""The artifact: a folder of plain .npy files and a manifest. This docstring is the specification of format 4.

    artifacts/
      CURRENT                     one line: the version to serve
      SUCCESSION                  where another was current before: which ones (index/succession.py); readers need none
      <version>/
        codes.npy                 uint16, uint32 above 4,096 dims (n_items, k)   dim * 2**bits + level; living codes
                                  first, by size of weight, the largest first; 0 where a row is shorter. bits: 6; 5
                                  above 1,024 dims, 4 above 2,048, 6 above 4,096
        levels.npy                float32 (n_bands, 2**bits)   of each band of places: 0, negative ones, positive ones;
                                  there are min(k, 16) bands, and place j is in band j n_bands // k. A weight is its
                                  level over the length of the item's row of levels
        popularity.npy            float32 (n_items,)     share of users
        strings/NAME.blob.npy     uint8   one UTF-8 blob; NAME: item_ids, titles, segment_ids, segment_labels
        strings/NAME.offsets.npy  int64   string i is blob[offsets[i]:offsets[i + 1]]
        strings/item_ids.order.npy int32 (n_items,)   rows in the byte order of their ids
        segments/starts.npy       int64 (n_segments + 1,)  row pointers of B
        segments/dims.npy         as dims.npy             segments/signs.npy  int8, +1 or -1
        segments/membership.npy   int32 (n_items,)        -1: in no segment
        segments/guests.starts.npy int64 (n_segments + 1,)  row pointers of
        segments/guests.rows.npy  int32                   items that a segment's shelf may show beside its own
        segments/groups.starts.npy int64 (n_segments + 1,)  row pointers of the groups that a segment was made of:
        segments/groups.dims.npy  as dims.npy             segments/groups.signs.npy  int8, +1 or -1
        segments/merges.nodes.npy int32 (n_groups - n_segments, 2), segments/merges.cosines.npy float32
                                  a segment's merges: its m groups are nodes 0 to m - 1, its merge i makes node m + i
        samples/starts.npy        int64 (n_samples + 1,)  where samples were asked for: row pointers of
        samples/rows.npy          int32                   items of up to 100 people held out, 1 to 100 each, ascending
        attributes/I.PART.npy     column I of the manifest's `attributes`; PART by its type:
                                  number: values float64 (NaN: unknown) · category: codes int32 (-1: unknown) and
                                  categories · list: starts int64, codes int32 and categories · link: links;
                                  categories and links are strings as above: I.categories.blob.npy, …
        manifest.json             format, version, sizes, attributes, sha256 of every file, options, data, metrics,
                                  libraries

Instead of codes and levels, where weights are to be stored as they are:

        dims.npy                  uint16, uint32 above 65,536 dims (n_items, k)   living entries first, ascending
        weights.npy               float32 (n_items, k)   rows of length 1, or 0 for an item never trained

Format 1 had only these, format 2 no guests, groups and merges, format 3 no samples; all are still read. Neither guests,
nor groups and merges, nor samples need be there.

Arrays are C-ordered and little-endian, in .npy version 1.0. `manifest.json` is written after the arrays, the folder is
renamed into place after the manifest, and CURRENT is replaced last: a reader sees all or nothing.
Nothing in it depends on the time or the machine, so the same training gives the same bytes.

A reader trusts none of it, whoever signed it. The manifest has at most 1 MiB, 200 attributes and one way to be written;
its digest ends the version's name. The files it lists are those of the format, regular ones and no links, and each is
opened once: its type and length are compared with what the sizes and the files before it ask for, then its digest, then
the same open file is mapped. Every offset, row pointer, code, dim and weight is checked before anything is answered.
What the manifest does not list is never opened, so what file systems and tools leave behind does no harm. CURRENT, the
version's folder and the one above may be links, as in mounted volumes: they only say where the version lies, and the
digests say whether it is the one. Texts are data and any UTF-8; only ids are never empty. Who can change the files of a
running service in place, or cut them short, is not kept out: versions are replaced, never edited.
"""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from index.arrays import OPTIONAL, Arrays, Read, arrays_of, attributes_of, model_of, sizes_of
from index.errors import ArtifactError
from index.folder import Folder, read_all, sync_folder, write_synced
from index.manifest import MOST_BYTES, Manifest, digest, parsed
from index.model import Model
from index.npy import Array, Shape, refuse_unlike
from index.succession import CURRENT, POINTERS, VERSION, current_version, point_at
from index.verified_files import MANIFEST, VerifiedFiles

__all__ = [
    "CURRENT",
    "Artifact",
    "Manifest",
    "current_version",
    "digest",
    "open_current",
    "open_version",
    "point_at",
    "read_manifest",
    "write",
]

LEFTOVERS = (".writing-*", *POINTERS)  # of writers that were killed


@dataclass(frozen=True)
class Artifact:
    model: Model
    manifest: Manifest
    folder: Path

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def size_bytes(self) -> int:
        return sum((self.folder / path).stat().st_size for path in [MANIFEST, *self.manifest.files])


# ---------------------------------------------------------------- writing


def write(
    folder: Path,
    model: Model,
    *,
    name: str,
    options: Mapping[str, Any],
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
    libraries: Mapping[str, str],
) -> Artifact:
    """Writes `model` as a new version of `folder`, points CURRENT at it and opens it.

    The version is `name` and a digest of all that was written: the same model has the same version.
    """
    if problem := model.violation():
        raise ArtifactError(f"this model cannot be written: {problem}")
    arrays, sizes, attributes = arrays_of(model), sizes_of(model), attributes_of(model)
    try:
        model_of(_from_memory(arrays), sizes, attributes, optional=OPTIONAL.keys() & arrays.keys())
    except ValueError as error:
        raise ArtifactError(f"this model cannot be written: {error}") from error
    partial = folder / f".writing-{secrets.token_hex(8)}"
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        files = {path: _write_array(partial / path, array) for path, array in sorted(arrays.items())}
        manifest = Manifest(
            version="",
            sizes=sizes,
            attributes=attributes,
            files=files,
            options=options,
            data=data,
            metrics=metrics,
            libraries=libraries,
        )
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "model"
        manifest = replace(manifest, version=f"{stem}-{manifest.digest}")
        version = manifest.version
        content = manifest.to_json().encode()
        if len(content) > MOST_BYTES:
            raise ArtifactError(f"this model cannot be written: its manifest would be longer than {MOST_BYTES:,} bytes")
        write_synced(partial / MANIFEST, content)
        _move_into_place(partial, folder / version)
        point_at(folder, version)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_version(folder, version)


def _from_memory(arrays: Arrays) -> Read:
    """The arrays as their files would give them."""

    def read_array(path: str, kind: type[np.generic], shape: Shape) -> Array:
        try:
            refuse_unlike(kind, shape, arrays[path].dtype, arrays[path].shape)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return arrays[path]

    return read_array


def _unwritable(folder: Path, error: OSError) -> ArtifactError:
    return ArtifactError(f"cannot write an artifact to {folder}: {error.strerror or error}")


def _move_into_place(partial: Path, final: Path) -> None:
    """Renames a complete folder to its version. The same version written before stays, unless it was damaged since."""
    sync_folder(partial)
    if final.exists():
        try:
            open_version(final.parent, final.name)
        except ArtifactError:
            os.replace(final, partial.with_name(partial.name + ".damaged"))
            shutil.rmtree(partial.with_name(partial.name + ".damaged"))
        else:
            return
    os.replace(partial, final)
    sync_folder(final.parent)


def _write_array(path: Path, array: Array) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- opening


def open_current(folder: Path) -> Artifact:
    """The artifact that CURRENT names, verified and memory-mapped."""
    return open_version(folder, current_version(folder))


def open_version(folder: Path, version: str) -> Artifact:
    """A version of `folder`, verified whole: digests, types, shapes and every invariant. ArtifactError otherwise."""
    root = folder / version
    with _held(folder, version) as held:
        manifest = _read_manifest(held, version)
        files = VerifiedFiles(held, manifest)
        try:
            optional = {path for path, since in OPTIONAL.items() if path in manifest.files and since <= manifest.format}
            model = model_of(files.read, manifest.sizes, manifest.attributes, optional=optional)
            problem = files.surplus() or model.violation()
        except ValueError as error:
            raise ArtifactError(f"{root}: {error}") from error
        except MemoryError as error:
            raise ArtifactError(f"{root}: there is not enough memory to open it") from error
    if problem:
        raise ArtifactError(f"{root}: {problem}")
    return Artifact(model, manifest, root)


def read_manifest(folder: Path, version: str) -> Manifest:
    """What a version of `folder` says of itself, by its digest; its arrays are not looked at. Raises ArtifactError."""
    with _held(folder, version) as held:
        return _read_manifest(held, version)


def _held(folder: Path, version: str) -> Folder:
    if not VERSION.fullmatch(version):
        raise ArtifactError(f"{folder}: {version[:40]!r} is not the name of a version")
    try:
        return Folder(folder / version)
    except FileNotFoundError:
        raise ArtifactError(f"{folder / version}: the version is not there; put it back or name another one") from None


def _read_manifest(folder: Folder, version: str) -> Manifest:
    path = folder.path / MANIFEST
    try:
        with folder.open(MANIFEST) as file:
            manifest = parsed(read_all(file, path, MOST_BYTES))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: it is missing, so the version was never completed; train again") from None
    except (OSError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path}: {error}") from error
    if manifest.version != version:
        raise ArtifactError(f"{path}: it names version {manifest.version[:40]!r}")
    if not version.endswith(f"-{manifest.digest}"):
        raise ArtifactError(f"{path}: it was altered since it was written; its digest is {manifest.digest}")
    return manifest
