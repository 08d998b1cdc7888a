"""Names speak of periods; periods that are missing hold the watermark."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestration.raw.periods import (
    complete_through,
    expected_periods,
    period_of_folder,
    periods_named,
)

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def starts(names, pattern, cadence="day", zone=UTC_ZONE):
    found = periods_named(names, pattern=pattern, cadence=cadence, zone=zone)
    return sorted(period.start for period in found)


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("2018-11-01-events.json", "%Y-%m-%d-events.json", (2018, 11, 1)),
        ("logs/2018-11-01-events.json", "%Y-%m-%d-events.json", (2018, 11, 1)),
        ("a/b/web-20260105-007.gz", "web-%Y%m%d-*.gz", (2026, 1, 5)),
        ("web/2026/01/05/part-0.gz", "%Y/%m/%d/*", (2026, 1, 5)),
        ("2026-01.csv", "%Y-%m.csv", (2026, 1, 1)),
        ("100%-2026-01-05", "100%%-%Y-%m-%d", (2026, 1, 5)),
    ],
)
def test_a_name_tells_the_start_of_its_period(name, pattern, expected):
    assert starts([name], pattern) == [datetime(*expected, tzinfo=UTC)]


@pytest.mark.parametrize(
    "name", ["2018-13-01-events.json", "2018-11-01-events.json.part", "readme", ""]
)
def test_other_names_are_of_no_period(name):
    assert starts([name], "%Y-%m-%d-events.json") == []


def test_days_are_days_of_the_zone_also_when_clocks_change():
    found = periods_named(
        ["2026-03-28", "2026-03-29", "2026-03-30"],
        pattern="%Y-%m-%d",
        cadence="day",
        zone=BERLIN,
    )
    assert [(p.end - p.start).total_seconds() / 3600 for p in sorted(found)] == [
        24,
        23,
        24,
    ]
    assert complete_through(found, cadence="day", zone=BERLIN) == datetime(
        2026, 3, 30, 22, tzinfo=UTC
    )


def test_a_missing_day_holds_the_watermark_and_is_named():
    found = periods_named(
        [f"{day:02}" for day in ()] + ["2026-01-01", "2026-01-02", "2026-01-04"],
        pattern="%Y-%m-%d",
        cadence="day",
        zone=UTC_ZONE,
    )
    assert complete_through(found, cadence="day", zone=UTC_ZONE) == datetime(
        2026, 1, 3, tzinfo=UTC
    )
    every = expected_periods(
        found, cadence="day", until=datetime(2026, 1, 6, 12, tzinfo=UTC), zone=UTC_ZONE
    )
    missing = [period.start.day for period in every if period not in found]
    assert missing == [3, 5]


@pytest.mark.parametrize(
    ("cadence", "name", "pattern", "end"),
    [
        ("hour", "2026-01-31T23", "%Y-%m-%dT%H", (2026, 2, 1)),
        ("week", "2026-01-26", "%Y-%m-%d", (2026, 2, 2)),
        ("month", "2026-12", "%Y-%m", (2027, 1, 1)),
        ("month", "2026-01-31", "%Y-%m-%d", (2026, 2, 1)),
    ],
)
def test_a_period_lasts_its_cadence(cadence, name, pattern, end):
    found = periods_named([name], pattern=pattern, cadence=cadence, zone=UTC_ZONE)
    assert complete_through(found, cadence=cadence, zone=UTC_ZONE) == datetime(
        *end, tzinfo=UTC
    )


def test_nothing_found_is_complete_through_nothing():
    assert complete_through(set(), cadence="day", zone=UTC_ZONE) is None


@pytest.mark.parametrize(
    ("folder", "start", "hours"),
    [
        ("web/2026-01-05", (2026, 1, 5), 24),
        ("web/2026/01/05", (2026, 1, 5), 24),
        ("web/dt=20260105/hour=07", (2026, 1, 5, 7), 1),
        ("web/2026-01-05T07", (2026, 1, 5, 7), 1),
    ],
)
def test_a_folder_is_named_for_a_day_or_an_hour(folder, start, hours):
    period = period_of_folder(folder, zone=UTC_ZONE)
    assert period.start == datetime(*start, tzinfo=UTC)
    assert (period.end - period.start).total_seconds() == hours * 3600


@pytest.mark.parametrize("folder", ["web", "", "2026-99-99", "2026-01"])
def test_other_folders_are_of_no_period(folder):
    assert period_of_folder(folder, zone=UTC_ZONE) is None
