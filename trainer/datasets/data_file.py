"""A file to read, on its own or inside a zip archive, and the line of it that is at fault."""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from trainer.errors import DataError

_LONGEST_LINE = 1 << 20  # bytes
_SHOWN = 60  # characters of a line that is at fault


@dataclass(frozen=True)
class DataFile:
    path: Path
    member: str | None = None  # its name inside the archive `path`

    @classmethod
    def inside(cls, archive: Path, name: str) -> "DataFile":
        """The member called `name`, whatever folder of the archive it lies in."""
        try:
            with zipfile.ZipFile(archive) as opened:
                found = [member for member in opened.namelist() if PurePosixPath(member).name == name]
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{archive}: cannot be read ({error}); delete it and try again") from error
        if not found:
            raise DataError(f"{archive}: there is no {name} in it; delete it and try again")
        return cls(archive, min(found, key=len))

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}: {self.member}"

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The file as bytes. Raises DataError for what cannot be read, at the start or in the middle."""
        try:
            if self.member is None:
                with self.path.open("rb") as file:
                    yield file
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                    yield file
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
            raise DataError(f"{self}: cannot be read ({error})") from error

    def read(self) -> bytes:
        with self.opened() as file:
            return file.read()

    @property
    def for_polars(self) -> Path | bytes:
        """What Polars reads fastest: a file on disk is mapped, one in an archive unpacked into memory."""
        return self.path if self.member is None else self.read()

    def lines(self, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
        """Numbered lines, without their ends and without empty ones. Only a newline ends a line: Latin-1 has others."""
        with self.opened() as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
                text = line.rstrip(b"\r\n")
                if text:
                    yield number, self._decoded(text, encoding, number)

    def _decoded(self, text: bytes, encoding: str, number: int) -> str:
        try:
            return text.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise self.fault(number, repr(text[:_SHOWN]), "text in UTF-8") from error

    def records(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """The fields of `columns`, with the line they end on, of a CSV file with a header."""
        text = io.StringIO(self._decoded(self.read(), "utf-8", 1), newline="")
        reader = csv.reader(text, strict=True)
        try:
            header = next(reader, [])
            if missing := [name for name in columns if name not in header]:
                raise DataError(f"{self}: it has no column {missing[0]!r}, only {', '.join(header) or 'nothing'}")
            places = [header.index(name) for name in columns]
            for fields in reader:
                if fields and len(fields) != len(header):
                    raise self.fault(reader.line_num, repr(",".join(fields)[:_SHOWN]), f"{len(header)} fields")
                if fields:
                    yield reader.line_num, [fields[place] for place in places]
        except csv.Error as error:
            raise DataError(f"{self}, line {reader.line_num}: cannot be read as CSV ({error})") from error

    def fault(self, number: int, found: str, expected: str) -> DataError:
        return DataError(f"{self}, line {number}: {found}, where {expected} is expected")

    def first_unlike(self, line: re.Pattern[bytes], expected: str, *, header: bool = False) -> DataError | None:
        """The error that names the first line, after a `header`, that is not like `line`; None where all are."""
        with self.opened() as file:
            for number, found in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
                text = found.rstrip(b"\r\n")
                if not line.fullmatch(text) and not (header and number == 1):
                    shown = repr(text[:_SHOWN].decode("utf-8", "replace"))
                    return self.fault(number, shown, expected)
        return None
