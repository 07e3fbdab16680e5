"""Folders that somebody damaged, and folders that somebody made to do damage.

`put` and `change_and_sign` are what an attacker does who knows the format: digests and the version's name are right
again, so that only the checks of the content are left to notice.
"""

import json
import os
import shutil
import socket
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from index import artifact

Fields = dict[str, Any]
Damage = Callable[[Path], object]
ONES = np.ones(4, np.int8)


def change_manifest(folder: Path, change: Callable[[Fields], object]) -> None:
    path = folder / "manifest.json"
    fields = json.loads(path.read_text("utf-8", "surrogatepass"))
    change(fields)
    path.write_bytes(as_written(fields))


def as_written(fields: Fields) -> bytes:
    return (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def sign(folder: Path) -> Path:
    """Renames the folder to what its manifest digests to, and points CURRENT at it."""
    change_manifest(folder, lambda fields: fields.update(version=""))
    version = f"test-{artifact.digest((folder / 'manifest.json').read_bytes())[:12]}"
    change_manifest(folder, lambda fields: fields.update(version=version))
    (folder.parent / "CURRENT").write_text(version + "\n")
    return folder.rename(folder.parent / version)


def change_and_sign(folder: Path, change: Callable[[Fields], object]) -> Path:
    change_manifest(folder, change)
    return sign(folder)


def put_bytes(folder: Path, name: str, content: bytes) -> Path:
    """Replaces a file and its digest."""
    (folder / name).write_bytes(content)
    return change_and_sign(folder, lambda fields: fields["files"].update({name: artifact.digest(content)}))


def put(folder: Path, name: str, array: ArrayLike) -> Path:
    np.save(folder / name, array, allow_pickle=True)
    return put_bytes(folder, name, (folder / name).read_bytes())


def put_all(folder: Path, arrays: Mapping[str, ArrayLike]) -> Path:
    for name, numbers in arrays.items():
        folder = put(folder, f"segments/{name}.npy", numbers)
    return folder


def put_strings(folder: Path, name: str, blob: bytes, offsets: list[int]) -> Path:
    folder = put(folder, f"{name}.blob.npy", np.frombuffer(blob, np.uint8))
    return put(folder, f"{name}.offsets.npy", np.array(offsets, np.int64))


def put_header(
    folder: Path, name: str, header: str, *, version: bytes = b"\x01\x00", data: bytes | None = None
) -> Path:
    """Replaces the header of a file; `data` None leaves its numbers as they are."""
    content = (folder / name).read_bytes()
    kept = content[10 + int.from_bytes(content[8:10], "little") :]
    length = 2 if version == b"\x01\x00" else 4
    text = header.encode() + b" " * (-(8 + length + len(header) + 1) % 64) + b"\n"
    whole = b"\x93NUMPY" + version + len(text).to_bytes(length, "little") + text
    return put_bytes(folder, name, whole + (kept if data is None else data))


def plain(shape: str, kind: str = "<f4", order: str = "False") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"


def instead(folder: Path, name: str, make: Callable[[Path], object]) -> None:
    """Puts something else where a file was."""
    (folder / name).rename(folder.parent / "elsewhere")
    make(folder / name)


def listen(path: Path) -> None:
    bound = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(path.parent)  # the address of a socket has at most 108 bytes
    bound.bind(path.name)
    os.chdir(here)
    bound.close()


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "dims.npy", "w") as file:
        file.writestr("dims", "x")
    return put_bytes(folder, "dims.npy", (folder / "dims.npy").read_bytes())


def linked_folder(folder: Path) -> None:
    (folder / "strings").rename(folder.parent / "elsewhere")
    (folder / "strings").symlink_to(folder.parent / "elsewhere")


def file_for_folder(folder: Path) -> None:
    shutil.rmtree(folder / "strings")
    (folder / "strings").touch()


def rewritten(old: str, new: str) -> Damage:
    """The manifest's text, changed and not signed."""

    def damage(folder: Path) -> None:
        text = (folder / "manifest.json").read_text()
        assert old in text
        (folder / "manifest.json").write_text(text.replace(old, new, 1))

    return damage


def extended(name: str, tail: bytes) -> Damage:
    return lambda folder: put_bytes(folder, name, (folder / name).read_bytes() + tail)


def nested(depth: int) -> Fields:
    inner: Fields = {}
    for _ in range(depth):
        inner = {"deeper": inner}
    return inner


def columns(*named: tuple[object, object]) -> Damage:
    return lambda folder: change_and_sign(
        folder, lambda fields: fields.update(attributes=[{"name": name, "type": kind} for name, kind in named])
    )


def sizes(**given: object) -> Damage:
    return lambda folder: change_and_sign(folder, lambda fields: fields["sizes"].update(given))


def listed(**given: object) -> Damage:
    files = {name.replace("__", "/").replace("_npy", ".npy"): digest for name, digest in given.items()}
    return lambda folder: change_and_sign(folder, lambda fields: fields["files"].update(files))


def lists(path: str) -> Damage:
    return lambda folder: change_and_sign(folder, lambda fields: fields["files"].update({path: "0" * 64}))


def says(**given: object) -> Damage:
    return lambda folder: change_and_sign(folder, lambda fields: fields.update(given))


def array(name: str, numbers: ArrayLike, kind: type[np.generic]) -> Damage:
    return lambda folder: put(folder, name, np.array(numbers, kind))


def header(name: str, text: str, **more: Any) -> Damage:
    return lambda folder: put_header(folder, name, text, **more)


def strings(name: str, blob: bytes, offsets: list[int]) -> Damage:
    return lambda folder: put_strings(folder, name, blob, offsets)


ALTERED: Mapping[str, tuple[Damage, str]] = {
    # what accidents and careless hands do: digests are as they were
    "altered metrics": (lambda f: change_manifest(f, lambda m: m.update(metrics={"ndcg": 1})), "altered since"),
    "a truncated file": (
        lambda f: (f / "weights.npy").write_bytes((f / "weights.npy").read_bytes()[:-3]),
        "weights.npy: it has 173 bytes, its header asks for 176",
    ),
    "an empty file": (lambda f: (f / "weights.npy").write_bytes(b""), "weights.npy: it is not an .npy file"),
    "another file": (lambda f: (f / "dims.npy").write_bytes(b"x" * 200), "dims.npy: it is not an .npy file"),
    "one bit turned over": (
        lambda f: (f / "weights.npy").write_bytes((f / "weights.npy").read_bytes()[:-1] + b"\x01"),
        "weights.npy: its sha256",
    ),
    "a file gone": (lambda f: (f / "popularity.npy").unlink(), "popularity.npy: the manifest lists it"),
    "a folder gone": (lambda f: shutil.rmtree(f / "segments"), "starts.npy: the manifest lists it"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "never completed"),
    "a manifest that is no JSON": (lambda f: (f / "manifest.json").write_text("{"), "not a manifest"),
    "a manifest that is no UTF-8": (lambda f: (f / "manifest.json").write_bytes(b'{"\xff": 1}'), "not a manifest"),
    "a manifest in UTF-16": (
        lambda f: (f / "manifest.json").write_bytes((f / "manifest.json").read_text().encode("utf-16")),
        "not a manifest",
    ),
    "a manifest that is a list": (lambda f: (f / "manifest.json").write_text("[1]"), "not a manifest"),
    "a manifest without end": (lambda f: (f / "manifest.json").write_text("[" * 100_000), "not a manifest"),
    "a size without end": (rewritten('"k": 2', '"k": Infinity'), "Infinity is not a number"),
    "a number beyond any": (rewritten('"metrics": {}', '"metrics": {"x": 1e999}'), "1e999 is beyond any number"),
    "a number of 5,000 digits": (rewritten('"k": 2', '"k": ' + "9" * 5000), "whole number of 5000 digits"),
    "a key twice": (rewritten('"k": 2', '"k": 9,\n    "k": 2'), "not written as its fields are"),
    "other spaces": (rewritten('"k": 2', '"k":  2'), "not written as its fields are"),
    "an unknown format": (lambda f: change_manifest(f, lambda m: m.update(format=99)), "format '99' is not known"),
    "no format": (lambda f: change_manifest(f, lambda m: m.pop("format")), "format 'None' is not known"),
    "a format that is true": (lambda f: change_manifest(f, lambda m: m.update(format=True)), "'True' is not known"),
    "an unknown field": (lambda f: change_manifest(f, lambda m: m.update({"a\nb": 1})), r"differ in 'a\nb'"),
    "a missing field": (lambda f: change_manifest(f, lambda m: m.pop("data")), "differ in 'data'"),
    "another version's manifest": (lambda f: change_manifest(f, lambda m: m.update(version="x")), "names version 'x'"),
    # what is no regular file
    "a link to a file": (
        lambda f: instead(f, "dims.npy", lambda path: path.symlink_to(f.parent / "elsewhere")),
        "dims.npy: it is a symbolic link",
    ),
    "a link to itself": (
        lambda f: instead(f, "dims.npy", lambda path: path.symlink_to("dims.npy")),
        "dims.npy: it is a symbolic link",
    ),
    "a link to a device without end": (
        lambda f: instead(f, "dims.npy", lambda path: path.symlink_to("/dev/zero")),
        "dims.npy: it is a symbolic link",
    ),
    "a linked manifest": (
        lambda f: instead(f, "manifest.json", lambda path: path.symlink_to(f.parent / "elsewhere")),
        "manifest.json: it is a symbolic link",
    ),
    "a linked folder": (linked_folder, "strings: it is not a folder of its own"),
    "a file for a folder": (file_for_folder, "strings: it is not a folder of its own"),
    "a folder for a file": (lambda f: instead(f, "dims.npy", Path.mkdir), "dims.npy: it is not a regular file"),
    "a folder for the manifest": (lambda f: instead(f, "manifest.json", Path.mkdir), "json: it is not a regular file"),
    "a pipe": (lambda f: instead(f, "dims.npy", os.mkfifo), "dims.npy: it is not a regular file"),
    "a pipe for the manifest": (lambda f: instead(f, "manifest.json", os.mkfifo), "json: it is not a regular file"),
    "a socket": (lambda f: instead(f, "dims.npy", listen), "dims.npy: it cannot be opened"),
    "a pipe for the version": (lambda f: instead(f.parent, f.name, os.mkfifo), "it is not a folder"),
    "no version": (shutil.rmtree, "the version is not there"),
    "a pipe for CURRENT": (lambda f: instead(f.parent, "CURRENT", os.mkfifo), "CURRENT: it is not a regular file"),
    "a device for CURRENT": (
        lambda f: instead(f.parent, "CURRENT", lambda path: path.symlink_to("/dev/zero")),
        "CURRENT: it is not a regular file",
    ),
    "a folder for CURRENT": (lambda f: instead(f.parent, "CURRENT", Path.mkdir), "CURRENT: it is not a regular file"),
    "a CURRENT that links to itself": (
        lambda f: instead(f.parent, "CURRENT", lambda path: path.symlink_to("CURRENT")),
        "CURRENT: it is a symbolic link",
    ),
    "an endless CURRENT": (lambda f: (f.parent / "CURRENT").write_text("x" * 5000), "longer than 1,024 bytes"),
    "a CURRENT that is no text": (lambda f: (f.parent / "CURRENT").write_bytes(b"\xff\xfe"), "CURRENT: cannot be read"),
}

SIGNED: Mapping[str, tuple[Damage, str]] = {
    # the manifest
    "sizes that are a string": (says(sizes="6"), "'sizes' must be"),
    "a size that is a word": (sizes(n_dims="four"), "as whole numbers"),
    "a size that is a fraction": (sizes(k=2.0), "as whole numbers"),
    "a size that is true": (sizes(n_segments=True), "as whole numbers"),
    "a size below zero": (sizes(n_items=-6), "as whole numbers"),
    "a size too many": (sizes(n_users=6), "as whole numbers"),
    "more dims than can be served": (sizes(n_dims=10**14), "1048576 can be served"),
    "no dims": (sizes(n_dims=0), "can be served"),
    "more dims than two bytes name": (sizes(n_dims=2**20), "dims.npy: uint32"),
    "fewer dims than are used": (sizes(n_dims=3), "dim 3 is out of range"),
    "more items than rows have numbers": (sizes(n_items=2**31), "can be served"),
    "too few items": (sizes(n_items=5), "dims.npy: uint16 (5, 2) expected, found uint16 (6, 2)"),
    "too many items": (sizes(n_items=10**9), "dims.npy: uint16 (1000000000, 2) expected"),
    "another k": (sizes(k=3), "dims.npy: uint16 (6, 3) expected"),
    "a segment more": (sizes(n_segments=4), "starts.npy: int64 (5) expected, found int64 (4,)"),
    "a file not listed": (lambda f: change_and_sign(f, lambda m: m["files"].pop("dims.npy")), "not list dims.npy"),
    "a path above": (lists("../../x.npy"), "'../../x.npy' is not a file of an artifact"),
    "an absolute path": (lists("/etc/passwd"), "'/etc/passwd' is not a file of an artifact"),
    "a path with two slashes": (lists("strings//titles.blob.npy"), "is not a file of an artifact"),
    "a path with a dot": (lists("./dims.npy"), "is not a file of an artifact"),
    "a path with a backslash": (lists("strings\\titles.blob.npy"), "is not a file of an artifact"),
    "a path with NUL": (lists("dims.npy\0"), r"'dims.npy\x00' is not a file of an artifact"),
    "a path in capitals": (lists("DIMS.npy"), "'DIMS.npy' is not a file of an artifact"),
    "an empty path": (lists(""), "'' is not a file of an artifact"),
    "itself": (lists("manifest.json"), "'manifest.json' is not a file of an artifact"),
    "a column too many": (lists("attributes/9.values.npy"), "is not a file of an artifact"),
    "a digest that is a number": (listed(dims_npy=0), "the sha256 of 'dims.npy' is not one"),
    "a digest that is nothing": (listed(dims_npy=None), "the sha256 of 'dims.npy' is not one"),
    "a digest in capitals": (listed(dims_npy="A" * 64), "the sha256 of 'dims.npy' is not one"),
    "half a character": (says(options={"x": "\ud800"}), "not a manifest"),
    "options without bottom": (says(options=nested(100)), "nested deeper than 32"),
    "attributes that are words": (says(attributes=["year"]), "a list of names and types"),
    "an attribute without a type": (says(attributes=[{"name": "year"}]), "a list of names and types"),
    "an attribute whose name is a list": (columns((["year"], "number")), "a list of names and types"),
    "an attribute of no known type": (columns(("year", "pickle")), "'pickle' is not a type of attribute"),
    "two attributes of one name": (
        columns(("year", "number"), ("year", "category"), ("genres", "list"), ("poster", "link")),
        "two attributes have one name",
    ),
    "attributes in another order": (
        columns(("country", "category"), ("year", "number"), ("genres", "list"), ("poster", "link")),
        "does not list attributes/0.codes.npy",
    ),
    "more attributes than can be served": (columns(*((str(i), "number") for i in range(201))), "up to 200"),
    # the header of a file
    "a zip": (zipped, "dims.npy: it is not an .npy file"),
    "a pickle": (
        lambda f: put(f, "strings/item_ids.blob.npy", np.array([{"a": 1}], object)),
        "item_ids.blob.npy: its header",
    ),
    "a structure": (lambda f: put(f, "dims.npy", np.zeros((6, 2), [("a", "<u2")])), "dims.npy: its header"),
    "text for numbers": (lambda f: put(f, "dims.npy", np.full((6, 2), "a")), "dims.npy: its header"),
    "numbers in Fortran's order": (
        lambda f: put(f, "dims.npy", np.asfortranarray(np.load(f / "dims.npy"))),
        "dims.npy: its header is not that of a C-ordered array",
    ),
    "numbers with the big end first": (
        lambda f: put(f, "weights.npy", np.load(f / "weights.npy").astype(">f4")),
        "weights.npy: its header is not that of a C-ordered array of little-endian numbers",
    ),
    "version 2.0": (header("weights.npy", plain("(6, 2)"), version=b"\x02\x00"), "not an .npy file of version 1.0"),
    "version 3.0": (header("weights.npy", plain("(6, 2)"), version=b"\x03\x00"), "not an .npy file of version 1.0"),
    "a header that is Python": (header("weights.npy", "__import__('os').abort()"), "weights.npy: its header"),
    "a header in brackets": (header("weights.npy", "(" * 5000), "weights.npy: its header"),
    "a header of Python 2": (header("weights.npy", plain("(6L, 2L)")), "weights.npy: its header"),
    "a header longer than its file": (
        lambda f: put_bytes(f, "weights.npy", b"\x93NUMPY\x01\x00\xff\xff{'descr'"),
        "weights.npy: its header",
    ),
    "a shape that is larger than the file": (
        lambda f: put_header(f, "weights.npy", plain("(6, 2)"), data=b"\0" * 40),
        "weights.npy: it has 168 bytes, its header asks for 176",
    ),
    "a shape that is smaller than the file": (extended("weights.npy", b"\0" * 8), "asks for 176"),
    "one byte behind the numbers": (extended("strings/titles.blob.npy", b"x"), "titles.blob.npy: it has"),
    "a shape below zero": (header("weights.npy", plain("(-6, 2)")), "weights.npy: its header"),
    "a shape that overflows": (header("weights.npy", plain(f"({2**62}, 8)")), "weights.npy: float32 (6, 2) expected"),
    "a shape of nothing and everything": (header("weights.npy", plain(f"(0, {2**62})"), data=b""), "(6, 2) expected"),
    "a shape of many digits": (header("weights.npy", plain(f"({'9' * 4000}, 2)")), "weights.npy: its header"),
    "a shape of many dimensions": (header("weights.npy", plain("(" + "1, " * 70 + "1)")), "(6, 2) expected"),
    "a shape of none": (header("popularity.npy", plain("()"), data=b"\0" * 4), "popularity.npy: its header"),
    "numbers off their places": (
        lambda f: put_bytes(
            f, "weights.npy", b"\x93NUMPY\x01\x00\x3d\x00" + plain("(6, 2)").encode().ljust(60) + b"\n" + b"\0" * 48
        ),
        "weights.npy: its header",
    ),
    "float64 weights": (array("weights.npy", np.zeros((6, 2)), np.float64), "weights.npy: float32 (6, 2) expected"),
    "a flat matrix": (array("weights.npy", np.zeros(12), np.float32), "weights.npy: float32 (6, 2) expected"),
    # the item matrix
    "weights that are not a number": (array("weights.npy", np.full((6, 2), np.nan), np.float32), "finite"),
    "weights without end": (array("weights.npy", np.full((6, 2), -np.inf), np.float32), "finite"),
    "weights too small to have a length": (
        array("weights.npy", [[1e-45, 0]] * 6, np.float32),
        "row 0 has length",
    ),
    "other row lengths": (array("weights.npy", [[0.5, 0]] * 6, np.float32), "row 0 has length"),
    "a weight behind a zero": (array("weights.npy", [[0, 1]] * 6, np.float32), "behind a zero"),
    "a dim out of range": (array("dims.npy", np.full((6, 2), 9), np.uint16), "out of range"),
    "dims in another order": (array("dims.npy", [[2, 0]] * 6, np.uint16), "do not ascend"),
    "a dim twice in a row": (array("dims.npy", [[2, 2]] * 6, np.uint16), "do not ascend"),
    "popularity over 1": (array("popularity.npy", np.full(6, 2), np.float32), "popularity.npy"),
    "popularity below 0": (array("popularity.npy", np.full(6, -0.1), np.float32), "popularity.npy"),
    "popularity that is not a number": (array("popularity.npy", np.full(6, np.nan), np.float32), "popularity.npy"),
    # strings
    "offsets below zero": (strings("strings/titles", b"abc", [0, -5, 1, 1, 1, 1, 3]), "do not lead through the blob"),
    "offsets that go back": (strings("strings/titles", b"abc", [0, 2, 1, 3, 3, 3, 3]), "do not lead through the blob"),
    "offsets beyond the blob": (strings("strings/titles", b"abc", [0, 9, 1, 1, 1, 1, 3]), "do not lead through"),
    "offsets that do not begin at 0": (strings("strings/titles", b"abc", [1, 1, 1, 1, 1, 1, 3]), "do not lead through"),
    "offsets that end before the blob": (
        strings("strings/titles", b"abc", [0, 0, 0, 0, 0, 0, 2]),
        "uint8 (2) expected",
    ),
    "offsets that end behind the blob": (strings("strings/titles", b"abc", [0] * 6 + [2**62]), "expected, found uint8"),
    "offsets that end below zero": (strings("strings/titles", b"abc", [0] * 6 + [-1]), "uint8 (-1) expected"),
    "offsets that wrap around": (
        strings("strings/titles", b"abc", [0, 2**63 - 1, -(2**63), 0, 0, 0, 3]),
        "do not lead through the blob",
    ),
    "no offsets": (strings("strings/titles", b"", []), "titles.offsets.npy: int64 (7) expected, found"),
    "text that is no UTF-8": (strings("strings/titles", b"a\xff", [0, 1, 2, 2, 2, 2, 2]), "string 1 is not UTF-8"),
    "half a character at the end": (strings("strings/titles", b"\xc3", [0] * 6 + [1]), "string 5 is not UTF-8"),
    "a character cut in two": (strings("strings/titles", "é".encode(), [0, 1, 2, 2, 2, 2, 2]), "string 0 is not UTF-8"),
    "an id twice": (strings("strings/item_ids", b"aacdef", [0, 1, 2, 3, 4, 5, 6]), "not sorted or one comes twice"),
    "an empty id": (strings("strings/item_ids", b"bcdef", [0, 0, 1, 2, 3, 4, 5]), "an id is empty"),
    "ids out of order": (array("strings/item_ids.order.npy", range(5, -1, -1), np.int32), "not sorted"),
    "an order that repeats": (array("strings/item_ids.order.npy", np.zeros(6), np.int32), "permutation"),
    "an order below zero": (array("strings/item_ids.order.npy", [-1, 0, 1, 2, 3, 4], np.int32), "permutation"),
    # segments
    "row pointers that wrap around": (
        array("segments/starts.npy", [0, 2**63 - 1, -(2**63) + 5, 3], np.int64),
        "row pointers of B",
    ),
    "row pointers that end below zero": (array("segments/starts.npy", [0, 1, 2, -3], np.int64), "uint16 (-3) expected"),
    "row pointers that end behind B": (array("segments/starts.npy", [0, 1, 2, 2**40], np.int64), "found uint16 (3,)"),
    "an empty row of B": (array("segments/starts.npy", [0, 0, 2, 3], np.int64), "row pointers of B"),
    "a dim twice in a row of B": (
        lambda f: put_all(f, {"starts": [0, 1, 3, 4], "dims": np.array([0, 1, 1, 3], np.uint16), "signs": ONES}),
        "the dims of a row of B do not ascend",
    ),
    "a dim of B out of range": (array("segments/dims.npy", [0, 1, 4], np.uint16), "dim 4 is out of range"),
    "signs of zero": (array("segments/signs.npy", np.zeros(3), np.int8), "neither +1 nor -1"),
    "signs of two": (array("segments/signs.npy", np.full(3, 2), np.int8), "neither +1 nor -1"),
    "members of nowhere": (array("segments/membership.npy", np.full(6, 7), np.int32), "does not exist"),
    "members of less than nowhere": (array("segments/membership.npy", np.full(6, -2), np.int32), "does not exist"),
    "two segments of one id": (strings("strings/segment_ids", b"s1s1s3", [0, 2, 4, 6]), "two segments have one id"),
    "a segment without an id": (strings("strings/segment_ids", b"s2s3", [0, 0, 2, 4]), "a segment's id is empty"),
    # attributes
    "a category without a name": (array("attributes/1.codes.npy", np.full(6, 8), np.int32), "without a category"),
    "a category below zero": (array("attributes/1.codes.npy", np.full(6, -2), np.int32), "without a category"),
    "more categories than items": (strings("attributes/1.categories", b"", [0] * 8), "int64 (up to 7) expected"),
    "a list with code -1": (array("attributes/2.codes.npy", np.full(5, -1), np.int32), "without a category"),
    "lists that wrap around": (
        array("attributes/2.starts.npy", [0, 2**63 - 1, -(2**63), 0, 0, 0, 5], np.int64),
        "list bounds that do not lead through",
    ),
    "lists that go back": (array("attributes/2.starts.npy", [0, 3, 1, 4, 5, 5, 5], np.int64), "list bounds"),
    "lists that end elsewhere": (
        array("attributes/2.starts.npy", [0, 1, 3, 4, 5, 5, 9], np.int64),
        "int32 (9) expected",
    ),
    "years as whole numbers": (array("attributes/0.values.npy", range(6), np.int64), "float64 (6) expected"),
}

_LEVELS = np.linspace(-0.5, 1, 64, dtype=np.float32)
PACKED: Mapping[str, tuple[Damage, str]] = {
    # of an artifact with packed codes
    "codes of four bytes": (array("codes.npy", np.zeros((6, 2)), np.uint32), "codes.npy: uint16 (6, 2) expected"),
    "dims too many for codes of two bytes": (sizes(n_dims=5000), "codes.npy: uint32 (6, 2) expected"),
    "levels of another width": (array("levels.npy", np.ones(16), np.float32), "levels.npy: float32 (2, 64) expected"),
    "codes and no levels": (lambda f: change_and_sign(f, lambda m: m["files"].pop("levels.npy")), "not list levels"),
    "both forms of a matrix": (lists("weights.npy"), "'weights.npy' is not a file of an artifact"),
    "packed codes in format 1": (says(format=1), "does not list dims.npy"),
    "a code out of range": (array("codes.npy", [[9 << 6 | 1, 0]] * 6, np.uint16), "names a dim that is out of range"),
    "a code behind a zero": (array("codes.npy", [[0, 65]] * 6, np.uint16), "has a code behind a zero"),
    "a dim without a level": (array("codes.npy", [[64, 129]] * 6, np.uint16), "has a code behind a zero"),
    "a dim twice": (array("codes.npy", [[65, 66]] * 6, np.uint16), "names a dim twice"),
    "a level 0 that is something": (
        array("levels.npy", [np.sort(np.abs(_LEVELS) + 0.01)] * 2, np.float32),
        "levels must be",
    ),
    "a level that is nothing": (
        array("levels.npy", np.zeros((2, 64)), np.float32),
        "levels must be 0, and then of sizes",
    ),
    "a level that is not a number": (array("levels.npy", [[0] + [np.nan] * 63] * 2, np.float32), "levels must be 0"),
    "a level without end": (array("levels.npy", [[0] + [np.inf] * 63] * 2, np.float32), "levels must be 0"),
    "a level too small": (array("levels.npy", [[0] + [1e-30] * 63] * 2, np.float32), "levels must be 0"),
    "levels in another order": (array("levels.npy", [[0, 1, *[0.5] * 62]] * 2, np.float32), "the levels do not ascend"),
}

HOSTILE = {**ALTERED, **SIGNED}


GROWN: Mapping[str, tuple[Damage, str]] = {
    # of an artifact with guests and merges of segments, and samples
    "guests in format 2": (says(format=2), "is not a file of an artifact"),
    "samples in format 3": (says(format=3), "'samples/rows.npy' is not a file of an artifact"),
    "more samples than there may be": (
        array("samples/starts.npy", range(102), np.int64),
        "samples/starts.npy: int64 (up to 101) expected",
    ),
    "samples without a beginning": (
        array("samples/starts.npy", [], np.int64),
        "(up to 101) expected, found int64 (0,)",
    ),
    "samples that end behind the file": (array("samples/starts.npy", [0, 3, 2**62], np.int64), "expected, found int32"),
    "samples that end below zero": (array("samples/starts.npy", [0, 3, -5], np.int64), "int32 (-5) expected"),
    "samples that wrap around": (
        array("samples/starts.npy", [0, 2**63 - 1, -(2**63), 5], np.int64),
        "samples: the row pointers do not lead",
    ),
    "samples before the first": (array("samples/starts.npy", [-1, 3, 5], np.int64), "samples: the row pointers do not"),
    "a sample of nothing": (array("samples/starts.npy", [0, 3, 3, 5], np.int64), "samples: the row pointers do not"),
    "a sample of what is no item": (array("samples/rows.npy", [0, 1, 6, 3, 5], np.int32), "what is no item"),
    "a sample of what lies before the items": (array("samples/rows.npy", [-1, 1, 2, 3, 5], np.int32), "is no item"),
    "an item of a sample twice": (array("samples/rows.npy", [0, 1, 1, 3, 5], np.int32), "do not ascend"),
    "a sample in another order": (array("samples/rows.npy", [0, 1, 2, 5, 3], np.int32), "do not ascend"),
    "a sample longer than there may be": (
        lambda f: put(
            put(f, "samples/starts.npy", np.array([0, 101])), "samples/rows.npy", np.arange(101, dtype=np.int32)
        ),
        "samples: a history has more than 100 items",
    ),
    "samples that are fractions": (array("samples/rows.npy", np.zeros(5), np.float32), "int32 (5) expected"),
    "samples without a file": (
        lambda f: change_and_sign(f, lambda m: m["files"].pop("samples/rows.npy")),
        "does not list samples/rows.npy",
    ),
    "samples without row pointers": (
        lambda f: change_and_sign(f, lambda m: m["files"].pop("samples/starts.npy")),
        "'samples/rows.npy' is not a file of an artifact",
    ),
    "guests of another number of segments": (
        array("segments/guests.starts.npy", [0, 1, 2], np.int64),
        "segments/guests.starts.npy: int64 (4) expected",
    ),
    "more guests than the file has": (
        array("segments/guests.starts.npy", [0, 1, 2, 9], np.int64),
        "int32 (9) expected",
    ),
    "fewer than no guests": (array("segments/guests.starts.npy", [0, 3, 2, 2], np.int64), "guests do not lead"),
    "guests before the first": (array("segments/guests.starts.npy", [-1, 1, 2, 2], np.int64), "guests do not lead"),
    "a guest that is no item": (array("segments/guests.rows.npy", [1, 6], np.int32), "a guest is no item"),
    "a guest before the first item": (array("segments/guests.rows.npy", [-1, 0], np.int32), "a guest is no item"),
    "a guest twice": (
        lambda f: put(
            put(f, "segments/guests.starts.npy", np.array([0, 2, 2, 2])),
            "segments/guests.rows.npy",
            np.array([1, 1], np.int32),
        ),
        "do not ascend",
    ),
    "an own item as a guest": (array("segments/guests.rows.npy", [0, 0], np.int32), "own item is its guest"),
    "guests without a file": (
        lambda f: change_and_sign(f, lambda m: m["files"].pop("segments/guests.rows.npy")),
        "does not list segments/guests.rows.npy",
    ),
    "groups of another number of segments": (
        array("segments/groups.starts.npy", [0, 5], np.int64),
        "segments/groups.starts.npy: int64 (4) expected",
    ),
    "fewer groups than segments": (array("segments/groups.starts.npy", [0, 1, 1, 2], np.int64), "2 groups made 3"),
    "more groups than memory": (array("segments/groups.starts.npy", [0, 1, 4, 2**62], np.int64), "expected, found"),
    "a segment of no group": (array("segments/groups.starts.npy", [0, 0, 4, 5], np.int64), "made of no group"),
    "the dim of a group out of range": (array("segments/groups.dims.npy", [0, 1, 2, 3, 4], np.uint16), "out of range"),
    "the sign of a group": (array("segments/groups.signs.npy", [1, -1, 0, 1, -1], np.int8), "neither +1 nor -1"),
    "a merge of what comes later": (
        array("segments/merges.nodes.npy", [[0, 3], [3, 1]], np.int32),
        "a node that is not there yet",
    ),
    "a merge of a negative node": (array("segments/merges.nodes.npy", [[0, -1], [3, 1]], np.int32), "not there yet"),
    "a merge of one node twice": (array("segments/merges.nodes.npy", [[0, 2], [2, 1]], np.int32), "merges twice"),
    "a merge with itself": (array("segments/merges.nodes.npy", [[0, 0], [3, 1]], np.int32), "merges twice"),
    "a cosine that is no number": (array("segments/merges.cosines.npy", [np.nan, 0.5], np.float32), "cosine"),
}
