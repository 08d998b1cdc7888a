"""Many histories in one warehouse, each on devices and days of its own.

In whatever order they come, over whatever nights: what the real models and publications
hold equals one build from nothing, and no night reads more than it must.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.transform import builds
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.equivalence import unpublished_tables
from orchestration.transform.run import run_build
from tests.warehouse.histories import PROJECT, Event, at, load, point_dbt_at, remove
from tests.warehouse.model_digests import digest_models
from tests.warehouse.reference_sessions import (
    GAP,
    find_sessions,
    person_day_rows,
    session_rows,
)
from tests.warehouse.test_sessions import history

REQUEST = Request(run_id="test")
# No history is longer, so no two share a day.
SPAN = timedelta(days=6)
# How late a straggler may come, in days.
LATEST = 60


def histories_apart(chance: random.Random, *, count: int) -> list[Event]:
    """Make histories with devices, persons and days of their own."""
    made = []
    for number in range(count):
        shift = -number * SPAN
        made += [
            replace(
                event,
                event_id=f"h{number}-{event.event_id}",
                device_id=f"h{number}-{event.device_id}",
                user_id=event.user_id and f"h{number}-{event.user_id}",
                occurred_at=event.occurred_at + shift,
            )
            for event in history(chance, devices=3, events=8)
            if event.occurred_at < at() + SPAN
        ]
    return made


def nights_of(
    events: Sequence[Event], *, count: int, chance: random.Random
) -> list[list[Event]]:
    """Deal the events to random nights, a third of them up to sixty days late."""
    first = min(event.occurred_at for event in events)
    last = max(event.occurred_at for event in events) + timedelta(days=LATEST)
    moments = [first + chance.random() * (last - first) for _ in range(count - 1)]
    dealt = defaultdict(list)
    for event in chance.sample(events, k=len(events)):
        late = chance.uniform(0, LATEST) if chance.random() < 1 / 3 else 0
        due = event.occurred_at + timedelta(days=late)
        dealt[min((at for at in moments if at >= due), default=last)].append(event)
    return [dealt[night] for night in sorted(dealt)]


def facts_by_day(events: Sequence[Event]) -> dict[date, set[str]]:
    """Say what every day's sessions and persons are, told event by event."""
    facts = defaultdict(set)
    for row in session_rows(events):
        facts[row["started_on"]].add(repr(row))
    for (day, person), row in person_day_rows(events).items():
        facts[day].add(repr((person, sorted(row.items(), key=repr))))
    return facts


def days_held(events: Sequence[Event], news: Iterable[Event]) -> set[date]:
    """Return the days of the sessions that an event of the news lies in or next to."""
    sessions = defaultdict(list)
    for session in find_sessions(events):
        sessions[session.device_id].append(session)
    days = set()
    for event in news:
        days |= {event.occurred_on, (event.occurred_at + GAP).date()}
        for session in sessions[event.device_id]:
            over = session.ended_at + GAP
            if session.started_at <= event.occurred_at + GAP and (
                event.occurred_at <= over
            ):
                length = (over.date() - session.started_at.date()).days + 1
                start = session.started_at.date()
                days |= {start + timedelta(days=number) for number in range(length)}
    return days


@pytest.mark.parametrize(
    ("histories", "nights"),
    [(8, 3), pytest.param(200, 20, marks=pytest.mark.long)],
)
def test_nights_in_any_order_equal_a_rebuild_and_read_no_more_than_they_must(
    histories, nights, database, connection, tmp_path, monkeypatch
):
    point_dbt_at(database)
    project = Project(PROJECT, tmp_path / "target")
    tables = published_tables(load_manifest(project))
    chance = random.Random(histories)
    events = histories_apart(chance, count=histories)
    read: list[set[date]] = []

    def told_days(*args, **kwargs):
        days = build_days(*args, **kwargs)
        read.append(set(days))
        return days

    build_days = builds.build_days
    monkeypatch.setattr(builds, "build_days", told_days)

    def build_and_publish():
        report = run_build(database, project=project, request=REQUEST)
        assert report.failure is None
        publish(connection, tables=tables, terms=Terms(build_id=report.build_id))
        assert unpublished_tables(connection, tables) == []

    def assert_no_more_was_read(before, after, news):
        old, new = facts_by_day(before), facts_by_day(after)
        must = {day for day in old.keys() | new.keys() if old[day] != new[day]}
        must |= {event.occurred_on for event in news}
        assert must <= read[-1]
        may = must | days_held(before, news) | days_held(after, news)
        assert read[-1] <= may

    loaded: list[Event] = []
    for night in nights_of(events, count=nights, chance=chance):
        load(connection, night)
        build_and_publish()
        assert_no_more_was_read(loaded, [*loaded, *night], night)
        loaded += night
    gone = chance.sample(events, k=len(events) // 10)
    remove(connection, gone)
    build_and_publish()
    names = {event.event_id for event in gone}
    assert_no_more_was_read(
        loaded, [event for event in loaded if event.event_id not in names], gone
    )

    incremental = digest_models(connection)
    assert incremental["marts.sessions"].row_count > 0
    with connection.transaction():
        connection.execute("delete from ops.models")
    build_and_publish()
    assert digest_models(connection) == incremental
