"""Active persons, lifecycle and retention of a world, counted from its truth."""

from collections import Counter
from datetime import UTC, datetime, time
from itertools import pairwise

from tests.end_to_end.comparing import assert_equal
from tests.end_to_end.truth_of_people import active_persons, unrecoverable_devices
from tests.warehouse.reference_behaviour import Act, Grid, lifecycle, retention, windows


def acts_of_truth(story):
    """Return who was active when, to the day: all that these numbers ask for."""
    acts = []
    for day, persons in active_persons(story).items():
        moment = datetime.combine(day, time(12), UTC)
        acts += [
            Act(unit=who, name="active", at=moment, position=(moment, who))
            for who in persons
        ]
    return acts


def check_active_windows(story):
    """Distinct persons of the 1, 7 and 30 days that end with each day."""
    days = {}
    for day, persons in active_persons(story).items():
        for who in persons:
            days.setdefault(who, set()).add(day)
    known = {who: found for who, found in days.items() if who.startswith("user:")}
    found = {
        day: counts
        for day, *counts in story.house.rows(
            """
            select
                day, daily_count, weekly_count, monthly_count, identified_daily_count,
                identified_weekly_count, identified_monthly_count
            from published.active_persons_daily
            """
        )
    }
    assert len(found) >= story.world.days
    assert_equal(
        {day: tuple(counts) for day, counts in found.items()},
        {day: (*windows(days, day), *windows(known, day)) for day in found},
    )


def check_lifecycle(story):
    """Who is new, returning, resurrecting and dormant, by day, week and month."""
    acts = acts_of_truth(story)
    for period in ("day", "week", "month"):
        rows = story.house.rows(
            """
            select
                first_on, active_count, new_count, returning_count,
                resurrecting_count, dormant_count
            from marts.lifecycle_periods
            where lifecycle_id = 'persons' and period = %s
            """,
            (period,),
        )
        assert_equal(
            {first_on: tuple(counts) for first_on, *counts in rows},
            lifecycle(acts, period=period),
        )


def check_retention(story):
    """Of whom first came in a week, who came again in each week after."""
    grid = Grid("activity", "activity", period="week", periods=12)
    rows = story.house.rows(
        """
        select cohort_starts_at, period_index, unit_count, returned_count
        from marts.retention_cohorts where retention_id = 'active_persons'
        """
    )
    assert_equal(
        {(start, index): tuple(counts) for start, index, *counts in rows},
        {
            (start, index): counts[:2]
            for (start, _, _, index), counts in retention(
                grid, acts_of_truth(story)
            ).items()
        },
    )


def check_transitions(story):
    """How often sessions went from one node to the next, and how many sessions did."""
    lost = unrecoverable_devices(story)
    occurrences, sessions = Counter(), Counter()
    for day, nodes in story.house.rows(
        "select started_on, nodes from marts.session_paths where device_id = any(%s)",
        (list(lost),),
    ):
        moves = [(day, *move) for move in pairwise(["start", *nodes, "end"])]
        occurrences.update(moves)
        sessions.update(set(moves))
    found = {
        (day, *move): (
            occurred - occurrences[day, *move],
            by_sessions - sessions[day, *move],
        )
        for day, *move, occurred, by_sessions in story.house.rows(
            """
            select day, source_node, target_node, occurrence_count, session_count
            from marts.session_transitions_daily
            """
        )
    }
    expected = {
        tuple(key): (occurred, by_sessions)
        for *key, occurred, by_sessions in story.truth("transitions_daily")
        .filter("is_recoverable")
        .drop("is_recoverable")
        .iter_rows()
    }
    assert len(expected) > 500
    assert_equal(
        {move: counts for move, counts in found.items() if any(counts)},
        expected,
        left_out=len(lost),
    )
