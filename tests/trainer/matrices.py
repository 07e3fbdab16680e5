"""Item matrices from elsewhere, whole ones and ones made to do damage."""

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

Kind = Literal["csr", "csc", "coo"]
Dense = NDArray[np.float64]
DENSE = np.array([[0, 2, 0, -1, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0.5, 0, -0.5, 0, 3]], np.float64)
PARTS: Mapping[str, Any] = {  # of DENSE, as save_npz writes them
    "format": np.array(b"csr"),
    "shape": np.array([4, 5]),
    "data": np.array([2, -1, 1, 0.5, -0.5, 3], np.float32),
    "indices": np.array([1, 3, 0, 0, 2, 4], np.int32),
    "indptr": np.array([0, 2, 2, 3, 6], np.int32),
}


def saved(path: Path, matrix: Dense = DENSE, kind: Kind = "csr", *, dtype: type[np.generic] = np.float32) -> Path:
    sp.save_npz(path, sp.csr_matrix(matrix.astype(dtype)).asformat(kind))
    return path


def npy(array: ArrayLike) -> bytes:
    held = io.BytesIO()
    np.save(held, np.asarray(array), allow_pickle=True)
    return held.getvalue()


def claiming(array: ArrayLike, shape: str) -> bytes:
    """An array whose header gives another shape, at the same length."""
    content = npy(array)
    end = content.index(b"\n") + 1
    before, _, _ = content[:end].partition(b"'shape': ")
    return (before + f"'shape': {shape}, }}".encode()).ljust(end - 1) + b"\n" + content[end:]


def zipped(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def altered(path: Path, **parts: ArrayLike | bytes | None) -> Path:
    """DENSE with some of its arrays replaced; None leaves one out, bytes are taken as they are."""
    members = {**PARTS, **parts}
    contents = {
        name: part if isinstance(part, bytes) else npy(part) for name, part in members.items() if part is not None
    }
    return zipped(path, contents)


def lying_about_its_size(path: Path) -> Path:
    """A zip bomb: the archive says that its data have a tebibyte, and the array's header agrees."""
    altered(path, data=claiming(PARTS["data"], "(274877906912,)"))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("data.npy").file_size
    entry = content.index(b"PK\x01\x02", content.rindex(b"data.npy") - 46)
    assert int.from_bytes(content[entry + 24 : entry + 28], "little") == size
    content[entry + 24 : entry + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(content)
    return path


def cut_short(path: Path) -> Path:
    content = saved(path).read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return path


def one_bit_turned_over(path: Path) -> Path:
    zipped(path, {name: npy(part) for name, part in PARTS.items()}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(np.float32(0.5).tobytes() + np.float32(-0.5).tobytes())] ^= 1
    path.write_bytes(content)
    return path


def named_twice(path: Path) -> Path:
    altered(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("Data.npy", npy([1.0]))
    path.write_bytes(path.read_bytes().replace(b"Data.npy", b"data.npy"))
    return path


def dense(path: Path) -> Path:
    path.write_bytes(npy(DENSE))
    return path


def text(path: Path) -> Path:
    path.write_text("0.5,0.2\n")
    return path


def unsuitable(**parts: ArrayLike | bytes | None) -> Callable[[Path], Path]:
    return lambda path: altered(path, **parts)


REFUSED: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda path: path, "there is no such file"),
    "a folder": (Path.mkdir, "it is not a file"),
    "a pipe": (os.mkfifo, "it is not a file"),
    "an empty file": (Path.touch, "the file is empty"),
    "text": (text, "damaged, or no .npz file"),
    "a dense array": (dense, "it is a dense .npy array"),
    "a truncated file": (cut_short, "damaged, or no .npz file"),
    "one bit turned over": (one_bit_turned_over, "damaged, or no .npz file"),
    "an archive of other arrays": (lambda path: zipped(path, {"A": npy(DENSE)}), "'format' is missing from it"),
    "an empty archive": (lambda path: zipped(path, {}), "it holds nothing"),
    "an array twice": (named_twice, "'data.npy' twice"),
    "no indices": (unsuitable(indices=None), "'indices' is missing from it"),
    "packed otherwise": (
        lambda path: zipped(path, {name: npy(part) for name, part in PARTS.items()}, zipfile.ZIP_LZMA),
        "packed or encrypted",
    ),
    "blocks": (lambda path: sp.save_npz(path, sp.csr_matrix(DENSE).tobsr()), "its format is 'bsr', not one of csr"),
    "diagonals": (lambda path: sp.save_npz(path, sp.csr_matrix(DENSE).todia()), "its format is 'dia'"),
    "a format that is a number": (unsuitable(format=np.array(1.5)), "'format' is float64 () and no word"),
    "pickled data": (unsuitable(data=np.array([1.0] * 6, object)), "'data' holds pickled Python objects"),
    "a pickled format": (unsuitable(format=np.array("csr", object)), "'format' holds pickled Python objects"),
    "data that is no array": (unsuitable(data=b"x" * 200), "'data': it is not an array"),
    "a header that is code": (
        unsuitable(data=claiming(PARTS["data"], "(exit(),)")),
        "'data': it is not an array",
    ),
    "a header of Python 2": (unsuitable(data=claiming(PARTS["data"], "(6L,)")), "'data': it is not an array"),
    "a header that lies": (
        unsuitable(data=claiming(PARTS["data"], "(274877906912,)")),
        "its header asks for 1,099,511,627,7",
    ),
    "a size below zero": (unsuitable(data=claiming(PARTS["data"], "(-6,)")), "its header asks for (-6,)"),
    "a zip bomb with lying headers": (lying_about_its_size, "more than there can be"),
    "one dimension": (unsuitable(shape=np.array([6])), "its shape is (6,)"),
    "three dimensions": (unsuitable(shape=np.array([2, 2, 5])), "its shape is (2, 2, 5)"),
    "no items": (unsuitable(shape=np.array([0, 5])), "it is empty (0 x 5)"),
    "a shape below zero": (unsuitable(shape=np.array([-4, 5])), "it is empty (-4 x 5)"),
    "a shape of fractions": (unsuitable(shape=np.array([4.0, 5.0])), "its shape is (4.0, 5.0)"),
    "too many dims": (unsuitable(shape=np.array([4, 2**20 + 1])), "it is 4 x 1,048,577; up to"),
    "too many items": (unsuitable(shape=np.array([2**40, 5])), "1,099,511,627,776 x 5; up to"),
    "more rows than pointers": (unsuitable(shape=np.array([5, 5])), "its arrays do not fit a csr of 5 x 5"),
    "fewer indices than data": (unsuitable(indices=np.array([1, 3], np.int32)), "its arrays do not fit"),
    "a dim out of range": (unsuitable(indices=np.array([1, 3, 0, 0, 2, 5])), "entry 5 of 'indices' is 5, where 0 to 4"),
    "a dim below zero": (unsuitable(indices=np.array([1, 3, 0, 0, -1, 4])), "entry 4 of 'indices' is -1"),
    "dims that are fractions": (unsuitable(indices=np.array([1.0] * 6)), "'indices' is float64 in 1 dimensions"),
    "pointers that go back": (unsuitable(indptr=np.array([0, 3, 2, 3, 6])), "'indptr' does not lead through"),
    "pointers beyond the end": (unsuitable(indptr=np.array([0, 2, 2, 3, 7])), "'indptr' does not lead through"),
    "pointers that begin late": (unsuitable(indptr=np.array([1, 2, 2, 3, 6])), "'indptr' does not lead through"),
    "pointers that wrap around": (
        unsuitable(indptr=np.array([0, 2**63, 2, 3, 6], np.uint64)),
        "'indptr' does not lead",
    ),
    "a coo out of range": (
        unsuitable(format=np.array(b"coo"), row=np.array([0, 0, 2, 3, 3, 4]), col=np.array([1, 3, 0, 0, 2, 4])),
        "entry 5 of 'row' is 4, where 0 to 3",
    ),
    "complex numbers": (unsuitable(data=np.ones(6, np.complex64)), "'data' is complex64"),
    "text for numbers": (unsuitable(data=np.array(["1"] * 6)), "'data' is <U1"),
    "wider floats": (unsuitable(data=np.ones(6, np.longdouble)), "'data' is float128"),
    "a table for data": (unsuitable(data=np.ones((6, 1), np.float32)), "in 2 dimensions"),
    "a NaN": (unsuitable(data=np.array([2, -1, 1, 0.5, np.nan, 3])), "row 3, dim 2 is nan"),
    "infinity": (unsuitable(data=np.array([2, -np.inf, 1, 0.5, 1, 3])), "row 0, dim 3 is -inf"),
    "a sum without end": (
        unsuitable(data=np.full(6, 1e308), indices=np.array([1, 1, 0, 0, 2, 4])),
        "row 0, dim 1 is inf",
    ),
    "nothing but zeros": (unsuitable(data=np.zeros(6, np.float32)), "every entry is 0"),
}
