"""Provenance: what a published number means, is made of, and rests on."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import psycopg

# The files of a day can be thousands; who wonders about a number wants the newest.
_MOST_LOADS = 10


def explain_number(
    connection: psycopg.Connection, metric: str, day: date
) -> list[str] | None:
    """Return lines about a metric's numbers of a day; None if no metric is called so.

    First what it means, then every published value with its parts, then what changed
    after the day was final, then which loads brought the day's rows.
    """
    described = connection.execute(
        """
        select body ->> 'title', body ->> 'description', body ->> 'formula',
            body ->> 'unit', version
        from registry.in_force
        where kind = 'metric' and id = %s
        """,
        (metric,),
    ).fetchone()
    if described is None:
        return None
    title, description, formula, unit, version = described
    return [
        f"{title} on {day}",
        f"  means    {description}",
        f"  is       {formula} ({unit}; definition {version} of {metric})",
        *_values(connection, metric, day),
        *_restatements(connection, day),
        *_left_out(connection, day),
        *_loads(connection, day),
    ]


def _values(connection: psycopg.Connection, metric: str, day: date) -> Iterator[str]:
    rows = connection.execute(
        """
        select dimension, dimension_value, value, numerator, denominator,
            close_state, data_complete_through
        from published.metrics_daily
        where metric_id = %s and day = %s
        order by dimension <> 'all', dimension, value desc nulls last, dimension_value
        """,
        (metric, day),
    ).fetchall()
    if not rows:
        yield "  value    none is published for that day"
    for dimension, name, value, numerator, denominator, state, through in rows:
        of = "" if dimension == "all" else f" where {dimension} is {name}"
        parts = (
            ""
            if denominator is None
            else (f" = {_plain(numerator)} / {_plain(denominator)}")
        )
        yield (
            f"  value    {_plain(value)}{parts}{of}, {state}, "
            f"complete through {through:%Y-%m-%d %H:%M} UTC"
            if through
            else f"  value    {_plain(value)}{parts}{of}, {state}"
        )


def _restatements(connection: psycopg.Connection, day: date) -> Iterator[str]:
    rows = connection.execute(
        """
        select restated_at, added_count, removed_count, reason
        from ops.restatements
        where table_name = 'metrics_daily' and day = %s
        order by restatement_id
        """,
        (day,),
    )
    for at, added, removed, reason in rows:
        yield (
            f"  restated {at:%Y-%m-%d %H:%M} UTC, {removed} numbers of the day became "
            f"{added}: {reason}"
        )


def _left_out(connection: psycopg.Connection, day: date) -> Iterator[str]:
    rows = connection.execute(
        """
        select metric_id, value from published.metrics_daily
        where
            day = %s and dimension = 'all' and value > 0
            and metric_id in ('excluded_events', 'excluded_operations', 'double_views')
        order by metric_id
        """,
        (day,),
    )
    for metric, value in rows:
        yield f"  left out {_plain(value)} {metric.replace('_', ' ')} of that day"


def _loads(connection: psycopg.Connection, day: date) -> Iterator[str]:
    rows = connection.execute(
        """
        select
            loads.load_id,
            loads.kind,
            loads.source,
            coalesce(loads.file_name, loads.reason, ''),
            sum(touched.row_change)::bigint,
            loads.loaded_at,
            count(*) over ()
        from ops.touched_days as touched
        inner join ops.loads as loads using (load_id)
        where touched.occurred_on = %s
        group by loads.load_id
        order by loads.load_id desc
        limit %s
        """,
        (day, _MOST_LOADS),
    ).fetchall()
    for load, kind, source, name, change, at, _ in rows:
        of = f"{source} {name}".strip()
        yield (
            f"  rests on load {load}, {kind} of {of}: {change:+,} rows, "
            f"{at:%Y-%m-%d %H:%M} UTC"
        )
    if rows and rows[0][-1] > len(rows):
        yield f"           and {rows[0][-1] - len(rows)} loads before"


def _plain(value: Decimal | None) -> str:
    return "undefined" if value is None else f"{value.normalize():f}"
