"""python -m service keys: makes, lists and removes keys. A running service sees the change within a second or so."""

import argparse
import codecs
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from service.keys import SCOPES, KeysFileError, new_key, read_keys

EXIT_CONFIGURATION = 3


def main(arguments: Sequence[str]) -> int:
    """Does what was asked; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m service keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make a key and print it, once")
    add.add_argument("name", help="whom it is for: letters, digits, '.', '_' and '-'")
    add.add_argument("--scopes", type=_scopes, default=frozenset({"read"}), help=f"of {','.join(SCOPES)} (read)")
    remove = commands.add_parser("remove", help="take a key away")
    remove.add_argument("name")
    listing = commands.add_parser("list", help="names and scopes")
    for command in (add, remove, listing):
        command.add_argument("--file", type=Path, default=_default_file(), help="SPARSESHELF_KEYS_FILE, keys.txt")
    options = parser.parse_args(arguments)
    try:
        if options.command == "add":
            with _alone(options.file):
                _add(options.file, options.name, options.scopes)
        elif options.command == "remove":
            with _alone(options.file):
                _remove(options.file, options.name)
        else:
            for key in read_keys(options.file):
                print(key.name, ",".join(scope for scope in SCOPES if scope in key.scopes))
    except KeysFileError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{options.file} cannot be written ({error.strerror})")
    return 0


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One change of a file at a time: the folder is locked, since the file itself is replaced."""
    folder = os.open(file.resolve().parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _add(file: Path, name: str, scopes: frozenset[str]) -> None:
    secret, key = new_key(name, scopes)
    if any(other.name == name for other in (read_keys(file) if file.exists() else ())):
        raise KeysFileError(f"{file} has a key of this name already; remove it first, or choose another name")
    before = file.read_bytes() if file.exists() else b"# name, scopes, SHA-256 of the key\n"
    _replace(file, before + (b"" if before.endswith(b"\n") or not before else b"\n") + key.line.encode())
    print(secret, flush=True)
    print(
        f"This key of {name} is shown once; {file} holds its digest only. Start the service with "
        f"SPARSESHELF_KEYS_FILE={file}, and send `Authorization: Bearer KEY`.",
        file=sys.stderr,
    )


def _remove(file: Path, name: str) -> None:
    if all(key.name != name for key in read_keys(file)):
        raise KeysFileError(f"{file} has no key of this name")
    lines = file.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)
    kept = [line for line in lines if line.split()[:1] != [name.encode()]]
    _replace(file, b"".join(kept))


def _replace(file: Path, content: bytes) -> None:
    """The file with other content, in one step."""
    file = file.resolve()
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # 0600
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if file.exists():
            written.chmod(file.stat().st_mode & 0o777)
        written.replace(file)
    finally:
        written.unlink(missing_ok=True)


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(text.split(","))
    if not scopes.issubset(SCOPES):
        raise argparse.ArgumentTypeError(f"scopes are {', '.join(SCOPES)}, separated by commas")
    return scopes


def _default_file() -> Path:
    return Path(os.environ.get("SPARSESHELF_KEYS_FILE") or "keys.txt")


def _failed(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return EXIT_CONFIGURATION
