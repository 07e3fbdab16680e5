"""Which line of a text file is wrong, and how."""

import gzip
from pathlib import Path

import pytest

from trainer.malformed import malformed


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", None),
        (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, the header 2"),
        (b'a,b\n1,"x\ny"\n1,2,3\n', "line 4 has 3 fields"),
        (b'a,b\n1,"x, y"\n1\n', None),
        (b"a,b\n1,2\n\xe9,2\n", "line 3 has the byte 0xe9: it is not UTF-8"),
        (b"a\xff,b\n1,2\n", "line 1 has the byte 0xff"),
        (b'a,b\n1,"' + b"x" * 2**24 + b"\n", "the record that begins on line 2 never ends; a quote is missing"),
    ],
    ids=str,
)
def test_the_first_line_at_fault_is_named(tmp_path: Path, content: bytes, expected: str | None) -> None:
    for path, written in ((tmp_path / "t.csv", content), (tmp_path / "t.csv.gz", gzip.compress(content))):
        path.write_bytes(written)
        found = malformed(path, ",", '"')
        assert (found is None) == (expected is None)
        assert (expected or "") in (found or "")


def test_without_quotes_a_quote_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "t.inter"
    path.write_bytes(b'a\tb\n"1\t2\n3\t4\t5\n')
    assert "line 3 has 3 fields" in (malformed(path, "\t", None) or "")
