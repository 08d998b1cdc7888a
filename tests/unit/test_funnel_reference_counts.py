"""The reference's counts, rates, times and breakdowns, worked by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from tests.warehouse.funnel_reference.attempts import outcomes
from tests.warehouse.funnel_reference.counting import (
    Slice,
    broken_down,
    reach,
    seconds_from_entry,
    seconds_from_previous,
    step_counts,
    summary,
    totals,
)
from tests.warehouse.funnel_reference.definitions import (
    Breakdown,
    Exclusion,
    Funnel,
    Happening,
    Row,
    step,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
AB = Funnel(steps=(step("a"), step("b")), window=timedelta(days=14))
LONG_AFTER = datetime(2027, 1, 1, tzinfo=UTC)


def row(unit, event, hours, **properties):
    return Row(
        id=f"{unit}{event}{hours}",
        occurred_at=START + timedelta(hours=hours),
        event=event,
        unit=unit,
        properties=properties,
    )


def days(number):
    return START + timedelta(days=number)


def test_the_headline_counts_mature_attempts_alone_whatever_their_state():
    rows = [
        row("old", "a", 0),
        row("old", "b", 1),
        row("lost", "a", 0),
        row("new", "a", 24 * 10),
        row("new", "b", 24 * 10 + 1),
        row("under way", "a", 24 * 10),
    ]
    counted = totals(outcomes(rows, AB, watermark=days(15)))
    assert counted.headline_rate == Fraction(1, 2)
    assert counted.all_entrants_rate == Fraction(2, 4)
    assert (counted.in_progress, counted.dropped) == (1, 1)


def test_a_true_fifth_is_a_fifth_after_twenty_days_of_entries():
    """One of five converts after 80 hours; early completers would make it 41 %."""
    rows = [
        row(f"{day}-{index}", event, 24 * day + hours)
        for day in range(20)
        for index in range(50)
        for event, hours in (("a", 0), ("b", 80))
        if event == "a" or index % 5 == 0
    ]
    known = [each for each in rows if each.occurred_at < days(20)]
    found = outcomes(known, AB, watermark=days(20))
    counted = totals(found)
    assert counted.headline_rate == Fraction(1, 5)
    biased = Fraction(counted.completed, counted.completed + counted.dropped)
    assert round(float(biased), 2) == 0.41


def test_units_that_left_are_on_neither_side():
    exclusions = (Exclusion(0, 1, (Happening("x"),), drops_unit=True),)
    rows = [
        row("gone", "a", 0),
        row("gone", "x", 1),
        row("kept", "a", 0),
        row("kept", "b", 1),
    ]
    funnel = replace(AB, exclusions=exclusions)
    found = outcomes(rows, funnel, watermark=LONG_AFTER)
    counted = totals(found)
    assert (counted.left, counted.entered, counted.headline_rate) == (1, 1, 1)
    assert step_counts(found, funnel) == [1, 1]


def test_a_step_that_nobody_reached_is_a_zero():
    found = outcomes([row("u", "a", 0)], AB, watermark=LONG_AFTER)
    assert step_counts(found, AB) == [1, 0]


def test_a_day_counts_a_unit_once_by_that_days_candidates():
    rows = [row("u", "a", 0), row("u", "a", 2), row("u", "a", 30), row("u", "b", 31)]
    funnel = replace(AB, window=timedelta(hours=24))
    found = [
        outcomes(rows, funnel, watermark=LONG_AFTER, entered_on=days(day).date())
        for day in (0, 1)
    ]
    assert [[each.state for each in day] for day in found] == [
        ["dropped"],
        ["completed"],
    ]


def test_times_come_from_mature_counted_paths():
    abc = Funnel(steps=(step("a"), step("b"), step("c")), window=timedelta(days=1))
    rows = [
        row("u", "a", 0),
        row("u", "b", 1),
        row("u", "c", 3),
        row("v", "a", 48),
        row("v", "b", 49),
    ]
    found = outcomes(rows, abc, watermark=days(2))
    assert seconds_from_entry(found, 2) == [3 * 3600]
    assert seconds_from_previous(found, 2) == [2 * 3600]
    assert seconds_from_entry(found, 1) == [3600]


def test_percentiles_lie_between_two_times():
    assert summary([0, 10, 20, 30, 40]) == {
        "mean": 20,
        "median": 20,
        "p75": 30,
        "p90": 36,
    }
    assert summary([])["median"] is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("first", {"red": [2, 1], None: [1, 1]}),
        ("last", {"red": [1, 0], "blue": [1, 1], None: [1, 1]}),
        (1, {"blue": [1, 1], None: [2, 1]}),
        ("all", {"red": [2, 0], None: [1, 1]}),
    ],
)
def test_a_breakdown_reads_its_value_at_its_place(at, expected):
    by = Breakdown("colour", at)
    funnel = replace(AB, breakdown=by)
    rows = [
        row("u", "a", 0, colour="red"),
        row("u", "b", 1, colour="blue"),
        row("v", "a", 0, colour="red"),
        row("w", "a", 0),
        row("w", "b", 1),
    ]
    found = outcomes(rows, funnel, watermark=LONG_AFTER)
    slices = broken_down(found, funnel, by)
    assert {value: slice_.counts for value, slice_ in slices.items()} == expected


def test_the_tail_is_one_row_that_says_how_many_it_folds():
    by = Breakdown("colour", top=1)
    rows = [row(str(index), "a", 0, colour=value) for index, value in enumerate("rrbg")]
    found = outcomes(rows, AB, watermark=LONG_AFTER)
    assert broken_down(found, AB, by) == {
        "r": Slice([2, 0]),
        "other": Slice([2, 0], folded=2),
    }


def test_reach_counts_each_step_by_itself():
    rows = [row("u", "b", 0), row("u", "a", 1), row("v", "b", 0)]
    assert reach(rows, AB) == [1, 2]
