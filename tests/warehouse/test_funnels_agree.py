"""The SQL of funnels agrees with every choice of rows tried, on drawn histories."""

from itertools import product

import pytest

from orchestration.warehouse.connection import connect
from tests.end_to_end.house import made_database
from tests.warehouse.funnel_reference.drawing import (
    PLAIN_FUNNELS,
    SLOTS,
    START,
    instant,
)
from tests.warehouse.funnel_reference.laws import is_settled, may_only_gain
from tests.warehouse.funnel_reference.results import results
from tests.warehouse.funnel_reference.world import (
    CUT_AT,
    CUT_UNITS,
    EARLIER_UNITS,
    World,
    daily_results_of,
    differing,
    plans_of,
    results_of,
)
from tests.warehouse.reference_sessions import hashed_key

# 150 funnels, each over the histories of 76 units: 11,400.
UNITS = 40
LONG_AFTER = instant(1_000)
# Where windows of some entries are open, and after the last of them.
WATERMARKS = (instant(14), LONG_AFTER)
DAYS = (START.date(), instant(SLOTS).date())


@pytest.fixture(scope="module")
def world(server_url, template_database):
    with made_database(server_url, "drawn", template=template_database) as url:
        made = World(26, UNITS)
        with connect(url, application_name="tests", autocommit=True) as connection:
            made.build(connection, url)
            made.connection = connection
            yield made


@pytest.mark.long
@pytest.mark.parametrize("seed", [27, 28, 29])
def test_other_funnels_agree_on_other_histories(seed, database):
    other = World(seed, 200)
    with connect(database, application_name="tests", autocommit=True) as connection:
        other.build(connection, database)
        assert other.wrong_attempts(connection) == []
        plans = plans_of(connection)
        for id_, funnel in other.funnels.items():
            expected = results(other.rows, funnel, watermark=WATERMARKS[0])
            found = results_of(connection, plans[id_], None, WATERMARKS[0])
            assert differing(found, expected) == {}, (id_, funnel)


def unit_id(unit):
    return hashed_key("device", unit)


def test_attempts_are_those_of_every_choice_of_rows(world):
    wrong = world.wrong_attempts(world.connection)
    assert wrong == [], f"{len(wrong)} of {len(world.funnels)} funnels\n{wrong[0]}"


def test_the_sweep_finds_a_good_part_and_searches_for_the_rest(world):
    """What is compared above goes both ways: rows that tie are searched for."""
    swept = world.connection.execute(
        "select array_agg(funnel_id) from registry.funnel_plans where is_swept"
    ).fetchone()[0]
    tied = {unit for unit, rows in world.histories.items() if have_ties(rows)}
    assert len(swept) > PLAIN_FUNNELS / 2
    assert 0.2 < len(tied) / len(world.histories) < 0.8


def have_ties(rows):
    return len({row.occurred_at for row in rows}) < len(rows)


def test_results_at_a_watermark_are_those_of_the_reference(world):
    plans = plans_of(world.connection)
    for (id_, funnel), watermark, day in product(
        world.funnels.items(), WATERMARKS, (None, *DAYS)
    ):
        expected = results(world.rows, funnel, watermark=watermark, entered_on=day)
        found = results_of(world.connection, plans[id_], day, watermark)
        assert differing(found, expected) == {}, (id_, funnel, day, watermark)


def test_figures_of_a_day_are_those_of_the_reference(world):
    for (id_, funnel), day in product(world.funnels.items(), DAYS):
        expected = results(world.rows, funnel, watermark=LONG_AFTER, entered_on=day)
        found = daily_results_of(world.connection, id_, day)
        if found or expected["total", "", 1]["entry_count"]:
            assert differing(found, expected) == {}, (id_, funnel, day)


def test_counts_never_increase_and_groups_add_up(world):
    growing = world.connection.execute(
        """
        select count(*) from marts.funnel_steps_daily as later
        inner join marts.funnel_steps_daily as earlier
            using (funnel_id, entered_on, breakdown, breakdown_value)
        where
            later.step_index > earlier.step_index
            and not later.is_optional and not earlier.is_optional
            and later.unit_count > earlier.unit_count
        """
    ).fetchone()
    assert growing == (0,)
    [(group_count, wrong_count)] = world.connection.execute(
        """
        select count(*), count(*) filter (where whole <> parts)
        from (
            select
                sum(unit_count) filter (where breakdown = 'total') as whole,
                sum(unit_count) filter (where breakdown <> 'total') as parts
            from marts.funnel_steps_daily
            group by funnel_id, entered_on, step_index
        ) as summed
        where parts is not null
        """
    )
    assert (group_count > 50, wrong_count) == (True, 0)


def test_an_earlier_first_step_never_loses_a_conversion(world):
    tried = 0
    for id_, funnel in world.funnels.items():
        event = funnel.steps[0].alternatives[0].event
        if not may_only_gain(funnel):
            continue
        depths = dict(
            world.connection.execute(
                "select unit_id, max(depth) from marts.funnel_attempts "
                "where funnel_id = %s group by unit_id",
                (id_,),
            ).fetchall()
        )
        for number in range(EARLIER_UNITS):
            before = depths.get(unit_id(f"u{number}"), 0)
            assert depths.get(unit_id(f"u{number}-{event}"), 0) >= before, (id_, funnel)
            tried += before > 1
    assert tried > 20


def test_what_happens_later_never_changes_a_mature_row(world):
    tried = 0
    for id_, funnel in world.funnels.items():
        if not is_settled(funnel):
            continue
        mature = world.connection.execute(
            """
            select
                unit_id, entered_on, entered_at, depth, reached_at, excluded_at,
                is_tied, breakdown_value, candidate_count
            from marts.funnel_attempts
            where funnel_id = %s and window_ends_at < %s
            """,
            (id_, CUT_AT),
        ).fetchall()
        for number in range(CUT_UNITS):
            whole, cut = unit_id(f"u{number}"), unit_id(f"u{number}-cut")
            known = sorted(str(row[1:]) for row in mature if row[0] == whole)
            assert known == sorted(str(row[1:]) for row in mature if row[0] == cut)
            tried += len(known)
    assert tried > 100
