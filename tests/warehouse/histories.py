"""Small histories of raw events: stored as a load does it, built as a build does it."""

import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import psycopg
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from psycopg import sql

from orchestration.identity.accounts import refresh_excluded_accounts
from orchestration.identity.prepare import prepare_identity
from orchestration.transform.claims import claim, settle
from orchestration.transform.dbt_run import told_of_build
from orchestration.transform.extents import build_days, write_extents

PROJECT = Path(__file__).parents[2] / "dbt_project"
START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """The columns of raw.events that models look at; the rest get a constant."""

    event_id: str
    occurred_at: datetime
    event_name: str = "page_view"
    source: str = "web"
    source_sequence: int | None = None
    device_id: str | None = "d1"
    user_id: str | None = None
    client_session_id: str | None = None
    page_url: str | None = None
    page_path: str | None = None
    occasion_id: str | None = None
    listing_id: str | None = None
    utm_campaign: str | None = None
    duration_ms: int | None = None
    status_code: int | None = None
    device_class: str | None = None
    browser_family: str | None = None
    browser_major: str | None = None
    ip_truncated: str | None = None
    value_minor: int | None = None
    currency: str | None = None
    is_interactive: bool = True
    is_bot: bool = False
    is_internal: bool = False
    is_test: bool = False
    purposes: tuple[str, ...] = ("analytics",)
    properties: dict[str, object] = field(default_factory=dict)

    @property
    def occurred_on(self) -> date:
        return self.occurred_at.date()

    @property
    def is_excluded(self) -> bool:
        return self.is_bot or self.is_internal or self.is_test

    @property
    def position(self) -> tuple[object, ...]:
        """The total order of events: no sequence sorts last."""
        missing = self.source_sequence is None
        return (
            self.occurred_at,
            self.source,
            missing,
            self.source_sequence or 0,
            self.event_id,
        )


def at(**elapsed: float) -> datetime:
    """Return the instant that long after the start of the history."""
    return START + timedelta(**elapsed)


def load(connection: psycopg.Connection, events: Sequence[Event]) -> None:
    """Store the events and what they touch, in one transaction."""
    with connection.transaction():
        load_id = _open_load(connection, len(events))
        for day in sorted({event.occurred_on for event in events}):
            _make_partition(connection, day)
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, [_row(event, load_id) for event in events])
        _touch(connection, load_id, events, change=1)


def remove(connection: psycopg.Connection, events: Sequence[Event]) -> None:
    """Take the events out of raw, as an erasure does."""
    with connection.transaction():
        load_id = _open_load(connection, 0)
        connection.execute(
            "delete from raw.events where event_id = any(%s)",
            ([event.event_id for event in events],),
        )
        _touch(connection, load_id, events, change=-1)


def begin_build(
    connection: psycopg.Connection, *, is_full: bool = False
) -> tuple[int, list[date]]:
    """Claim what is unsettled and prepare identity; return the build and its days."""
    # A transaction that a query left open would keep our locks from dbt for ever.
    connection.commit()
    with connection.transaction():
        row = connection.execute(
            "insert into ops.builds (run_id, is_full_selection) values ('test', true) "
            "returning build_id"
        ).fetchone()
        build_id = int(row[0])
        connection.execute(
            "insert into ops.current_build (build_id) values (%s) "
            "on conflict (is_only) do update set build_id = excluded.build_id",
            (build_id,),
        )
        refresh_excluded_accounts(connection, timezone="UTC")
        claim(connection, build_id=build_id)
        write_extents(connection, build_id=build_id)
        prepare_identity(
            connection,
            build_id=build_id,
            days=build_days(connection, build_id=build_id, timezone="UTC"),
            timezone="UTC",
            is_full=is_full,
        )
        days = build_days(connection, build_id=build_id, timezone="UTC")
    return build_id, days


def end_build(connection: psycopg.Connection, *, build_id: int) -> None:
    """Settle the claims of a build that succeeded."""
    with connection.transaction():
        connection.execute(
            "update ops.builds set state = 'succeeded' where build_id = %s", (build_id,)
        )
        settle(connection, build_id=build_id)


def build(
    connection: psycopg.Connection,
    *,
    url: str,
    select: Iterable[str] = (),
    is_full: bool = False,
    anew: Iterable[str] = (),
) -> int:
    """Run one whole build as the transform stage does; return its id."""
    build_id, days = begin_build(connection, is_full=is_full)
    with told_of_build(build_id, days=days, models_from_nothing=anew):
        invoke_dbt(url, select=select, is_full=is_full)
    end_build(connection, build_id=build_id)
    return build_id


def run_dbt(
    url: str,
    *,
    build_id: int = 0,
    days: Iterable[date] = (),
    select: Iterable[str] = (),
    is_full: bool = False,
    command: str = "run",
) -> object:
    """Run dbt as part of a build, or of none."""
    with told_of_build(build_id, days=days):
        return invoke_dbt(url, select=select, is_full=is_full, command=command)


def invoke_dbt(
    url: str,
    *,
    select: Iterable[str] = (),
    is_full: bool = False,
    command: str = "run",
) -> object:
    """Run dbt in this process against the warehouse at `url`, or raise what it says."""
    point_dbt_at(url)
    # Nobody reads the files that dbt would write, which takes a tenth of its time.
    arguments = [command, "--no-use-colors", "--quiet", "--no-write-json"]
    arguments += ["--log-level-file", "none"]
    for name in select:
        arguments += ["--select", name]
    if is_full:
        arguments.append("--full-refresh")
    result = dbtRunner(manifest=manifest_of(url)).invoke(arguments)
    if not result.success:
        failed = [
            f"{item.node.name}: {item.message}"
            for item in getattr(result.result, "results", [])
            if item.status not in {"success", "pass", "skipped"}
        ]
        raise AssertionError(failed or result.exception)
    return result.result


def point_dbt_at(url: str) -> None:
    """Tell dbt's profile about the warehouse, as the settings do."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    os.environ.update(
        DAYBOOK_DBT_HOST=options.get("host") or parts.hostname or "",
        DAYBOOK_DBT_PORT=options.get("port") or str(parts.port or 5432),
        DAYBOOK_DBT_USER=parts.username or "",
        DAYBOOK_DBT_PASSWORD=parts.password or "",
        DAYBOOK_DBT_DBNAME=parts.path.lstrip("/"),
        DBT_PROJECT_DIR=str(PROJECT),
        DBT_PROFILES_DIR=str(PROJECT),
        DBT_TARGET_PATH=_artifacts(),
        DBT_LOG_PATH=_artifacts(),
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )


@cache
def _artifacts() -> str:
    return tempfile.mkdtemp(prefix="daybook-dbt-")


def manifest_of(url: str) -> Manifest:
    """Return the parsed project, aimed at the database of `url`."""
    # A copy, since dbt marks in its nodes what it has compiled.
    parsed = parse_once().deepcopy()
    database = urlsplit(url).path.lstrip("/")
    for node in (*parsed.nodes.values(), *parsed.sources.values()):
        if node.relation_name:
            node.relation_name = node.relation_name.replace(node.database, database, 1)
        node.database = database
    return parsed


@cache
def parse_once() -> Manifest:
    """Parse the project; every later run in this process starts from the result."""
    result = dbtRunner().invoke(["parse", "--quiet", "--no-partial-parse"])
    assert result.success, result.exception
    return result.result


def table_rows(connection: psycopg.Connection, table: str) -> list[tuple[object, ...]]:
    """Return every row of a table, in an order of its own."""
    query = sql.SQL("select listed.* from {} as listed order by listed::text").format(
        sql.Identifier(*table.split("."))
    )
    with connection.transaction():
        return connection.execute(query).fetchall()


def shuffled_batches(
    events: Sequence[Event], *, count: int, chance: random.Random
) -> list[list[Event]]:
    """Deal the events into batches at random: late arrivals in any order."""
    batches: list[list[Event]] = [[] for _ in range(count)]
    for event in events:
        chance.choice(batches).append(event)
    return [batch for batch in batches if batch]


_CONSTANTS = {
    "has_violation": False,
    "is_clock_future": False,
    "lateness": "on_time",
    "payload_hash": 0,
    "contract_version": 1,
    "rule_version": 1,
}
_COLUMNS = (
    *(item.name for item in fields(Event)),
    "occurred_on",
    "event_key",
    "load_id",
    *_CONSTANTS,
)
_INSERT = (
    f"insert into raw.events ({', '.join(_COLUMNS)}) "
    f"values ({', '.join(['%s'] * len(_COLUMNS))})"
)


def _row(event: Event, load_id: int) -> tuple[object, ...]:
    given = {
        **_CONSTANTS,
        "event_key": hash((event.source, event.event_id)),
        "load_id": load_id,
        "purposes": list(event.purposes),
        "properties": json.dumps(event.properties),
    }
    return tuple(
        given[column] if column in given else getattr(event, column)
        for column in _COLUMNS
    )


def _open_load(connection: psycopg.Connection, count: int) -> int:
    row = connection.execute(
        "insert into ops.loads (kind, source, started_at, record_count, accepted_count)"
        " values ('replay', 'web', now(), %s, %s) returning load_id",
        (count, count),
    ).fetchone()
    return int(row[0])


def _make_partition(connection: psycopg.Connection, day: date) -> None:
    name = sql.Identifier("raw", f"events_{day:%Y%m%d}")
    known = connection.execute(
        "select to_regclass(%s)", (f"raw.events_{day:%Y%m%d}",)
    ).fetchone()
    if known == (None,):
        connection.execute(
            sql.SQL(
                "create table {} partition of raw.events for values from ({}) to ({})"
            ).format(name, sql.Literal(day), sql.Literal(day + timedelta(days=1)))
        )


def _touch(
    connection: psycopg.Connection,
    load_id: int,
    events: Sequence[Event],
    *,
    change: int,
) -> None:
    touched = Counter((event.occurred_on, event.event_name) for event in events)
    for (day, event_name), count in sorted(touched.items()):
        connection.execute(
            "insert into ops.touched_days "
            "(load_id, occurred_on, event_name, row_count, row_change) "
            "values (%s, %s, %s, %s, %s)",
            (load_id, day, event_name, count, change * count),
        )
    moments: dict[tuple[str, date], list[datetime]] = {}
    for event in events:
        if event.device_id is not None:
            key = (event.device_id, event.occurred_on)
            moments.setdefault(key, []).append(event.occurred_at)
    for (device, _), instants in moments.items():
        connection.execute(
            "insert into ops.touched_devices (load_id, device_id, first_at, last_at)"
            " values (%s, %s, %s, %s)",
            (load_id, device, min(instants), max(instants)),
        )
