"""Whose an event is: on shared devices, before a login, and in what was set aside."""

from datetime import timedelta

import pytest

from orchestration.privacy.event_erasure import erase_events
from orchestration.privacy.subjects import identify, read_subject
from tests.warehouse.made_events import NOON, batch, load, row

ANNA = "anna-4711"


@pytest.fixture
def erased(database, connection):
    """Load events of a hall computer and more, and erase Anna from them."""
    load(
        database,
        "web",
        batch(
            row("hers", user_id=ANNA, device_id="hall"),
            row("before", device_id="hall", minutes=-60),
            row("in her hour", device_id="hall", minutes=10),
            row("in his hour", device_id="hall", minutes=90),
            row("his", user_id="ben", device_id="hall", minutes=91),
            row("test of hers", user_id=ANNA, device_id="lab", is_test=True),
            row("test of nobody", device_id="lab", is_test=True, minutes=5),
            row(
                "about her",
                user_id="ben",
                device_id="desk",
                page_url=f"https://example.com/{ANNA}?back=1",
                properties=f'{{"seen": ["{ANNA}", "{ANNA}2"]}}',
            ),
        ),
    )
    load(database, "again", batch(row("hers", payload="other", user_id=ANNA)))
    connection.execute(
        "insert into identity.device_owners values ('hall', %s, %s, %s), "
        "('hall', %s, 'infinity', 'user ben')",
        (
            NOON - timedelta(minutes=5),
            NOON + timedelta(minutes=60),
            f"user {ANNA}",
            NOON + timedelta(minutes=80),
        ),
    )
    connection.execute(
        "insert into privacy.erasures (subject_hash, reason) values ('x', 'x')"
    )
    identify(connection, erasure_id=1, user_id=ANNA)
    subject = read_subject(connection, erasure_id=1, replacement_id="erased_1")
    erase_events(connection, subject)
    return subject


def test_only_the_persons_hours_of_a_shared_device_go(erased, connection):
    kept = {name for (name,) in connection.execute("select event_id from raw.events")}
    assert kept == {"before", "in his hour", "his", "about her"}
    assert erased.device_ids == ("lab",)
    assert erased.shared_device_ids == {"hall"}


@pytest.mark.usefixtures("erased")
def test_what_others_say_stays_without_the_name(connection):
    assert connection.execute(
        "select page_url, properties from raw.events where event_id = 'about her'"
    ).fetchone() == (
        "https://example.com/erased?back=1",
        {"seen": ["erased", f"{ANNA}2"]},
    )


@pytest.mark.usefixtures("erased")
def test_ledger_days_and_devices_follow(connection):
    for check in ("conservation", "conservation_by_day"):
        rows = connection.execute(f"select * from ops.{check}()").fetchall()
        assert {row[-1] for row in rows} == {0}
    [(load_id, removed)] = connection.execute(
        "select load_id, removed_count from ops.loads where kind = 'erasure'"
    ).fetchall()
    assert removed == 4
    assert connection.execute(
        "select array_agg(device_id order by device_id) from ops.touched_devices"
        " where load_id = %s",
        (load_id,),
    ).fetchone() == (["desk", "hall", "lab"],)


@pytest.mark.usefixtures("erased")
def test_what_was_set_aside_is_emptied_and_nothing_comes_back(connection, database):
    assert connection.execute(
        "select outcome, status, record, event_id from raw.set_aside"
    ).fetchall() == [("conflict", "erased", None, None)]
    connection.commit()
    load(database, "third", batch(row("in her hour", device_id="hall", minutes=10)))
    load(database, "fourth", batch(row("hers", payload="other", user_id=ANNA)))
    assert connection.execute("select count(*) from raw.events").fetchone() == (4,)
    assert connection.execute(
        "select count(*) from raw.set_aside where record is not null"
    ).fetchone() == (0,)
