"""Erasure in raw.events and raw.set_aside: rows go, mentions in others' rows too."""

from collections import defaultdict
from collections.abc import Sequence

import psycopg
from psycopg import sql

from orchestration.privacy.subjects import OWNED_EVENTS, Subject
from orchestration.raw.clocks import to_micros
from orchestration.raw.ledger import Counts, close_loads, open_load
from orchestration.raw.touched import Touched

# What others' rows say instead of the person's name.
ERASED = "erased"

_TEXTS = ("text", "character varying")
# What tells rows and kinds of rows apart says nothing of a person.
_NO_MENTIONS = ("source", "event_id", "event_name")


def erase_events(connection: psycopg.Connection, subject: Subject) -> dict[str, int]:
    """Delete the person's rows inside the caller's transaction; count them by place.

    The ledger gets a row per source, so that conservation holds and builds follow.
    Keys stay: a copy that comes again finds its key, and no row.
    """
    _keep_loads_out(connection)
    deleted = _delete(connection, subject)
    aside = _empty_set_aside(connection, subject, [row[0] for row in deleted])
    mentions = _replace_mentions(connection, subject)
    by_source: dict[str, list[tuple]] = defaultdict(list)
    for row in deleted:
        by_source[row[1]].append((-1, row))
    for row in mentions:
        by_source[row[1]].append((0, row))
    touched = Touched()
    counts: dict[int, Counts] = {}
    for source, rows in sorted(by_source.items()):
        load_id = open_load(
            connection,
            "erasure",
            source=source,
            reason=f"erasure {subject.erasure_id}",
        )
        for change, (_, _, day, name, device_id, at) in rows:
            touched.add_days([(load_id, day, name)], change=change)
            touched.add_devices(load_id, [device_id], [to_micros(at)])
        removed = sum(change == -1 for change, _ in rows)
        counts[load_id] = Counts(removed_count=removed)
    touched.flush(connection)
    close_loads(connection, counts)
    return {
        "raw.events": len(deleted),
        "raw.events, mentions": len(mentions),
        "raw.set_aside": aside,
    }


def _keep_loads_out(connection: psycopg.Connection) -> None:
    """Wait for loads and builds that run; those that come wait for us."""
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.truth'))")


def _delete(connection: psycopg.Connection, subject: Subject) -> list[tuple]:
    return connection.execute(
        sql.SQL(
            """
            delete from raw.events as events
            where {owned}
            returning
                events.event_key, events.source, events.occurred_on,
                events.event_name, events.device_id, events.occurred_at
            """
        ).format(owned=OWNED_EVENTS),
        {"erasure_id": subject.erasure_id, "user_id": subject.user_id},
    ).fetchall()


def _empty_set_aside(
    connection: psycopg.Connection, subject: Subject, keys: Sequence[int]
) -> int:
    """Empty what was set aside of the person; that something was stays counted."""
    emptied = 0
    for pattern in subject.needles.sql_patterns():
        emptied += connection.execute(
            """
            update raw.set_aside as aside
            set status = 'erased', record = null, event_id = null
            where
                status <> 'erased'
                and (
                    event_key = any(%(keys)s)
                    or encode(record, 'escape') ~ %(pattern)s
                    or concat_ws(' ', event_id, event_name, pointer, expected)
                    ~ %(pattern)s
                )
            """,
            {"keys": list(keys), "pattern": pattern},
        ).rowcount
    return emptied


def _replace_mentions(connection: psycopg.Connection, subject: Subject) -> list[tuple]:
    """Call the person `erased` where others' rows speak of them, as in addresses."""
    texts = _text_columns(connection)
    changed: list[tuple] = []
    for pattern in subject.needles.sql_patterns():
        changed += connection.execute(
            sql.SQL(
                """
                update raw.events as events
                set
                    {texts},
                    properties = regexp_replace(
                        properties::text, %(pattern)s, %(erased)s, 'g'
                    )::jsonb
                where (to_jsonb(events) - '{{event_id,source}}'::text[])::text
                    ~ %(pattern)s
                returning
                    events.event_key, events.source, events.occurred_on,
                    events.event_name, events.device_id, events.occurred_at
                """
            ).format(
                texts=sql.SQL(", ").join(
                    sql.SQL(
                        "{0} = regexp_replace({0}, %(pattern)s, %(erased)s, 'g')"
                    ).format(sql.Identifier(name))
                    for name in texts
                )
            ),
            {"pattern": pattern, "erased": ERASED},
        ).fetchall()
    return changed


def _text_columns(connection: psycopg.Connection) -> list[str]:
    """Return the columns in which others may speak of the person."""
    rows = connection.execute(
        """
        select attname, format_type(atttypid, null)
        from pg_attribute
        where attrelid = 'raw.events'::regclass and attnum > 0 and not attisdropped
        order by attnum
        """
    )
    return [name for name, kind in rows if kind in _TEXTS and name not in _NO_MENTIONS]
