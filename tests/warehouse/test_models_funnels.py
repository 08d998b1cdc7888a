"""Funnels of stored events: what counts, and incremental equal to a full rebuild."""

import random

import pytest

from tests.warehouse.definitions_of_funnels import define_funnels, funnel, step
from tests.warehouse.histories import (
    Event,
    at,
    build,
    load,
    remove,
    shuffled_batches,
    table_rows,
)

MODELS = ("+funnel_steps_daily", "+funnel_reach_daily")
BUY = funnel("page_view", "click", "conversion")
TABLES = (
    "marts.funnel_attempts",
    "marts.funnel_steps_daily",
    "marts.funnel_reach_daily",
)

# Every way in which the models read and replace rows.
FUNNELS = {
    "plain": BUY,
    "tried": funnel(
        "page_view",
        step("click", within="5 hours"),
        "conversion",
        exclusions=[
            {
                "after": "page_view",
                "before": "conversion",
                "events": [{"event": "scroll"}],
            }
        ],
        breakdown={"column": "platform"},
    ),
    "in_sessions": funnel("page_view", "click", unit="session"),
    "of_accounts": funnel(
        "page_view", "click", unit="account", account={"column": "listing_id"}
    ),
    "in_sequence": funnel("page_view", "click", counting="totals", reentry="latest"),
    "one_listing": funnel(
        "page_view",
        "click",
        ordering="any_order",
        hold_constant=[{"column": "listing_id"}],
    ),
    "at_once": funnel(
        "page_view",
        "click",
        ordering="strict",
        scope="all",
        counting="sessions",
        simultaneous_within="1 minute",
    ),
}
NAMES = ["page_view", "page_view", "click", "conversion", "scroll"]


def history(chance, count=120):
    return [
        Event(
            event_id=f"e{index}",
            occurred_at=at(minutes=chance.randrange(60 * 24 * 6)),
            event_name=chance.choice(NAMES),
            device_id=f"d{chance.randrange(5)}",
            user_id=chance.choice([None, None, None, "u1", "u2"]),
            listing_id=chance.choice([None, "l1", "l2"]),
        )
        for index in range(count)
    ]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_attempts_are_those_of_a_full_rebuild_whatever_comes_or_goes(
    seed, database, connection
):
    define_funnels(connection, FUNNELS)
    chance = random.Random(seed)
    batches = shuffled_batches(history(chance), count=3, chance=chance)
    for batch in batches:
        load(connection, batch)
        build(connection, url=database, select=MODELS)
    remove(connection, batches[0][:15])
    build(connection, url=database, select=MODELS)
    incremental = [table_rows(connection, table) for table in TABLES]
    assert len({row[0] for row in incremental[0]}) == len(FUNNELS)
    build(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in TABLES] == incremental


def test_a_role_told_late_is_that_of_old_attempts_too(database, connection):
    by_role = funnel("page_view", "click", window="1 day", breakdown={"trait": "role"})
    define_funnels(connection, {"by_role": by_role})
    load(connection, history(random.Random(3)))
    build(connection, url=database, select=MODELS)
    load(connection, [Event("new", at(days=9), device_id="another")])
    connection.execute(
        "insert into raw.app_persons (user_id, role, is_internal, is_test, "
        "registered_at, valid_from, valid_to, row_hash, load_id) "
        "select 'u1', role, false, false, %s, valid_from, valid_to, '', "
        "(select max(load_id) from ops.loads) from (values "
        "('buyer', %s::timestamptz, %s::timestamptz), ('seller', %s, null)) "
        "as said (role, valid_from, valid_to)",
        (at(), at(), at(days=3), at(days=3)),
    )
    connection.commit()
    build(connection, url=database, select=MODELS)
    incremental = [table_rows(connection, table) for table in TABLES]
    assert {row[-1] for row in incremental[0]} == {None, "buyer", "seller"}
    build(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in TABLES] == incremental


def depths(connection, funnel_id="buy"):
    rows = connection.execute(
        "select depth from marts.funnel_attempts where funnel_id = %s "
        "order by entered_at, unit_id",
        (funnel_id,),
    ).fetchall()
    connection.commit()
    return [depth for (depth,) in rows]


def test_a_build_evaluates_only_persons_whose_rows_changed(database, connection):
    define_funnels(connection, {"buy": BUY})
    load(connection, [Event(f"a{n}", at(hours=n), device_id=f"d{n}") for n in range(9)])
    build(connection, url=database, select=MODELS)
    load(connection, [Event("b", at(hours=9), "click", device_id="d4")])
    build_id = build(connection, url=database, select=MODELS)
    changed = connection.execute(
        "select model, day from ops.changed where build_id = %s "
        "and model = 'funnel_attempts'",
        (build_id,),
    ).fetchall()
    assert changed == [("funnel_attempts", at().date())]
    assert depths(connection) == [1, 1, 1, 1, 2, 1, 1, 1, 1]


def test_steps_of_a_day_count_units_and_times(database, connection):
    define_funnels(connection, {"buy": BUY})
    load(
        connection,
        [
            Event("a1", at(), device_id="inside"),
            Event("a2", at(hours=48), "click", device_id="inside"),
            Event("b1", at(), device_id="outside"),
            Event("b2", at(hours=48, microseconds=1), "click", device_id="outside"),
        ],
    )
    build(connection, url=database, select=MODELS)
    rows = connection.execute(
        "select step_index, unit_count, entry_count, drop_off_count, rate_from_entry, "
        "rate_from_previous, overall_rate, median_seconds_from_entry, "
        "time_histogram[14] from marts.funnel_steps_daily order by step_index"
    ).fetchall()
    assert rows == [
        (1, 2, 2, 1, 1, None, 0, 0, 0),
        (2, 1, 2, 1, 0.5, 0.5, 0, 172_800, 1),
        (3, 0, 2, None, 0, 0, 0, None, 0),
    ]


def test_ten_thousand_rows_of_one_person_are_walked_in_seconds(database, connection):
    define_funnels(
        connection,
        {
            "plain": funnel("page_view", step("again", "page_view"), "click"),
            "within": funnel(
                "page_view", step("click", within="1 minute"), "conversion"
            ),
        },
    )
    names = ("page_view", "page_view", "page_view", "click")
    load(
        connection,
        [Event(f"e{i}", at(seconds=i), names[i % 4]) for i in range(10_000)],
    )
    connection.execute("alter role current_user set statement_timeout = '30s'")
    connection.commit()
    try:
        build(connection, url=database, select=MODELS)
    finally:
        connection.execute("alter role current_user reset statement_timeout")
        connection.commit()
    assert depths(connection, "plain") == [3]
    assert depths(connection, "within") == [2]
