"""The acid test for CSV, and 515 naughty strings in every field and format."""

import csv
import gzip
import io
import json
import os
from pathlib import Path

import pytest

from orchestration.raw.reading import read_again, read_records

CASES = Path(os.environ.get("DAYBOOK_CASES", "../shared/cases")) / "bad_inputs"
FIELDS = ["event_name", "user_id", "page_title", "value"]


def case(name: str) -> Path:
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist (set DAYBOOK_CASES)")
    return folder


def test_every_acid_csv_reads_as_its_json_twin():
    folder = case("csv_spectrum")
    paths = sorted((folder / "csvs").glob("*.csv"))
    assert len(paths) == 11
    for path in paths:
        wanted = json.loads((folder / "json" / f"{path.stem}.json").read_bytes())
        data = path.read_bytes()
        if path.stem == "newlines_crlf":
            # Its notes say so: the line endings of the CSV were lost, not of the twin.
            assert b"\r" not in data
            data = data.replace(b"\n", b"\r\n")
        for packed in (data, gzip.compress(data)):
            records = list(read_records(io.BytesIO(packed), name=path.name))
            assert [record.value for record in records] == wanted, path.stem


def naughty_strings() -> list[str]:
    return json.loads((case("naughty_strings") / "strings.json").read_bytes())


def as_ndjson(rows: list[dict]) -> bytes:
    return b"".join(
        json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows
    )


def as_csv(rows: list[dict]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FIELDS, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: list[dict]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  slow to import, and of use only here
    import pyarrow.parquet as pq  # noqa: PLC0415

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        ("ndjson", as_ndjson),
        ("ndjson", lambda rows: as_ndjson([{"events": rows}])),
        ("json", lambda rows: json.dumps(rows, indent=1).encode()),
        ("csv", as_csv),
        ("parquet", as_parquet),
    ],
    ids=["lines", "batch", "array", "csv", "parquet"],
)
def test_naughty_strings_are_read_unchanged_in_every_field(suffix, write):
    strings = naughty_strings()
    assert len(strings) == 515
    rows = [dict.fromkeys(FIELDS, string) for string in strings]
    records = list(read_records(io.BytesIO(write(rows)), name=f"day.{suffix}"))
    assert [record.value for record in records] == rows
    for record in records:
        assert read_again(record.raw, format=suffix).value == record.value


def test_naughty_strings_in_an_access_log_break_no_other_line():
    good = 'h - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "agent"'
    for string in naughty_strings():
        one_line = string.replace("\n", " ").replace("\\", "\\\\").replace('"', '\\"')
        data = f"{good}\n{good.replace('agent', one_line)}\n{good}\n".encode()
        first, naughty, last = read_records(io.BytesIO(data), name="access.log")
        assert first.value == last.value
        wanted = None if one_line == "-" else string.replace("\n", " ")
        assert naughty.value["user_agent"] == wanted
