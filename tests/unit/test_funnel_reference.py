"""The reference of funnels against examples worked by hand from SEMANTICS 2.6.

A history is written `a@0 b@60`: events at minutes, ids in the order of writing. A row
may say more: `a@0/web:7` has sequence 7 of its source, `a@0[red]` a colour.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.warehouse.funnel_reference.attempts import outcomes
from tests.warehouse.funnel_reference.definitions import (
    Exclusion,
    Funnel,
    Happening,
    Row,
    Step,
    step,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AFTER = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ABC = Funnel(steps=(step("a"), step("b"), step("c")))
ROW = re.compile(
    r"(?P<event>\w+)@(?P<minute>[\d.]+)(/(?P<source>\w+):(?P<sequence>\d+))?"
    r"(\[(?P<colour>\w+)\])?(~(?P<session>\w+))?"
)


def minute(number):
    return START + timedelta(minutes=float(number))


def history(text):
    found = [ROW.fullmatch(word).groupdict() for word in text.split()]
    return [
        Row(
            id=f"{index:02}",
            occurred_at=minute(row["minute"]),
            event=row["event"],
            source=row["source"] or "web",
            sequence=int(row["sequence"]) if row["sequence"] else None,
            session=row["session"],
            properties={"colour": row["colour"]} if row["colour"] else {},
        )
        for index, row in enumerate(found)
    ]


def result(text, funnel=ABC, *, watermark=LONG_AFTER, **settings):
    """Return (state, minutes of the counted path) of everything that counts."""
    given = replace(funnel, **settings)
    found = outcomes(history(text), given, watermark=watermark)
    return [(each.state, minutes(each)) for each in found]


def minutes(outcome):
    return [
        (visit.row.occurred_at - START).total_seconds() / 60
        for visit in outcome.attempt.path
    ]


def path(text, funnel=ABC, **settings):
    """Return the minutes of the counted path of the one unit."""
    [(_, counted)] = result(text, funnel, **settings)
    return counted


# Steps


def test_a_step_accepts_several_alternatives():
    funnel = Funnel(steps=(step("a"), step("b", "z")))
    assert path("a@0 z@1", funnel) == [0, 1]


def test_a_step_asks_for_its_properties():
    red = Step((Happening("b", (("colour", "red"),)),))
    funnel = Funnel(steps=(step("a"), red))
    assert path("a@0 b@1[blue] b@2[red]", funnel) == [0, 2]
    assert path("a@0 b@1[blue] b@2", funnel) == [0]


def test_the_same_step_twice_needs_two_rows():
    funnel = Funnel(steps=(step("a"), step("a"), step("b")))
    assert path("a@0 b@1", funnel) == [0]
    assert path("a@0 a@0 b@1", funnel) == [0, 0, 1]


# Order


def test_anything_may_happen_between_ordered_steps():
    assert path("a@0 z@1 c@2 b@3 a@4 c@5") == [0, 3, 5]


def test_strict_order_bears_nothing_of_its_steps_between():
    assert path("a@0 c@1 b@2", order="strict") == [0]
    assert path("a@0 z@1 b@2 c@3", order="strict") == [0, 2, 3]


def test_strict_order_bears_no_listed_noise_between():
    noise = (Happening("z"),)
    assert path("a@0 z@1 b@2", order="strict", noise=noise) == [0]


def test_strict_order_may_ask_for_literally_nothing_between():
    assert path("a@0 z@1 b@2", order="strict", scope="all") == [0]


def test_a_repeated_step_breaks_strict_order_for_the_earlier_start_only():
    assert path("a@0 a@1 b@2 c@3", order="strict") == [1, 2, 3]


def test_any_order_counts_places():
    assert path("c@0 a@1 b@2", order="any_order") == [0, 1, 2]
    assert path("c@0 c@1 b@2", order="any_order") == [0, 2]


def test_an_anchored_step_keeps_its_place():
    first = Funnel(
        steps=(step("a", is_anchored=True), step("b"), step("c")), order="any_order"
    )
    assert path("c@0 a@1 b@2", first) == [1, 2]
    assert path("a@0 c@1 b@2", first) == [0, 1, 2]
    last = Funnel(
        steps=(step("a"), step("b"), step("c", is_anchored=True)), order="any_order"
    )
    assert path("c@0 b@1 a@2", last) == [1, 2]
    assert path("b@0 a@1 c@2", last) == [0, 1, 2]


def test_rows_of_one_instant_do_not_block_each_other():
    assert path("b@0 a@0 c@0") == [0, 0, 0]


def test_a_common_sequence_tells_which_of_one_instant_came_first():
    assert path("b@0/web:1 a@0/web:2 c@1") == [0]
    assert path("b@0/app:1 a@0/web:2 c@1") == [0, 0, 1]
    assert path("b@0 a@0/web:2 c@1") == [0, 0, 1]
    assert path("b@0/web:2 a@0/web:2 c@1") == [0, 0, 1]


def test_every_pair_of_a_path_keeps_what_order_is_known():
    # b ties with both, but c is known to come before a.
    assert path("c@0/web:1 b@0 a@0/web:2") == [0, 0]


def test_attempts_decided_by_a_tie_are_known():
    [tied] = outcomes(history("b@0 a@0 c@1"), ABC, watermark=LONG_AFTER)
    [plain] = outcomes(history("a@0 b@0 c@1"), ABC, watermark=LONG_AFTER)
    assert (tied.attempt.is_tied, plain.attempt.is_tied) == (True, False)


def test_a_tolerance_makes_near_rows_interchangeable():
    assert path("b@0 a@1 c@2") == [1]
    assert path("b@0 a@1 c@2", tolerance=timedelta(minutes=1)) == [1, 0, 2]
    assert path("b@0/web:1 a@1/web:2 c@2", tolerance=timedelta(minutes=1)) == [1]


# Windows


def test_the_window_is_from_the_first_step_and_includes_its_end():
    assert path("a@0 b@30 c@60", window=HOUR) == [0, 30, 60]
    assert path("a@0 b@30 c@60.01", window=HOUR) == [0, 30]


def test_a_step_window_is_from_the_required_step_before():
    within = Funnel(steps=(step("a"), step("b"), step("c", within=HOUR)))
    assert path("a@0 b@50 c@110", within) == [0, 50, 110]
    optional = Funnel(
        steps=(step("a"), step("o", is_optional=True), step("b", within=HOUR))
    )
    assert path("a@0 o@50 b@70", optional) == [0, 50]


def test_both_windows_apply():
    within = Funnel(steps=(step("a"), step("b", within=HOUR)), window=HOUR / 2)
    assert path("a@0 b@40", within) == [0]


def test_the_range_limits_the_entry_alone():
    ends = {"entry_from": minute(10), "entry_to": minute(20)}
    assert result("a@0 b@10 c@20", **ends) == []
    assert path("a@0 a@10 b@30 c@40", **ends) == [10, 30, 40]
    assert path("a@20 b@30 c@40", **ends) == [20, 30, 40]


def test_a_setting_clips_conversions_as_others_do():
    assert path("a@10 b@20 c@30", entry_to=minute(20), clips=True) == [10, 20]


# Matching


def test_matching_is_by_existence():
    """The first b is too early for the window of c, a later one is in time."""
    within = Funnel(steps=(step("a"), step("b"), step("c", within=HOUR)))
    assert path("a@0 b@10 b@90 c@100", within) == [0, 90, 100]


def test_the_smallest_positions_count_step_two_first():
    assert path("a@0 b@1 b@2 c@3 c@4") == [0, 1, 3]
    # The window of d asks for the later c, and nothing for a later b.
    within = Funnel(steps=(step("a"), step("b"), step("c"), step("d", within=HOUR)))
    assert path("a@0 b@1 c@2 c@100 d@101", within) == [0, 1, 100, 101]


def test_a_held_constant_is_looked_for_among_all_rows():
    assert path("a@0[red] b@1[blue] b@2[red] c@3[red]", held=("colour",)) == [0, 2, 3]


def test_a_missing_constant_equals_nothing():
    assert path("a@0 b@1 c@2", held=("colour",)) == [0]


# Candidates and attempts


def test_every_first_step_is_a_candidate():
    assert path("a@0 a@90 b@100 c@110", window=HOUR) == [90, 100, 110]


def test_the_deepest_candidate_counts_then_the_earliest():
    assert path("a@0 b@1 a@2 b@3") == [0, 1]
    assert path("a@0 a@90 b@100 a@200 b@210", window=HOUR) == [90, 100]


TOTALS = replace(ABC, counting="totals", window=HOUR)


def test_attempts_come_one_after_another():
    text = "a@0 b@1 c@2 a@3 b@4 a@100"
    assert result(text, TOTALS) == [
        ("completed", [0, 1, 2]),
        ("dropped", [3, 4]),
        ("dropped", [100]),
    ]


def test_a_first_step_inside_an_open_attempt_is_ignored():
    assert result("a@0 a@60 b@60", TOTALS) == [("dropped", [0, 60])]
    assert result("a@0 a@61 b@62", TOTALS) == [
        ("dropped", [0]),
        ("dropped", [61, 62]),
    ]


def test_or_it_begins_the_attempt_anew():
    latest = replace(TOTALS, reentry="latest")
    assert result("a@0 b@1 a@50 b@51 c@52", latest) == [("completed", [50, 51, 52])]
    assert result("a@0 b@1 c@2 a@3", latest) == [
        ("completed", [0, 1, 2]),
        ("dropped", [3]),
    ]


def test_a_session_holds_candidates_and_path():
    sessions = replace(ABC, counting="sessions")
    assert result("a@0~s b@1~s c@2~t a@3~t b@4", sessions) == [
        ("dropped", [0, 1]),
        ("dropped", [3]),
    ]


# Exclusions


def excluding(after, before, **settings):
    return (Exclusion(after, before, (Happening("x"),), **settings),)


def test_an_exclusion_between_two_steps_ends_the_attempt():
    assert result("a@0 b@1 x@2 c@3", exclusions=excluding(1, 2)) == [
        ("excluded", [0, 1])
    ]


def test_an_exclusion_elsewhere_does_nothing():
    assert path("a@0 x@1 b@2 c@3 x@4", exclusions=excluding(1, 2)) == [0, 2, 3]


def test_an_exclusion_is_avoided_by_another_choice():
    text = "a@0 b@1 x@2 b@3 c@4"
    assert path(text, exclusions=excluding(1, 2)) == [0, 3, 4]


def test_an_exclusion_of_the_same_instant_is_not_between():
    assert path("a@0 b@1 x@1 c@2", exclusions=excluding(1, 2)) == [0, 1, 2]


def test_an_exclusion_after_the_window_ends_nothing():
    assert result("a@0 x@61", window=HOUR, exclusions=excluding(0, 1)) == [
        ("dropped", [0])
    ]


def test_a_unit_may_leave_the_whole_funnel():
    exclusions = excluding(0, 1, drops_unit=True)
    text = "a@0 x@1 a@2 b@3 c@4"
    assert result(text, exclusions=exclusions) == [("left", [2, 3, 4])]
    assert result(text, exclusions=excluding(0, 1)) == [("completed", [2, 3, 4])]


# Optional steps


WITH_OPTIONAL = Funnel(steps=(step("a"), step("o", is_optional=True), step("b")))


def test_an_optional_step_is_reported_and_does_not_gate():
    assert path("a@0 b@2", WITH_OPTIONAL) == [0, 2]
    assert path("a@0 o@1 b@2", WITH_OPTIONAL) == [0, 1, 2]
    assert path("a@0 b@2 o@3", WITH_OPTIONAL) == [0, 2]


def test_an_optional_step_takes_no_row_from_a_required_one():
    funnel = Funnel(steps=(step("a"), step("b", is_optional=True), step("b")))
    assert path("a@0 b@1", funnel) == [0, 1]
    assert path("a@0 b@1 b@2", funnel) == [0, 1]


# States


@pytest.mark.parametrize(
    ("text", "at", "state"),
    [
        ("a@0 b@1 c@2", 10, "completed"),
        ("a@0 b@1", 60, "in_progress"),
        ("a@0 b@1", 61, "dropped"),
        ("a@0 b@1 a@30", 61, "in_progress"),
        ("a@0 b@1 a@30", 91, "dropped"),
        ("a@0 x@1", 30, "in_progress"),
        ("a@0 x@1", 61, "excluded"),
    ],
)
def test_what_became_of_a_unit_at_a_watermark(text, at, state):
    found = result(text, window=HOUR, exclusions=excluding(0, 1), watermark=minute(at))
    assert [each for each, _ in found] == [state]
