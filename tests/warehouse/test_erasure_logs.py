"""What an erasure cannot reach repeats no value of a row: logs, output, ledgers."""

import json
import os

import pytest

from orchestration.privacy.file_search import search_files
from orchestration.privacy.needles import Needles
from orchestration.privacy.warehouse_search import search_database
from orchestration.transform.builds import Request
from orchestration.transform.run import run_build
from orchestration.warehouse.connection import connect
from tests.warehouse.histories import point_dbt_at
from tests.warehouse.landing_world import SETTLED

USER = "canary-user-0815"
DEVICE = "canary-device-0815"
EMAIL = "canary@nest.example"
ADDRESS = "203.0.113.77"
HOSTILE = "canary'; drop table raw.events; --\"\\{{ canary }}"
CANARIES = Needles([USER, DEVICE, EMAIL, ADDRESS, HOSTILE])
# Where rows of persons are, and an erasure goes.
PERSONAL = ("raw.", "identity.", "intermediate.", "marts.", "published_data.")
# Notes for the build to come and for its publication, which take them away.
UNSETTLED = (
    "ops.touched_devices",
    "ops.build_extents",
    "ops.claimed_devices",
    "ops.changed_units",
)


def seen(minute, **fields):
    event = {
        "event_id": f"canary-{minute}",
        "event_name": "page_view",
        "occurred_at": f"2026-01-08T12:{minute:02}:00Z",
        "received_at": f"2026-01-08T12:{minute:02}:01Z",
        "user_id": USER,
        "device_id": DEVICE,
        "ip": ADDRESS,
        "consent": ["analytics"],
        "page_url": f"https://example.com/{HOSTILE}?email={EMAIL}",
        "properties": {"email": EMAIL, "note": HOSTILE},
    }
    return json.dumps({**event, **fields}) + "\n"


@pytest.fixture
def world(simulated_world):
    """The small marketplace, with one more customer of whom nobody may hear."""
    # The app is everybody's, so only its extract is the test's own.
    with connect(simulated_world.app_url, application_name="tests") as app:
        app.execute(
            "update users set email = %s, phone = %s, updated_at = now()"
            " where id = (select min(id) from users)",
            (EMAIL, HOSTILE),
        )
    put(
        simulated_world,
        "first",
        seen(1),
        seen(2, event_name=HOSTILE),
        seen(3, occurred_at=EMAIL),
        seen(4, properties=USER),
        seen(5)[:-20] + "\n",
    )
    simulated_world.load()
    simulated_world.extract()
    simulated_world.build()
    return simulated_world


def put(world, name, *lines):
    path = world.landing / "web" / f"{name}.ndjson"
    path.write_text("".join(lines))
    os.utime(path, (SETTLED, SETTLED))


def break_the_marts(world, minute):
    """Have the next build fail on a row of the canary."""
    with connect(world.url, application_name="tests") as connection:
        connection.execute(
            "alter table marts.person_days drop constraint if exists cage,"
            " add constraint cage check (operation_count < 0 and user_id is null)"
            " not valid"
        )
    put(world, f"more-{minute}", seen(minute))
    world.load()
    point_dbt_at(world.url)


def assert_no_canary(world):
    files = search_files([world.home], CANARIES, without=[world.landing])
    assert files.file_count > 10
    assert files.hits == []
    with connect(world.url, application_name="tests") as connection:
        hits = search_database(connection, CANARIES).hits
    assert [place for place in hits if not place.startswith(PERSONAL + UNSETTLED)] == []
    assert "raw.events" in hits
    assert "raw.set_aside" in hits


def test_a_build_that_fails_on_a_row_does_not_say_what_it_holds(world, capfd):
    for number, in_process in enumerate((True, False)):
        break_the_marts(world, 20 + number)
        report = run_build(
            world.url,
            project=world.project,
            request=Request(run_id="canary"),
            in_process=in_process,
        )
        printed = "".join(capfd.readouterr())
        assert "person_days" in report.failure
        assert "CheckViolation, table person_days, constraint cage" in printed
        assert not CANARIES.are_in(printed.encode())
        assert_no_canary(world)

    with connect(world.url, application_name="tests") as connection:
        connection.execute("alter table marts.person_days drop constraint cage")
    world.build()
    with connect(world.url, application_name="tests") as connection:
        hits = search_database(connection, CANARIES).hits
    # Rows only: what the planner noted of them goes with the next analysis or erasure.
    assert [place for place in hits if place in UNSETTLED] == []
