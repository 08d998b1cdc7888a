"""Completeness: how far the published tables go, and moving the status row there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from orchestration.quality.published_tables import PublishedTable


@dataclass(frozen=True)
class Completeness:
    """Where the status row should stand.

    Attributes
    ----------
    watermarks : mapping of str to datetime
        How complete each table is.
    closed_through : date or None
        The last day that a nightly run closed; None closes nothing further.
    """

    watermarks: Mapping[str, datetime]
    through: datetime | None
    closed_through: date | None
    timezone: str


def source_watermarks(
    connection: psycopg.Connection, *, build_id: int
) -> dict[str, datetime]:
    """Return how complete each source is in what the build made.

    While something is loaded and not built, that is where the sources were when the
    build began; otherwise where they are now, so that a night without news moves on.
    One statement, hence one snapshot.
    """
    rows = connection.execute(
        """
        with news as (
            select
                exists (select from ops.touched_days where settled_by is null)
                or exists (select from ops.touched_devices) as has_news
        )

        select watermarks.source, watermarks.data_complete_through
        from ops.watermarks as watermarks
        cross join news
        where not news.has_news
        union all
        select watermarks.source, watermarks.data_complete_through
        from ops.build_watermarks as watermarks
        cross join news
        where news.has_news and watermarks.build_id = %s
        """,
        (build_id,),
    )
    return dict(rows.fetchall())


def table_watermarks(
    tables: Sequence[PublishedTable], sources: Mapping[str, datetime]
) -> dict[str, datetime]:
    """Return the minimum over each table's sources; unknown where one is unknown."""
    found = {}
    for table in tables:
        wanted = table.sources or tuple(sources)
        if wanted and all(source in sources for source in wanted):
            found[table.name] = min(sources[source] for source in wanted)
    return found


def last_whole_day(through: datetime | None, *, timezone: str) -> date | None:
    """Return the last reporting day that is over at an instant."""
    if through is None:
        return None
    return through.astimezone(ZoneInfo(timezone)).date() - timedelta(days=1)


def is_current(connection: psycopg.Connection) -> bool:
    """Tell whether readers see a publication, and nothing holds the next one back."""
    row = connection.execute(
        "select from published.status "
        "where state = 'current' and publication_id is not null"
    ).fetchone()
    return row is not None


def move_status(
    connection: psycopg.Connection, *, build_id: int, target: Completeness
) -> bool:
    """Move the status row to what is published now; return whether it moved."""
    lateness = connection.execute(
        "select days_late_allowed from registry.days_late_allowed"
    ).fetchone()
    texts = {
        name: value.isoformat() for name, value in sorted(target.watermarks.items())
    }
    _note_step_back(connection, through=target.through)
    moved = connection.execute(
        """
        update published.status
        set
            state = 'current',
            reason = null,
            build_id = %(build_id)s,
            data_complete_through = %(through)s,
            watermarks = %(watermarks)s,
            closed_through_on = greatest(closed_through_on, %(closed_through)s),
            days_late_allowed = coalesce(%(days_late)s, days_late_allowed),
            timezone = %(timezone)s
        where
            (
                state, build_id, data_complete_through, watermarks,
                closed_through_on, days_late_allowed, timezone
            ) is distinct from (
                'current', %(build_id)s, %(through)s::timestamptz, %(watermarks)s,
                greatest(closed_through_on, %(closed_through)s::date),
                coalesce(%(days_late)s, days_late_allowed), %(timezone)s
            )
        """,
        {
            "build_id": build_id,
            "through": target.through,
            "watermarks": Jsonb(texts),
            "closed_through": target.closed_through,
            "days_late": lateness[0] if lateness else None,
            "timezone": target.timezone,
        },
    )
    return moved.rowcount == 1


def _note_step_back(
    connection: psycopg.Connection, *, through: datetime | None
) -> None:
    """Open an incident when completeness moves backwards, as a new source can."""
    connection.execute(
        """
        insert into ops.alerts (incident_key, severity, message)
        select
            'published watermark',
            'warning',
            'data_complete_through of the published tables moved backwards'
        from published.status
        where
            data_complete_through is not null
            and coalesce(%(through)s::timestamptz < data_complete_through, true)
        on conflict (incident_key) where resolved_at is null do nothing
        """,
        {"through": through},
    )
