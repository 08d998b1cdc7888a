"""The prepare stage: from what changed in raw to who is who, and the days to rebuild.

Interface for the models: the macro `owned_rows`. It joins anonymous events to
`identity.device_owners` on device_id and valid_from <= occurred_at < valid_to; no row
means that the device is a person of its own. A build's `ops.changed` holds the days on
which events changed persons under the model name `identity.device_owners`; they are
among the build's days, so a person-grained model may read raw on them.
"""

from collections.abc import Sequence
from datetime import date

import psycopg
from psycopg import sql

from orchestration.identity.changes import (
    Prepared,
    Run,
    count_persons,
    log_changes,
    mark_devices,
    record_run,
    stale_alias_days,
)
from orchestration.identity.components import Resolved, replace_persons
from orchestration.identity.device_evidence import replace_device_evidence
from orchestration.identity.owners import replace_owners
from orchestration.identity.rules import read_rules, store_rules
from orchestration.identity.sightings import DaysSeen, replace_edges

_TEMPORARY = (
    "stale_devices",
    "stale_pairs",
    "stale_nodes",
    "stale_persons",
    "fresh_sightings",
    "fresh_edges",
    "fresh_persons",
    "hub_changes",
    "reached_nodes",
    "resolved_persons",
    "resolved_refusals",
    "refused_pairs",
)
# What users did in the app, as far as person-grained models count it by day.
_INSTANTS = (
    ("raw.app_persons", "user_id", "registered_at"),
    ("raw.app_bookings", "user_id", "requested_at"),
    ("raw.app_payments", "user_id", "paid_at"),
    ("raw.app_reviews", "user_id", "created_at"),
    ("raw.app_messages", "sender_id", "sent_at"),
)


def prepare_identity(
    connection: psycopg.Connection,
    *,
    build_id: int,
    days: Sequence[date],
    timezone: str,
    is_full: bool = False,
    pseudonym_key: bytes = b"",
) -> Prepared:
    """Bring evidence, persons and owners up to date with raw.

    Runs inside the caller's transaction. Writes the days on which an event or an action
    goes to another person to `ops.changed`.

    Parameters
    ----------
    days : sequence of date
        The days of the claims and extents: literals, since only those prune.
    is_full : bool
        Whether to start from nothing, over all of raw.
    pseudonym_key : bytes
        What contact details are hashed with at intake.
    """
    rules = read_rules(connection, pseudonym_key=pseudonym_key)
    store_rules(connection, rules)
    evidence_count = replace_device_evidence(
        connection,
        build_id=build_id,
        days=None if is_full else days,
        rules=rules,
        timezone=timezone,
    )
    seen = None if is_full else _days_seen(connection, build_id)
    replace_edges(connection, days=seen, rules=rules, timezone=timezone)
    resolved = replace_persons(connection, rules=rules, is_full=is_full)
    run = Run(build_id, rules=rules, timezone=timezone, is_full=is_full)
    prepared = _follow(connection, run, resolved, evidence_count=evidence_count)
    for table in _TEMPORARY:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(table)))
    return prepared


def _follow(
    connection: psycopg.Connection,
    run: Run,
    resolved: Resolved,
    *,
    evidence_count: int,
) -> Prepared:
    """Let devices and days follow the persons that changed, and write the run down."""
    changes = log_changes(connection, build_id=run.build_id)
    mark_devices(connection)
    stale_days = replace_owners(
        connection,
        build_id=run.build_id,
        timezone=run.timezone,
        mode=run.rules.definition.mode,
        is_full=run.is_full,
    )
    stale_days += stale_alias_days(
        connection, build_id=run.build_id, timezone=run.timezone, instants=_INSTANTS
    )
    devices = connection.execute(
        "select count(distinct device_id) from stale_devices"
    ).fetchone()
    person_count, refusals = count_persons(connection)
    prepared = Prepared(
        evidence_count=evidence_count,
        device_count=devices[0] if devices else 0,
        stale_days=tuple(sorted(set(stale_days))),
        edge_count=resolved.edge_count,
        resolved_count=resolved.identifier_count,
        person_count=person_count,
        merge_count=changes["merged"],
        split_count=changes["split"],
        rename_count=changes["renamed"],
        refusals=refusals,
    )
    record_run(connection, prepared, run)
    return prepared


def _days_seen(connection: psycopg.Connection, build_id: int) -> DaysSeen:
    """Return the days whose rows changed in raw, without those of extents alone."""
    rows = connection.execute(
        """
        select day, model <> 'raw.app', model <> 'raw.events'
        from ops.changed
        where build_id = %s and model in ('raw.events', 'raw.app', '*')
        order by day
        """,
        (build_id,),
    ).fetchall()
    return DaysSeen(
        events=tuple(dict.fromkeys(day for day, has_events, _ in rows if has_events)),
        accounts=tuple(dict.fromkeys(day for day, _, has_app in rows if has_app)),
    )
