"""CSV annotations: what is read, and the one line that names file, line and cure for what is not."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import DataError
from pipeline.datasets import _csv
from pipeline.datasets._csv import read_csv, repeats

NEEDED = ("image", "labels")


def table(tmp_path: Path, content: bytes | str) -> _csv.Table:
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, NEEDED)


def refused(tmp_path: Path, content: bytes | str) -> str:
    with pytest.raises(DataError) as error:
        table(tmp_path, content)
    text = str(error.value)
    assert len(text.splitlines()) == 1
    assert text.startswith(f"{tmp_path}/t.csv:")
    return text.removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    "content",
    [
        "image,labels\na.jpg,x\nb.jpg,y\n",
        "image,labels\r\na.jpg,x\r\nb.jpg,y\r\n",
        "image,labels\ra.jpg,x\rb.jpg,y",
        "\ufeffimage,labels\na.jpg,x\nb.jpg,y",
        ' image , labels \n"a.jpg", x \n\n,\nb.jpg,"y"\n\n',
    ],
)
def test_line_ends_marks_quotes_and_blank_lines_make_no_difference(tmp_path: Path, content: str) -> None:
    found = table(tmp_path, content)
    assert found.columns == NEEDED
    assert [record.fields for record in found.records] == [
        {"image": "a.jpg", "labels": "x"},
        {"image": "b.jpg", "labels": "y"},
    ]


def test_quoted_text_may_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    found = table(tmp_path, 'image,labels\n"a,b.jpg","x ""y"" z"\n"two\nlines.jpg",x\nc.jpg,x\n')
    assert [record.fields["image"] for record in found.records] == ["a,b.jpg", "two\nlines.jpg", "c.jpg"]
    assert found.records[0].fields["labels"] == 'x "y" z'
    assert [record.line for record in found.records] == [2, 3, 5]
    assert found.records[1].short == "t.csv:3"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "t.csv: is empty. Its first line names the columns: image, labels"),
        ("\n\n", "t.csv: is empty."),
        ("image,labels\n", "t.csv: has a header and no rows"),
        ("image,label\na,b\n", "t.csv:1: has no column 'labels'. It has image, label"),
        ("image,labels,image\na,b,c\n", "t.csv:1: column 'image' stands twice"),
        ("image;labels\na;b\n", "t.csv:1: columns are separated by ';'. Save the file with commas"),
        ("image\tlabels\na\tb\n", "t.csv:1: columns are separated by '\\t'."),
        ("image,labels\na\n", "t.csv:2: has 1 fields, the header 2."),
        ("image,labels\na,b\na,b,c\n", "t.csv:3: has 3 fields, the header 2. Text with a comma in it stands in double"),
        ('image,labels\na,b\n"a,b\nc,d\n', "t.csv:3: is not CSV: unexpected end of data."),
        ('image,labels\n"a"x,b\n', "t.csv:2: is not CSV: "),
        (b"image,labels\na,b\ncaf\xe9.jpg,x\n", "t.csv:3: byte 0xe9 is not UTF-8 text. Save the file as CSV in UTF-8"),
        ("image,labels\na,b\n".encode("utf-16"), "t.csv:1: byte 0xff is not UTF-8 text."),
        ("image,labels\na," + "b" * 200_000, "t.csv:2: 200002 characters in a line, over the cap of 100000"),
        ('image,labels\na,"' + "b\n" * 200_000 + '"', "t.csv:2: is not CSV: field larger than field limit"),
    ],
)
def test_faults_name_the_line_and_the_cure(tmp_path: Path, content: str | bytes, told: str) -> None:
    assert refused(tmp_path, content).startswith(told)


def test_too_large_a_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_csv, "LARGEST", 20)
    assert "30 bytes, over the cap of 20" in refused(tmp_path, "image,labels\n" + "a" * 16 + "\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv: cannot be read: No such file"):
        read_csv(tmp_path / "t.csv", NEEDED)


@pytest.mark.parametrize(("text", "value"), [("12", 12), ("-3.5", -3.5), ("+.5", 0.5), ("1e2", 100), ("7.", 7)])
def test_numbers(tmp_path: Path, text: str, value: float) -> None:
    assert table(tmp_path, f"image,labels\na,{text}\n").records[0].number("labels") == value


def test_a_blank_or_absent_number_is_nan(tmp_path: Path) -> None:
    record = table(tmp_path, "image,labels\na,\n").records[0]
    assert math.isnan(record.number("labels"))
    assert math.isnan(record.number("absent"))


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1_000", "0x10", "1e999", "twelve", "٣", '"1,5"', "1 2"])
def test_what_is_no_finite_number_is_refused(tmp_path: Path, text: str) -> None:
    record = table(tmp_path, f"image,labels\na,{text}\n").records[0]
    with pytest.raises(DataError, match=r"t\.csv:2: labels .* is not a finite number\. Write it with a point"):
        record.number("labels")


def test_repeats_are_counted(tmp_path: Path) -> None:
    found = table(tmp_path, "n,image,labels\n1,a,x\n2,a,x\n3,b,x\n4,a,x\n")
    assert repeats(found, ("n",)) == ["rows that repeat an earlier row, kept as more people: 2, first t.csv:3"]
    assert repeats(found) == []


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200) | st.text('imagelbs,"\n\r;\0é ').map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        table(folder, b"image,labels\n" + content)
    except DataError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 (not every input is refused)
