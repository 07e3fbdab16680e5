"""A file of labels that a person wrote."""

import logging
from pathlib import Path

import pytest

from trainer.errors import DataError
from trainer.segmentation.labels_file import LabelsFile, read_labels


def read(folder: Path, content: str | bytes, separator: str | None = None) -> LabelsFile:
    path = folder / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(path, separator)


def test_labels_are_read_by_segment_id(tmp_path: Path) -> None:
    found = read(tmp_path, '\ufeffsegment_id,note,label\ns2,x,"War, Peace"\n\ns1,, Übersee \n')
    assert found.labels == {"s2": "War, Peace", "s1": "Übersee"}
    assert read(tmp_path, "label;segment_id\nÜbersee;s1\nWar, Peace;s2\n", ";").digest == found.digest
    assert read(tmp_path, "label,segment_id\nÜbersee,s1\nWar,s2\n").digest != found.digest


def test_labels_of_segments_that_are_not_there_are_told_and_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(f"s{number},Label {number}\n" for number in range(1, 10))
    found = read(tmp_path, f"segment_id,label\n{rows}")
    assert found.of(["s3", "other", "s1"]) == {0: "Label 3", 2: "Label 1"}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "no segment has the id s2, s4, s5, s6, s7 and 2 more" in record.getMessage()
    caplog.clear()
    found.of([f"s{number}" for number in range(1, 12)])
    assert not caplog.records


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("segment_id,label\ns1,War\ns2,Peace\n\ns1,Love\n", "line 2 and line 5 both name 's1'; take one out"),
        ("segment_id,label\ns1,War\ns2,\n", "line 3: the label of s2 is empty; write one or take the line out"),
        ('segment_id,label\ns1,War\ns2,"  "\n', "line 3: the label of s2 is empty"),
        ("segment_id,label\n,War\n", "line 2: there is no segment_id"),
        (f"segment_id,label\ns1,{'x' * 101}\n", "line 2: the label of s1 has 101 characters; shorten it to 100"),
        ('segment_id,label\ns1,"War\nPeace"\n', r"line 2: the label of s1 holds '\\n'"),
        ("segment_id,label\ns1,War\x07\n", r"line 2: the label of s1 holds '\\x07'"),
        ("segment_id,name\ns1,War\n", "no column 'label'; it has segment_id, name, and needs segment_id and label"),
        ("id,label\ns1,War\n", "no column 'segment_id'"),
        ("segment_id,label\ns1,War,Peace\n", "line 2 has 3 fields, the header 2; quote"),
        ("segment_id,label\n", "it has a header and no rows"),
        ("", "the file is empty"),
        ('{"s1": "War"}', "no column 'segment_id'|it has a header and no rows"),
        (b"segment_id,label\ns1,\xff\xfe\n", "line 2 has the byte 0xff: it is not UTF-8"),
        (b"PK\x03\x04\x00\x00\xff\xfe", "not UTF-8|a header and no rows"),
    ],
)
def test_what_is_no_table_of_labels_is_refused_with_its_line(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(DataError, match=words) as refused:
        read(tmp_path, content)
    assert "labels.csv" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_labels(tmp_path / "labels.csv")
