"""Three clocks: what is believed, what is corrected, and what cannot be."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.raw.clocks import (
    LATENESS,
    NEVER,
    Clocks,
    from_micros,
    read_instant,
    to_micros,
)
from orchestration.raw.envelope import LINES
from orchestration.raw.reasons import Reason, RejectedError

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def clocks(timezone="UTC", floor=None, late=3):
    return Clocks(timezone=timezone, now=NOW, floor=floor, days_late_allowed=late)


def at(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


NOON = at("2026-03-09 12:00")


def test_without_a_sent_time_the_device_is_believed():
    occurred, day, is_future, lateness = clocks().settle(NOON, None, NOON + MINUTE)
    assert (occurred, day, is_future, lateness) == (
        NOON,
        dt.date(2026, 3, 9),
        False,
        "on_time",
    )


def test_a_clock_that_is_two_hours_ahead_is_set_right_by_what_it_sent():
    ahead = dt.timedelta(hours=2)
    occurred, _, is_future, _ = clocks().settle(
        NOON + ahead, NOON + 10 * MINUTE + ahead, NOON + 10 * MINUTE
    )
    assert (occurred, is_future) == (NOON, False)


@pytest.mark.parametrize(
    ("ahead", "is_future"),
    [(dt.timedelta(minutes=5), False), (dt.timedelta(minutes=5, microseconds=1), True)],
)
def test_more_than_five_minutes_after_receipt_is_not_believed(ahead, is_future):
    occurred, _, flagged, _ = clocks().settle(NOON + ahead, None, NOON)
    assert flagged == is_future
    assert occurred == (NOON if is_future else NOON + ahead)


@pytest.mark.parametrize(
    ("occurred", "sent", "received", "pointer"),
    [
        ("2026-03-11 12:01", None, None, "/occurred_at"),
        ("2026-03-09 12:01", None, "2026-03-08 12:00", "/occurred_at"),
        ("2026-03-09 12:00", None, "2026-03-11 12:01", "/received_at"),
        ("1969-12-31 23:59", None, None, "/occurred_at"),
        ("9999-12-31 23:59", None, "2026-03-09 12:00", "/occurred_at"),
        ("2026-03-09 12:00", "9999-12-31 00:00", "2026-03-09 12:00", "/sent_at"),
    ],
)
def test_an_impossible_time_is_refused(occurred, sent, received, pointer):
    times = [at(time) if time else None for time in (sent, received)]
    with pytest.raises(RejectedError) as caught:
        clocks().settle(at(occurred), *times)
    assert caught.value.reason == Reason.IMPOSSIBLE_TIME
    assert caught.value.pointer == pointer


def test_the_day_of_the_retention_floor_is_kept_and_the_one_before_is_not():
    floor = dt.date(2026, 3, 9)
    assert clocks(floor=floor).settle(at("2026-03-09 00:00"), None, None)[1] == floor
    with pytest.raises(RejectedError):
        clocks(floor=floor).settle(at("2026-03-08 23:59"), None, None)


@pytest.mark.parametrize(
    ("received", "label"),
    [
        ("2026-03-09 23:59", "on_time"),
        ("2026-03-10 00:00", "late"),
        ("2026-03-10 12:00", "late"),
    ],
)
def test_late_is_another_reporting_day(received, label):
    assert clocks().settle(NOON, None, at(received))[3] == label


@pytest.mark.parametrize(("days", "label"), [(3, "late"), (4, "too_late")])
def test_too_late_is_beyond_the_days_allowed(days, label):
    occurred = NOON - dt.timedelta(days=days)
    assert clocks().settle(occurred, None, NOON)[3] == label


# Gaps and repeats of an hour, of half an hour, at midnight, and a day left out.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "America/Havana",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Monrovia",
]


@given(
    st.sampled_from(ZONES),
    st.datetimes(
        min_value=dt.datetime(1970, 1, 2),  # noqa: DTZ001
        max_value=dt.datetime(2037, 1, 1),  # noqa: DTZ001
    ),
)
def test_the_day_is_the_one_on_the_calendar_of_the_zone(zone, moment):
    instant = moment.replace(tzinfo=dt.UTC)
    expected = instant.astimezone(ZoneInfo(zone)).date()
    assert clocks(timezone=zone).day_of(instant) == expected


@pytest.mark.parametrize("minutes", range(-70, 80, 5))
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-03-29 01:00"),
        ("America/Havana", "2026-03-08 05:00"),
        ("America/St_Johns", "2006-10-29 02:31"),
        ("Pacific/Apia", "2011-12-30 10:00"),
    ],
)
def test_the_day_is_right_around_a_change_of_clocks(zone, change, minutes):
    instant = at(change) + minutes * MINUTE
    expected = instant.astimezone(ZoneInfo(zone)).date()
    assert clocks(timezone=zone).day_of(instant) == expected


def read(value, unit="iso", zone="UTC"):
    return read_instant(value, unit=unit, zone=ZoneInfo(zone), pointer="/occurred_at")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("2026-03-09T12:00:00Z", "iso", NOON),
        ("2026-03-09t12:00:00z", "iso", NOON),
        ("2026-03-09 12:00", "iso", NOON),
        ("2026-03-09 14:00:00+02", "iso", NOON),
        ("2026-03-09T14:00:00+0200", "iso", NOON),
        ("2026-03-09 12:00:00 +00:00", "iso", NOON),
        (dt.datetime(2026, 3, 9, 12), "iso", NOON),  # noqa: DTZ001
        (1773057600, "epoch_s", NOON),
        (1773057600.0, "epoch_s", NOON),
        ("1773057600000", "epoch_ms", NOON),
        (1773057600000, "epoch_ms", NOON),
        (1773057600000001, "epoch_us", NOON + dt.timedelta(microseconds=1)),
        (None, "iso", None),
        ("", "epoch_ms", None),
    ],
)
def test_an_instant_is_read_in_the_unit_of_its_source(value, unit, expected):
    assert read(value, unit) == expected


def test_a_naive_time_is_a_reading_in_the_zone_of_its_source():
    assert read("2026-03-09 13:00:00", zone="Europe/Berlin") == NOON


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("0000-01-01T00:00:00Z", "iso"),
        ("2026-02-30T00:00:00Z", "iso"),
        ("2026-03-09T24:00:00Z", "iso"),
        ("2016-12-31T23:59:60Z", "iso"),
        ("2026-03-09", "iso"),
        ("2026-W10-1T10:00:00", "iso"),
        ("٢٠٢٦-03-09T10:00:00Z", "iso"),
        ("0001-01-01T00:00:00+23:59", "iso"),
        ("yesterday", "iso"),
        (1773057600, "iso"),
        (True, "epoch_s"),
        (float("nan"), "epoch_s"),
        (float("inf"), "epoch_ms"),
        (10**400, "epoch_s"),
        ("1e5", "epoch_s"),
        ([1], "epoch_s"),
        ("9" * 5000, "epoch_s"),
    ],
)
def test_what_names_no_instant_is_an_invalid_time(value, unit):
    with pytest.raises(RejectedError) as caught:
        read(value, unit)
    assert caught.value.reason == Reason.INVALID_TIME


@given(st.text("0123456789", min_size=1, max_size=14), st.integers(0, 59))
def test_fractions_round_as_they_do_in_a_plain_line(fraction, second):
    text = f"2026-01-01T23:59:{second:02d}.{fraction}Z"
    line = msgspec.json.encode({"event_name": "a", "occurred_at": text})
    found = read_instant(text, unit="iso", zone=dt.UTC, pointer="")
    assert found == LINES.decode(line).occurred_at


# Around every bound that clocks are judged by, the days' own bounds included.
INSTANTS = st.one_of(
    st.datetimes(timezones=st.just(dt.UTC)),
    st.builds(
        lambda base, seconds: base + dt.timedelta(seconds=seconds),
        st.sampled_from([NOW, NOON, at("2026-03-29 00:00"), at("1970-01-01 00:00")]),
        st.sampled_from([-86_400, -300, -1, 0, 1, 300, 301, 86_400, 86_401, 260_000]),
    ),
)


@given(
    st.lists(
        st.tuples(INSTANTS, st.none() | INSTANTS, st.none() | INSTANTS), max_size=20
    ),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    st.sampled_from([None, dt.date(2026, 3, 9)]),
)
def test_many_clocks_are_settled_as_each_of_them_is(times, zone, floor):
    one = clocks(timezone=zone, floor=floor)
    columns = [
        np.array([NEVER if each is None else to_micros(each) for each in column], int)
        for column in (zip(*times, strict=True) if times else ([], [], []))
    ]
    settled = one.settle_all(*columns)
    for place, each in enumerate(times):
        if not settled.is_settled[place]:
            continue
        assert one.settle(*each) == (
            from_micros(int(settled.instants[place])),
            dt.date(1970, 1, 1) + dt.timedelta(days=int(settled.days[place])),
            settled.is_future[place],
            LATENESS[settled.lateness[place]],
        )


def test_plain_clocks_are_settled_together():
    micros = [np.array([to_micros(time)]) for time in (NOON, NOON, NOON + MINUTE)]
    assert clocks(timezone="Europe/Berlin").settle_all(*micros).is_settled.all()
