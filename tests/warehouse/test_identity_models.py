"""Models follow persons: days, funnels and experiments of whoever merges."""

import pytest

from orchestration.quality.published_tables import PublishedTable
from orchestration.quality.publishing import Terms, publish
from tests.warehouse.definitions import define
from tests.warehouse.definitions_of_funnels import define_funnels, funnel
from tests.warehouse.histories import Event, at, build, load, table_rows
from tests.warehouse.identity_world import Account, extract, identified, set_rules
from tests.warehouse.reference_sessions import hashed_key

BY_PERSON = ("person_events_daily", "person_sessions_daily", "person_days")
MODELS = (
    "+funnel_attempts",
    "+experiment_statistics",
    *(f"+{model}" for model in BY_PERSON),
)
PERSON_DAYS = PublishedTable(
    name="person_days",
    schema="marts",
    key=("day", "person_id"),
    day="day",
    is_incremental=True,
)
TABLES = (
    *(f"marts.{model}" for model in BY_PERSON),
    "marts.funnel_attempts",
    "marts.experiment_exposures",
)


def exposed(event_id, moment, device, variant, user=None):
    return Event(
        event_id,
        moment,
        "experiment_exposure",
        device_id=device,
        user_id=user,
        properties={"experiment_id": "button", "variant": variant},
    )


def define_experiment(connection):
    arms = [{"variant": "control", "weight": 1}, {"variant": "large", "weight": 1}]
    body = {
        "title": "Button",
        "state": "RUNNING",
        "unit": "person",
        "starts_at": "2026-01-01T00:00:00Z",
        "arms": arms,
        "metrics": [{"name": "bought", "role": "primary"}],
    }
    define(connection, "experiment", "button", body, ["\"event_name\" = 'conversion'"])


# A lead who will register, and a device that two users share.
EVENTS = [
    identified("asks", at(hours=1), device="laptop", email="m1"),
    exposed("met", at(hours=1, minutes=2), "laptop", "large"),
    identified("passes", at(hours=1, minutes=5), name="click", device="bench"),
    identified("buys", at(hours=40), name="click", device="phone", user="ann"),
    identified("his", at(days=3), device="tablet", user="ben"),
    identified("whose", at(days=3, minutes=5), device="tablet"),
    identified("hers", at(days=3, minutes=10), device="tablet", user="cleo"),
    # Logged out, and on the next day nobody logs in.
    identified("after", at(days=3, minutes=15), device="tablet"),
    exposed("next day", at(days=4), "tablet", "control"),
    identified("nobody", at(days=4, hours=1), device="kiosk", user="null"),
]


def days_of(connection):
    rows = connection.execute(
        "select day, person_id, event_count, is_anonymous from marts.person_days"
    ).fetchall()
    connection.commit()
    return {(day, person): (count, anonymous) for day, person, count, anonymous in rows}


def publish_days(connection):
    """Publish the days of persons; return what the last run of identity moved."""
    publication = publish(connection, tables=[PERSON_DAYS], terms=Terms())
    assert not publication.is_held
    moved = connection.execute(
        "select published_row_count from identity.runs order by build_id desc limit 1"
    ).fetchone()
    connection.commit()
    return moved


def units(connection):
    rows = connection.execute(
        "select person_id, variant from marts.experiment_exposures"
    ).fetchall()
    connection.commit()
    return set(rows)


@pytest.fixture
def built(database, connection):
    define_funnels(connection, {"buy": funnel("page_view", "click")})
    define_experiment(connection)
    set_rules(connection)
    load(connection, EVENTS)
    build(connection, url=database, select=MODELS)
    return connection


def test_days_funnels_and_experiments_follow_a_lead_who_registers(built, database):
    day = at().date()
    lead, ann = hashed_key("email", "m1"), hashed_key("user", "ann")
    ben, cleo = hashed_key("user", "ben"), hashed_key("user", "cleo")
    before = days_of(built)
    assert before[day, lead] == (2, True)
    assert before[at(days=3).date(), ben] == (1, False)
    assert before[at(days=3).date(), cleo] == (3, False)
    assert before[at(days=4).date(), cleo] == (1, False)
    assert before[at(days=4).date(), hashed_key("device", "kiosk")] == (1, True)
    # First touch: in experiments a shared device stands for whoever had it first.
    assert units(built) == {(lead, "large"), (ben, "control")}

    assert publish_days(built) == (None,)
    extract(built, [Account("ann", at(days=6), "m1")])
    build(built, url=database, select=MODELS)
    after = days_of(built)
    assert after.pop((day, ann)) == (2, False)
    assert after == {key: row for key, row in before.items() if key != (day, lead)}
    assert units(built) == {(ann, "large"), (ben, "control")}
    entries = built.execute(
        "select depth from marts.funnel_attempts where unit_id = %s", (ann,)
    ).fetchall()
    built.commit()
    assert entries == [(2,)]

    # One row of the lead goes, one of hers comes.
    assert publish_days(built) == (2,)
    incremental = [table_rows(built, table) for table in TABLES]
    build(built, url=database, select=MODELS, is_full=True)
    assert [table_rows(built, table) for table in TABLES] == incremental


def test_others_of_the_day_are_not_counted_again_when_a_lead_registers(built, database):
    tables = ("person_events_daily", "person_sessions_daily")
    passer = hashed_key("device", "bench")
    for table in tables:
        built.execute(
            f"update marts.{table} set user_id = 'x' where person_id = %s", [passer]
        )
    built.commit()
    extract(built, [Account("ann", at(days=6), "m1")])
    build(built, url=database, select=MODELS)
    for table in tables:
        kept = built.execute(f"select person_id from marts.{table} where user_id = 'x'")
        assert kept.fetchall() == [(passer,)]
        moved = built.execute(
            f"select count(*) from marts.{table} where day = %s and user_id = 'ann'",
            [at().date()],
        )
        assert moved.fetchone() == (1 if "sessions" in table else 2,)


@pytest.mark.parametrize(
    ("mapping", "owner"), [("last_touch", "cleo"), ("strict", None)]
)
def test_an_experiment_maps_a_shared_device_as_it_is_told(
    mapping, owner, database, connection
):
    set_rules(connection, experiment_mapping=mapping)
    define_experiment(connection)
    load(connection, EVENTS)
    build(connection, url=database, select=("+experiment_statistics",))
    found = {(hashed_key("email", "m1"), "large")}
    if owner:
        found.add((hashed_key("user", owner), "control"))
    assert units(connection) == found
