"""Where a text file is malformed: looked for, line by line, once its reader has given up on it."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

_LONGEST_FIELD = 2**24
NOT_UTF_8 = "it is not UTF-8; convert it first, for instance with `iconv -f latin1 -t utf-8`"


def malformed(path: Path, separator: str, quote: str | None) -> str | None:
    """What is wrong with the first line that is, in words; None where nothing is found."""
    try:
        return _not_text(path) or _other_number_of_fields(path, separator, quote)
    except (OSError, EOFError, csv.Error):
        return None


def _not_text(path: Path) -> str | None:
    for number, line in enumerate(_lines(path), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return f"line {number} has the byte {line[error.start]:#04x}: {NOT_UTF_8}"
    return None


def _other_number_of_fields(path: Path, separator: str, quote: str | None) -> str | None:
    before = csv.field_size_limit(_LONGEST_FIELD)
    text = (line.decode() for line in _lines(path))
    try:
        reader = (
            csv.reader(text, delimiter=separator, quotechar=quote)
            if quote
            else csv.reader(text, delimiter=separator, quoting=csv.QUOTE_NONE)
        )
        header = next(reader, [])
        begins = reader.line_num + 1
        for record in reader:
            if len(record) > len(header):
                many = f"{len(record)} fields, the header {len(header)}"
                return f"line {begins} has {many}; quote what holds a {separator!r}"
            begins = reader.line_num + 1
    except csv.Error as error:
        if "field larger" in str(error):
            return f"the record that begins on line {begins} never ends; a quote is missing"
        raise
    finally:
        csv.field_size_limit(before)
    return None


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        yield from file
