"""What readers see of a funnel: a headline without bias, and what was done each day."""

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction

import pytest

from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from tests.warehouse.definitions_of_funnels import define_funnels, funnel
from tests.warehouse.histories import Event, at, build, load, parse_once
from tests.warehouse.made_marts import complete_through

STEPS = ("page_view", "conversion")
DAYS = 20
ENTRIES = [(day, person) for day in range(DAYS) for person in range(10)]


def events():
    """Ten persons enter a day, and of five each one converts after 80 hours."""
    for day, person in ENTRIES:
        device = f"{day}-{person}"
        entered = at(days=day, minutes=person)
        yield Event(f"see {device}", entered, device_id=device)
        yield Event(f"look {device}", entered + timedelta(hours=1), device_id=device)
        if person % 5 == 0:
            converted = entered + timedelta(hours=80)
            yield Event(
                f"pay {device}",
                converted,
                STEPS[1],
                device_id=device,
                properties={"kind": "sold"},
            )


def events_of_users():
    """One was a customer and became a provider on the way, two stay what they are."""
    for user, paid_after in (("turned", 48), ("customer", 1), ("provider", None)):
        yield Event(f"{user} 1", at(hours=1), "scroll", device_id=None, user_id=user)
        if paid_after:
            paid = at(hours=1 + paid_after)
            yield Event(f"{user} 2", paid, "click", device_id=None, user_id=user)
    yield Event("nobody", at(hours=1), "scroll", device_id="nobody")


ROLES = [
    ("turned", "customer", at(days=-9), at(hours=24)),
    ("turned", "provider", at(hours=24), None),
    ("customer", "customer", at(days=-9), None),
    ("provider", "provider", at(days=-9), None),
]


def add_roles(connection):
    for user, role, valid_from, valid_to in ROLES:
        connection.execute(
            "insert into raw.app_persons (user_id, role, is_internal, is_test, "
            "registered_at, valid_from, valid_to, row_hash, load_id) "
            "values (%s, %s, false, false, %s, %s, %s, '', 1)",
            (user, role, at(days=-9), valid_from, valid_to),
        )
    connection.commit()


@pytest.fixture
def known(database, connection):
    sold = {"event": STEPS[1], "where": {"property": "kind", "is": "sold"}}
    buy = funnel(STEPS[0], {"name": "pay", "events": [sold]}, window="14 days")
    by_role = funnel("scroll", "click", breakdown={"trait": "role"})
    define_funnels(connection, {"buy": buy, "by_role": by_role})
    known = [event for event in events() if event.occurred_at < at(days=DAYS)]
    load(connection, [*known, *events_of_users()])
    add_roles(connection)
    build(
        connection, url=database, select=("+funnel_steps_daily", "+funnel_reach_daily")
    )
    complete_through(connection, DAYS + 1)
    assert not publish(connection, tables=published_funnels(), terms=Terms()).is_held
    return known


def published_funnels():
    manifest = parse_once().writable_manifest().to_dict(omit_none=False)
    tables = published_tables(manifest)
    return [table for table in tables if table.name.startswith("funnel_")]


@pytest.mark.usefixtures("known")
def test_a_true_fifth_is_published_as_a_fifth(connection):
    (headline, mature, completed, dropped, overall) = connection.execute(
        "select (result).headline_rate, (result).mature_entry_count, "
        "(result).completed_count, (result).dropped_count, (result).overall_rate "
        "from published.funnel_steps('buy') where (result).step_index = 1"
    ).fetchone()
    assert (Fraction(headline), mature) == (Fraction(1, 5), 60)
    # Early completers beside closed drop-outs alone would say twice as much.
    assert round(completed / (completed + dropped), 2) == 0.41
    assert overall < Fraction(1, 5)
    of_days = connection.execute(
        "select entered_on, headline_rate from published.funnel_steps_daily "
        "where funnel_id = 'buy' and step_index = 1 order by entered_on"
    ).fetchall()
    assert [rate for _, rate in of_days] == [Fraction(1, 5)] * 6 + [None] * 14


def test_reach_counts_who_did_a_step_on_a_day_whatever_came_before(known, connection):
    done = defaultdict(set)
    for event in known:
        step = STEPS.index(event.event_name) + 1
        done[event.occurred_at.date(), step].add(event.device_id)
    found = connection.execute(
        "select day, step_index, person_count from published.funnel_reach_daily "
        "where funnel_id = 'buy'"
    ).fetchall()
    days = {event.occurred_at.date() for event in known}
    assert {(day, step): count for day, step, count in found} == {
        (day, step): len(done[day, step]) for day in days for step in (1, 2)
    }


@pytest.mark.usefixtures("known")
def test_who_changes_role_on_the_way_counts_under_the_role_of_the_entry(connection):
    found = connection.execute(
        "select (result).breakdown, (result).breakdown_value, (result).unit_count "
        "from published.funnel_steps('by_role') order by (result).step_index, 1, 2"
    ).fetchall()
    assert found == [
        ("missing", "", 1),
        ("total", "", 4),
        ("value", "customer", 2),
        ("value", "provider", 1),
        ("missing", "", 0),
        ("total", "", 2),
        ("value", "customer", 2),
        ("value", "provider", 0),
    ]


@pytest.mark.usefixtures("known")
def test_a_changed_funnel_is_why_its_final_days_read_otherwise(connection):
    [(build_id,)] = connection.execute(
        "insert into ops.builds (run_id, is_full_selection, state, refreshed_models) "
        "values ('test', true, 'succeeded', '{funnel buy}') returning build_id"
    ).fetchall()
    connection.execute("update ops.current_build set build_id = %s", (build_id,))
    connection.execute(
        "update marts.funnel_steps_daily set overall_rate = 1 where entered_on = %s",
        (at().date(),),
    )
    connection.execute(
        "insert into ops.changed (build_id, model, day) "
        "values (%s, 'funnel_steps_daily', %s)",
        (build_id, at().date()),
    )
    connection.commit()
    publish(connection, tables=published_funnels(), terms=Terms(build_id=build_id))
    reasons = connection.execute(
        "select table_name, reason from ops.restatements"
    ).fetchall()
    assert reasons == [("funnel_steps_daily", "the definition of a funnel changed")]
