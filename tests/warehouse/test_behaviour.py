"""Retention, lifecycles, trends and active persons equal brute force, in any order."""

import random
from datetime import UTC, timedelta
from decimal import Decimal

import pytest

from tests.warehouse.behaviour_world import (
    GRIDS,
    PAY,
    SEE,
    TRENDS,
    active,
    acts_of,
    history,
    named,
    write_definitions,
)
from tests.warehouse.histories import (
    at,
    build,
    load,
    remove,
    shuffled_batches,
    table_rows,
)
from tests.warehouse.reference_behaviour import (
    days_of,
    lifecycle,
    retention,
    spread,
    trend,
    windows,
)
from tests.warehouse.reference_periods import Clock

MODELS = (
    "+retention_cohorts",
    "+lifecycle_periods",
    "+trend_periods",
    "+active_persons_daily",
    "+active_days_spread",
)
TABLES = (
    "marts.person_firsts",
    "marts.retention_units",
    "marts.retention_cohorts",
    "marts.lifecycle_periods",
    "marts.trend_periods",
    "marts.active_persons_daily",
    "marts.active_days_spread",
)


def rows(connection, query, parameters=()):
    with connection.transaction():
        return connection.execute(query, parameters).fetchall()


def assert_retention(connection, events):
    for name, grid in GRIDS.items():
        acts = acts_of(events, team=name == "teams")
        found = {
            (start, split, currency, index): rest
            for start, split, currency, index, *rest in rows(
                connection,
                "select cohort_starts_at, breakdown, currency, period_index, "
                "unit_count, returned_count, amount, period_ends_at "
                "from marts.retention_cohorts where retention_id = %s",
                (name,),
            )
        }
        wanted = retention(
            grid, active(acts) if "activity" in {grid.start, grid.back} else acts
        )
        assert {key: tuple(rest) for key, rest in found.items()} == wanted, name


def assert_lifecycles(connection, events):
    acts = acts_of(events)
    created = {}
    for act in sorted(acts, key=lambda act: act.at):
        if act.name == "custom.join":
            created.setdefault(act.unit, act.at)
    clocks = {"everybody": Clock(), "payers": Clock(week_starts="sunday")}
    for name, clock in clocks.items():
        is_everybody = name == "everybody"
        done = active(acts) if is_everybody else named(acts, PAY)
        for period in ("day", "week", "month"):
            found = rows(
                connection,
                "select first_on, active_count, new_count, returning_count, "
                "resurrecting_count, dormant_count from marts.lifecycle_periods "
                "where lifecycle_id = %s and period = %s",
                (name, period),
            )
            assert {first: tuple(counts) for first, *counts in found} == lifecycle(
                done,
                period=period,
                clock=clock,
                created=None if is_everybody else created,
            ), (name, period)


def assert_trends(connection, events):
    acts = acts_of(events)
    first = min(act.at for act in acts).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    last = max(act.at for act in acts).replace(
        hour=23, minute=59, second=59, microsecond=0
    )
    for name, (math, event, interval, clock) in TRENDS.items():
        found = dict(
            rows(
                connection,
                "select period_starts_at, value from marts.trend_periods "
                "where trend_id = %s",
                (name,),
            )
        )
        starts = clock.within(first, last, interval)
        assert sorted(found) == [start.astimezone(UTC) for start in starts], name
        for start in starts:
            begun = start.astimezone(UTC)
            over = clock.after(start, interval).astimezone(UTC)
            inside = [act for act in acts if begun <= act.at < over]
            wanted = trend(
                math,
                named(inside, event),
                others=named(inside, SEE),
                fraction=Decimal("0.9"),
            )
            value = found[begun]
            assert (value is None) == (wanted is None), (name, begun)
            assert wanted is None or abs(float(value) - float(wanted)) < 1e-9, name


def assert_active_persons(connection, events):
    done = active(acts_of(events))
    everybody = days_of(done)
    known = {unit: days for unit, days in everybody.items() if unit.startswith("u")}
    found = rows(
        connection,
        "select day, daily_count, weekly_count, monthly_count, identified_daily_count, "
        "identified_weekly_count, identified_monthly_count, trailing_daily_sum "
        "from marts.active_persons_daily order by day",
    )
    for day, *counts, trailing in found:
        assert tuple(counts) == (*windows(everybody, day), *windows(known, day)), day
        days = [day - timedelta(days=back) for back in range(30)]
        assert trailing == sum(windows(everybody, each)[0] for each in days), day
    levels = rows(
        connection,
        "select day, jsonb_object_agg(active_day_count, person_count) "
        "from marts.active_days_spread group by day",
    )
    assert len(levels) == len(found)
    for day, counts in levels:
        assert {int(k): v for k, v in counts.items()} == spread(everybody, day), day


def assert_all(connection, events):
    assert_active_persons(connection, events)
    assert_retention(connection, events)
    assert_lifecycles(connection, events)
    assert_trends(connection, events)


@pytest.mark.parametrize(
    "seed", [0, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8)]]
)
def test_behaviour_equals_brute_force_after_every_batch_and_a_full_rebuild(
    seed, database, connection, tmp_path
):
    chance = random.Random(seed)
    write_definitions(connection, tmp_path / "registry")
    events = history(chance)
    stragglers = [event for event in events if chance.random() < 0.1]
    in_time = [event for event in events if event not in stragglers]
    cut = at(days=40)
    batches = [
        [event for event in in_time if event.occurred_at < cut],
        [event for event in in_time if event.occurred_at >= cut],
        *shuffled_batches(stragglers, count=2, chance=chance),
    ]
    loaded = []
    for batch in batches:
        load(connection, batch)
        loaded += batch
        build(connection, url=database, select=MODELS)
        assert_all(connection, loaded)
    gone = chance.sample(events, k=len(events) // 10)
    remove(connection, gone)
    build(connection, url=database, select=MODELS)
    assert_all(connection, [event for event in events if event not in gone])

    incremental = {table: table_rows(connection, table) for table in TABLES}
    build(connection, url=database, select=MODELS, is_full=True)
    for table, found in incremental.items():
        assert table_rows(connection, table) == found, table
