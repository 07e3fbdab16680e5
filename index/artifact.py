"""The artifact: a folder of plain .npy files and a manifest. This docstring is the specification of format 1.

    artifacts/
      CURRENT                     one line: the version to serve
      <version>/
        dims.npy                  uint16, uint32 above 65,536 dims (n_items, k)   living entries first, ascending
        weights.npy               float32 (n_items, k)   rows of length 1, or 0 for an item never trained
        popularity.npy            float32 (n_items,)     share of users
        strings/NAME.blob.npy     uint8   one UTF-8 blob; NAME: item_ids, titles, segment_ids, segment_labels
        strings/NAME.offsets.npy  int64   string i is blob[offsets[i]:offsets[i + 1]]
        strings/item_ids.order.npy int32 (n_items,)   rows in the byte order of their ids
        segments/starts.npy       int64 (n_segments + 1,)  row pointers of B
        segments/dims.npy         as dims.npy             segments/signs.npy  int8, +1 or -1
        segments/membership.npy   int32 (n_items,)        -1: in no segment
        attributes/I.PART.npy     column I of the manifest's `attributes`; PART by its type:
                                  number: values float64 (NaN: unknown) · category: codes int32 (-1: unknown) and
                                  categories · list: starts int64, codes int32 and categories · link: links;
                                  categories and links are strings as above: I.categories.blob.npy, …
        manifest.json             format, version, sizes, attributes, sha256 of every file, options, data, metrics,
                                  libraries

Arrays are C-ordered, little-endian and read memory-mapped with pickle off. `manifest.json` is written after the arrays,
the folder is renamed into place after the manifest, and CURRENT is replaced last: a reader sees all or nothing.
Nothing in it depends on the time or the machine, so the same training gives the same bytes.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from index.arrays import Array, arrays_of, model_of
from index.errors import ArtifactError
from index.model import Model

FORMAT = 1
CURRENT = "CURRENT"
MANIFEST = "manifest.json"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Manifest:
    """What a version says of itself; `options`, `data`, `metrics` and `libraries` are the trainer's words."""

    version: str
    sizes: Mapping[str, int]
    attributes: list[Mapping[str, str]]
    files: Mapping[str, str]  # path: sha256
    options: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What the version's name ends in: a digest of everything but the version."""
        return digest(replace(self, version="").to_json().encode())[:12]

    def to_json(self) -> str:
        fields = {"format": FORMAT, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        return json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


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
    arrays = arrays_of(model)
    partial = folder / f".writing-{secrets.token_hex(8)}"
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        files = {path: _write_array(partial / path, array) for path, array in sorted(arrays.items())}
        manifest = Manifest(
            version="",
            sizes={
                "n_items": model.embedding.n_items,
                "n_dims": model.embedding.n_dims,
                "k": model.embedding.k,
                "n_segments": len(model.segments),
            },
            attributes=[{"name": key, "type": column.kind} for key, column in model.catalog.attributes.items()],
            files=files,
            options=options,
            data=data,
            metrics=metrics,
            libraries=libraries,
        )
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "model"
        manifest = replace(manifest, version=f"{stem}-{manifest.digest}")
        version = manifest.version
        _write_synced(partial / MANIFEST, manifest.to_json().encode())
        _move_into_place(partial, folder / version)
        point_at(folder, version)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_version(folder, version)


def sweep(folder: Path) -> None:
    """Removes what killed writers left behind. Only for whoever knows that no other writes to `folder` now."""
    for leftover in [*folder.glob(".writing-*"), *folder.glob(f".{CURRENT}-*")]:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def point_at(folder: Path, version: str) -> None:
    """Makes `version` the one to serve, atomically."""
    pointer = folder / f".{CURRENT}-{secrets.token_hex(8)}"
    _write_synced(pointer, f"{version}\n".encode())
    os.replace(pointer, folder / CURRENT)
    _sync_folder(folder)


def _unwritable(folder: Path, error: OSError) -> ArtifactError:
    return ArtifactError(f"cannot write an artifact to {folder}: {error.strerror or error}")


def _move_into_place(partial: Path, final: Path) -> None:
    """Renames a complete folder to its version. The same version written before stays, unless it was damaged since."""
    _sync_folder(partial)
    if final.exists():
        try:
            open_version(final.parent, final.name)
        except ArtifactError:
            os.replace(final, partial.with_name(partial.name + ".damaged"))
            shutil.rmtree(partial.with_name(partial.name + ".damaged"))
        else:
            return
    os.replace(partial, final)
    _sync_folder(final.parent)


def _write_array(path: Path, array: Array) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return _sha256(path)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(content: bytes) -> str:
    """The sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- opening


def current_version(folder: Path) -> str:
    """The version that CURRENT names."""
    try:
        version = (folder / CURRENT).read_text("utf-8").strip()
    except FileNotFoundError:
        raise ArtifactError(
            f"no artifact in {folder}: train one with `python -m trainer fit --data FILE --out {folder}`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{folder / CURRENT}: cannot be read ({error})") from error
    if not _VERSION.fullmatch(version):
        raise ArtifactError(f"{folder / CURRENT}: {version[:40]!r} is not the name of a version")
    return version


def open_current(folder: Path) -> Artifact:
    """The artifact that CURRENT names, verified and memory-mapped."""
    return open_version(folder, current_version(folder))


def open_version(folder: Path, version: str) -> Artifact:
    """A version of `folder`, verified whole: digests, types, shapes and every invariant. ArtifactError otherwise."""
    root = folder / version
    if not root.is_dir():
        raise ArtifactError(f"{root}: the version is not there; put it back or name another one in {folder / CURRENT}")
    manifest = _read_manifest(root / MANIFEST)
    if manifest.version != version:
        raise ArtifactError(f"{root / MANIFEST}: it names version {str(manifest.version)[:40]!r}")
    if not version.endswith(f"-{manifest.digest}"):
        raise ArtifactError(f"{root / MANIFEST}: it was altered since it was written; its digest is {manifest.digest}")
    arrays = {path: _read_array(root, path, expected) for path, expected in manifest.files.items()}
    try:
        model = model_of(arrays, manifest.sizes, manifest.attributes)
    except KeyError as error:
        raise ArtifactError(f"{root / MANIFEST}: it does not list {error.args[0]}, which the format asks for") from None
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise ArtifactError(f"{root}: {error}") from error
    if problem := model.violation():
        raise ArtifactError(f"{root}: {problem}")
    return Artifact(model, manifest, root)


def _read_manifest(path: Path) -> Manifest:
    try:
        fields = json.loads(path.read_bytes(), parse_constant=_refuse)
        format_number = fields.pop("format")
        if format_number != FORMAT:
            raise ArtifactError(
                f"{path}: format {format_number!r} is not known to this release, which reads format {FORMAT}; "
                "train again or upgrade sparseshelf"
            )
        manifest = Manifest(**fields)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: it is missing, so the version was never completed; train again") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{path}: it is not a manifest ({type(error).__name__}: {error})") from error
    shapes = {"version": str, "sizes": dict, "attributes": list, "files": dict, "options": dict, "data": dict}
    for name, expected in {**shapes, "metrics": dict, "libraries": dict}.items():
        if not isinstance(getattr(manifest, name), expected):
            raise ArtifactError(f"{path}: {name!r} must be a JSON {expected.__name__}")
    return manifest


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _read_array(root: Path, path: str, expected: object) -> Array:
    file = root / path
    if not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)?(\.[a-z_]+){1,3}", path):
        raise ArtifactError(f"{root / MANIFEST}: {path!r} is not a file of an artifact")
    try:
        if _sha256(file) != expected:
            raise ArtifactError(f"{file}: its sha256 is not the manifest's; the file was altered or cut short")
        with file.open("rb") as header:
            empty = 0 in _shape(header)
        array: Array = np.load(file, mmap_mode=None if empty else "r", allow_pickle=False)
        return array
    except FileNotFoundError:
        raise ArtifactError(f"{file}: the manifest lists it, but it is missing") from None
    except (OSError, ValueError, EOFError, TypeError, SyntaxError, RecursionError, OverflowError) as error:
        raise ArtifactError(f"{file}: it is not an .npy file ({error})") from error


def _shape(file: Any) -> tuple[int, ...]:
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape: tuple[int, ...] = read_header(file)[0]
    return shape
