"""10,000 real requests: every field of every line, and the one that is cut."""

import csv
import json
import os
from pathlib import Path

import pytest

from orchestration.raw.reading import read_records

CASES = Path(os.environ.get("DAYBOOK_CASES", "../shared/cases")) / "events"


def case(name: str) -> Path:
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist (set DAYBOOK_CASES)")
    return folder


def test_every_line_but_the_cut_one_parses_to_the_published_fields():
    folder = case("apache_logs")
    with (folder / "access.log").open("rb") as stream:
        reader = read_records(stream, name="access.log")
        records = list(reader)
    assert reader.format == "access_log"

    unparsed = [record for record in records if record.problem]
    expected = json.loads((folder / "case.json").read_text())["expected"]
    # The case counts lines from 0; line 8,899 of the file lacks its closing quote.
    assert [record.line - 1 for record in unparsed] == expected["unparsed"] == [8898]
    assert unparsed[0].problem == "unparsed_line"
    assert unparsed[0].raw.startswith(
        b"46.118.127.106 - - [20/May/2015:12:05:17 +0000]"
    )

    with (folder / "requests.csv").open(newline="") as stream:
        wanted = list(csv.DictReader(stream))
    parsed = [record.value for record in records if record.value]
    assert len(parsed) == len(wanted) == 9999
    for value, row in zip(parsed, wanted, strict=True):
        assert {
            "ip": value["remote_host"],
            "ts": value["time"],
            "method": value["method"],
            "path": value["path"],
            "status": str(value["status"]),
            "bytes": str(value["bytes"] or 0),
            "referrer": value["referrer"] or "",
            "user_agent": value["user_agent"] or "-",
        } == row
    assert sum(value["bytes"] or 0 for value in parsed) == expected["bytes"]


def test_every_line_stands_where_its_offset_says():
    path = case("apache_logs") / "access.log"
    data = path.read_bytes()
    with path.open("rb") as stream:
        for record in read_records(stream, name="access.log"):
            assert data.startswith(record.raw + b"\n", record.offset)


def test_the_daily_files_of_the_music_app_hold_8056_events():
    folder = case("music_app_json")
    expected = json.loads((folder / "case.json").read_text())["files"]
    count = 0
    for name in sorted(expected):
        with (folder / name).open("rb") as stream:
            records = list(read_records(stream, name=name))
        assert [record.problem for record in records] == [None] * len(records)
        assert len(records) == expected[name]["rows"]
        count += len(records)
    assert count == 8056
