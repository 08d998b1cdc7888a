"""Who owns the anonymous events of a device, and which days a change makes stale."""

import random
from datetime import timedelta

import pytest

from orchestration.transform.builds import Request, begin_build, finish_build
from tests.warehouse.histories import Event, at, load, remove, shuffled_batches
from tests.warehouse.identity_world import set_rules, store_sessions
from tests.warehouse.reference_sessions import owner_by_event

OWNERS = """
    select events.event_id, owners.user_id
    from raw.events as events
    inner join identity.device_owners as owners
        on
            owners.device_id = events.device_id
            and events.occurred_at >= owners.valid_from
            and events.occurred_at < owners.valid_to
    where
        events.user_id is null
        and 'analytics' = any(events.purposes)
        and not (events.is_bot or events.is_internal or events.is_test)
"""


def build(url, connection, events):
    """Build identity over the events in raw; return the owners and the stale days."""
    request = Request(run_id="test", is_wanted_anyway=True)
    made = begin_build(url, request=request, definitions={})
    store_sessions(connection, events)
    finish_build(made)
    with connection.transaction():
        owners = dict(connection.execute(OWNERS).fetchall())
    return owners, set(made.identity.stale_days)


def click(event_id, user=None, **elapsed):
    return Event(event_id, at(**elapsed), user_id=user)


@pytest.mark.parametrize(
    ("events", "owners"),
    [
        pytest.param(
            [click("a"), click("b", "ann", minutes=5)], {"a": "ann"}, id="logs in next"
        ),
        pytest.param(
            [click("a"), click("b", "ann", minutes=31)], {}, id="in another session"
        ),
        pytest.param(
            [click("a", "ann"), click("b", days=9)],
            {"b": "ann"},
            id="was logged in before",
        ),
        pytest.param(
            [click("a", "ann"), click("b", minutes=5), click("c", "bob", minutes=9)],
            {"b": "bob"},
            id="the next one wins in a session",
        ),
        pytest.param(
            [click("a", "ann"), click("b", hours=5), click("c", "bob", hours=9)],
            {"b": "ann"},
            id="the one before holds until another session",
        ),
        pytest.param(
            [click("a", "ann"), click("b"), click("c", "bob", minutes=1)],
            {"b": "ann"},
            id="at the instant of an identified event",
        ),
        pytest.param(
            [
                *[click(f"n{i}", minutes=29 * i) for i in range(51)],
                click("z", "ann", minutes=29 * 51),
            ],
            # The cap cuts after 24 h: 29 min x 49 is 23:41, x 50 is 24:10.
            {"n50": "ann"},
            id="the cap cuts a chain",
        ),
    ],
)
def test_anonymous_events_belong_to_who_logs_in_next_or_was_before(
    events, owners, database, connection
):
    load(connection, events)
    assert build(database, connection, events)[0] == owners


@pytest.mark.parametrize(
    ("mode", "owners"),
    [
        ("time_bounded", {"b": "ann", "d": "bob", "e": "bob"}),
        ("latest_backdated", dict.fromkeys("abde", "bob")),
    ],
)
def test_a_shared_device_is_bounded_in_time_or_goes_to_the_latest(
    mode, owners, database, connection
):
    set_rules(connection, mode=mode)
    events = [
        click("a"),
        click("in", "ann", hours=2),
        click("b", hours=2, minutes=5),
        click("d", days=1),
        click("other", "bob", days=1, minutes=5),
        # Logged out, and never in again.
        click("e", days=9),
    ]
    load(connection, events)
    assert build(database, connection, events)[0] == owners


def test_a_late_login_makes_only_the_days_of_its_device_stale(database, connection):
    anonymous = [click("a"), click("b", days=3), click("c", days=7)]
    other = [Event("o", at(days=5), device_id="d2")]
    load(connection, [*anonymous, *other])
    build(database, connection, [*anonymous, *other])
    late = click("late", "ann", days=1)
    load(connection, [late])
    owners, stale = build(database, connection, [*anonymous, *other, late])
    assert owners == {"b": "ann", "c": "ann"}
    assert stale == {at(days=3).date(), at(days=7).date()}


def test_rebuilding_without_news_makes_nothing_stale(database, connection):
    events = [click("a"), click("b", "ann", minutes=5), click("c", days=2)]
    load(connection, events)
    build(database, connection, events)
    with connection.transaction():
        connection.execute(
            "insert into ops.loads (kind, source, started_at) "
            "values ('touch', 'test', now())"
        )
        connection.execute(
            "insert into ops.touched_devices (load_id, device_id, first_at, last_at) "
            "select max(load_id), 'd1', %s, %s from ops.loads",
            (at(), at(days=2)),
        )
    assert build(database, connection, events)[1] == set()


def history(chance):
    """Shared devices, ties, gaps at the limit, background events, restless devices."""
    made = []
    for number in range(3):
        moment = at(hours=chance.randrange(30))
        for index in range(60 if number == 2 else 25):
            gap = 1500 if number == 2 else chance.choice((0, 0, 60, 1800, 1801, 90_000))
            moment += timedelta(seconds=gap)
            made.append(
                Event(
                    event_id=f"e{number}-{index}",
                    occurred_at=moment,
                    device_id=f"d{number}",
                    source=chance.choice(["web", "app"]),
                    source_sequence=chance.choice([None, -index]),
                    user_id=chance.choice([None, None, None, "u1", "u2"]),
                    is_interactive=chance.random() < 0.8,
                    is_bot=chance.random() < 0.1,
                )
            )
    return made


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_arrival_gives_the_owners_of_the_reference(
    seed, database, connection
):
    chance = random.Random(seed)
    events = history(chance)
    arrived, before = [], {}
    steps = shuffled_batches(events, count=4, chance=chance)
    for batch in [*steps, None]:
        if batch is None:
            gone = chance.sample(arrived, k=len(arrived) // 8)
            remove(connection, gone)
            arrived = [event for event in arrived if event not in gone]
        else:
            load(connection, batch)
            arrived = [*arrived, *batch]
        owners, stale = build(database, connection, arrived)
        counted = [event for event in arrived if not event.is_excluded]
        assert owners == owner_by_event(counted)
        moved = {
            event.occurred_on
            for event in arrived
            if event.event_id in before.keys() | owners.keys()
            and before.get(event.event_id) != owners.get(event.event_id)
        }
        touched = {event.occurred_on for event in (batch or gone)}
        assert moved <= stale | touched
        before = owners
