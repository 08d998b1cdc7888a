"""What readers see of behaviour: nothing before its time, no old customer made new."""

import random
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from orchestration.experiments import publication as experiments
from orchestration.identity.firsts import keep_firsts
from orchestration.quality.published_tables import published_tables
from orchestration.quality.published_views import published_views
from orchestration.quality.publishing import Terms, publish
from orchestration.raw.retention import purge_day
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.run import run_build
from tests.warehouse.behaviour_world import (
    active,
    acts_of,
    history,
    named,
    write_definitions,
)
from tests.warehouse.histories import PROJECT, Event, at, load, point_dbt_at
from tests.warehouse.made_marts import complete_through
from tests.warehouse.model_digests import digest_models
from tests.warehouse.reference_behaviour import days_of, trend


class Warehouse:
    """A history that is built and published, and read as readers do."""

    def __init__(self, url, connection, folder):
        point_dbt_at(url)
        self.url, self.connection = url, connection
        self.project = Project(PROJECT, folder / "target")
        self.events = history(random.Random(5))
        write_definitions(connection, folder / "registry")
        connection.commit()

    def build(self):
        request = Request(run_id="test")
        report = run_build(self.url, project=self.project, request=request)
        assert report.failure is None, report.failure

    def publish(self):
        marts = published_tables(load_manifest(self.project))
        tables = [*marts, *experiments.TABLES]
        made = publish(
            self.connection, tables=tables, terms=Terms(), views=published_views()
        )
        assert not made.is_held

    def complete(self, day):
        """Move the watermark to the beginning of a day, and nothing else."""
        complete_through(self.connection, day + 1)
        self.publish()

    def rows(self, query, parameters=()):
        with self.connection.transaction():
            return self.connection.execute(query, parameters).fetchall()

    def digests(self):
        with self.connection.transaction():
            return digest_models(self.connection)


@pytest.fixture
def warehouse(database, connection, tmp_path):
    made = Warehouse(database, connection, tmp_path)
    load(connection, made.events)
    made.build()
    return made


def rounded(rate):
    """Return a rate as readers see it: eight digits."""
    return rate and rate.quantize(Decimal("1e-8"), rounding=ROUND_HALF_UP)


def check_cells(warehouse):
    """A cell is unknown until its period is over, and the average counts those over."""
    for day in (20, 40):
        warehouse.complete(day)
        [wrong] = warehouse.rows(
            """
            select
                count(*) filter (where is_mature <> (period_ends_at <= %(at)s)),
                count(*) filter (where is_mature <> (returned_count is not null)),
                count(*) filter (where is_mature <> (cumulative_amount is not null)),
                count(*) filter (where is_final and not is_mature)
            from published.retention_cohorts
            """,
            {"at": at(days=day)},
        )
        assert wrong == (0, 0, 0, 0)
        averages = warehouse.rows(
            "select retention_id, breakdown, currency, period_index, cohort_count, "
            "unit_count, returned_count from published.retention_curves"
        )
        cells = warehouse.rows(
            "select retention_id, breakdown, currency, period_index, count(*), "
            "sum(unit_count)::bigint, sum(returned_count)::bigint "
            "from marts.retention_cohorts where period_ends_at <= %s "
            "group by 1, 2, 3, 4",
            (at(days=day),),
        )
        assert sorted(row for row in averages if row[4]) == sorted(cells)
        assert len(cells) > 20
        dormant = warehouse.rows(
            "select count(*) from published.lifecycle_periods "
            "where (dormant_count is null) <> (period_ends_at > %s)",
            (at(days=day),),
        )
        assert dormant == [(0,)]


def check_changes(warehouse):
    """A change is known once the interval is over, and never from 0."""
    rows = warehouse.rows(
        "select period_starts_at, value, previous_value, change, change_rate, "
        "same_weekday_value, same_weekday_change_rate, is_mature, cumulative_value "
        "from published.trends where trend_id = 'seen' order by period_starts_at"
    )
    acts = named(acts_of(warehouse.events), "custom.see")
    by_day = {
        row[0]: trend("total", [act for act in acts if act.at.date() == row[0].date()])
        for row in rows
    }
    zeros = 0
    for (
        start,
        value,
        before,
        change,
        rate,
        weekday,
        week_rate,
        is_mature,
        total,
    ) in rows:
        yesterday = by_day.get(start - timedelta(days=1))
        last_week = by_day.get(start - timedelta(days=7))
        assert (value, before, weekday) == (by_day[start], yesterday, last_week)
        assert is_mature == (start + timedelta(days=1) <= at(days=40))
        known = is_mature and before is not None
        assert change == (value - before if known else None)
        expected = (value - before) / before if known and before else None
        assert rate == rounded(expected)
        known = is_mature and weekday is not None
        expected = (value - weekday) / weekday if known and weekday else None
        assert week_rate == rounded(expected)
        assert total == sum(n for day, n in by_day.items() if day <= start)
        zeros += before == 0
    assert zeros
    [[count]] = warehouse.rows(
        "select count(*) from published.metric_changes where previous_value = 0 "
        "and change_rate is not null"
    )
    assert count == 0


def check_readers(warehouse):
    """Whoever reads may read every view of behaviour, and knows what a row of it is."""
    for name in ("trends", "metric_changes", "retention_curves", "stickiness"):
        with warehouse.connection.transaction():
            warehouse.connection.execute("set local role bi_reader")
            warehouse.connection.execute(f"select * from published.{name} limit 1")
            warehouse.connection.execute(
                "select * from published.active_persons('2026-03-01', '2026-03-02')"
            )
        described = f"select obj_description('published.{name}'::regclass)"
        assert warehouse.rows(described)[0][0].startswith("One row per ")


def check_ranges(warehouse):
    """Any range counts each person once, and stickiness asks for 30 days."""
    days = days_of(active(acts_of(warehouse.events)))
    for first, last in ((0, 0), (3, 9), (0, 60), (45, 44)):
        ends = (at(days=first).date(), at(days=last).date())
        counted = {
            unit
            for unit, on in days.items()
            if any(ends[0] <= d <= ends[1] for d in on)
        }
        known = sum(unit.startswith("u") for unit in counted)
        [row] = warehouse.rows("select * from published.active_persons(%s, %s)", ends)
        assert row == (len(counted), known, last < 40, last + 3 < 40)
    rows = warehouse.rows(
        "select day, stickiness, trailing_daily_sum, monthly_count "
        "from published.stickiness order by day"
    )
    for number, (day, stickiness, daily_sum, monthly) in enumerate(rows):
        is_known = number >= 29 and day < at(days=40).date()
        wanted = Decimal(daily_sum) / 30 / monthly if is_known else None
        assert stickiness == rounded(wanted)


def test_readers_see_what_is_over_and_time_alone_changes_no_row(warehouse):
    before = warehouse.digests()
    check_cells(warehouse)
    check_changes(warehouse)
    check_ranges(warehouse)
    check_readers(warehouse)
    assert warehouse.digests() == before


def test_a_purge_makes_no_old_customer_new(warehouse, connection, database):
    firsts = "select * from marts.person_firsts order by kind, id, part, unit_id"
    known = warehouse.rows(firsts)
    days = [at(days=number).date() for number in range(20)]
    with connection.transaction():
        keep_firsts(connection, days=days)
        assert keep_firsts(connection, days=days) == 0
    for day in days:
        purge_day(database, day, reason="test")
    with connection.transaction():
        connection.execute("delete from ops.models")
    warehouse.build()
    assert warehouse.rows(
        "select min(day) >= %s from marts.person_days", (days[-1],)
    ) == [(True,)]
    # Units that events name are kept too; of a grid with two parts, both.
    assert warehouse.rows(firsts) == known

    # Who comes back after the purge is no new person, and who comes first is one.
    late = at(days=55)
    old = next(event for event in warehouse.events if event.occurred_at < at(days=15))
    load(
        connection,
        [
            Event("back", late, device_id=old.device_id, user_id=old.user_id),
            Event("first", late, device_id="new", user_id="new"),
        ],
    )
    warehouse.build()
    new = warehouse.rows(
        "select new_count from marts.lifecycle_periods "
        "where lifecycle_id = 'everybody' and period = 'day' and first_on = %s",
        (late.date(),),
    )
    assert new == [(1,)]
