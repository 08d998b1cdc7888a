"""Gaps: days a source should have and has not, from ledger and calendar.

Computed from the warehouse, never from schedule ticks: a scheduler replays at most a
few missed ones.
"""

from dataclasses import dataclass
from datetime import date

import psycopg

# Of the rows of a source's usual day.
SHARE_OF_A_DELIVERY = 0.01

# A source that usually has fewer rows has days without any, by chance alone.
LEAST_USUAL_ROWS = 20

# A type of event that came on each of so many days before is expected on the next.
USUAL_DAYS = 7


@dataclass(frozen=True)
class Gap:
    """Days in a row of which a source that was there before has no rows.

    Attributes
    ----------
    event_name : str or None
        The type of event that is missing; None if all of the source is.
    """

    source: str
    first_day: date
    last_day: date
    event_name: str | None = None

    @property
    def day_count(self) -> int:
        """How many days are missing."""
        return (self.last_day - self.first_day).days + 1

    @property
    def what(self) -> str:
        """What is missing, in words."""
        return f"{self.event_name} of {self.source}" if self.event_name else self.source


def find_gaps(connection: psycopg.Connection, *, timezone: str) -> list[Gap]:
    """Return the gaps of every source of files, from its first day to its completeness.

    A day is there when the ledger says that rows of it were loaded: at least a share of
    what is usual, since late rows of a day are not its delivery. Up to where, says the
    source's own watermark, so today is not missing just because it is not over. What
    an app database holds has no gaps: every extract reads all of its days.

    A type of event that came every day and then did not, while others of its source
    did, is a gap too: a tracker that broke, or a name that changed.
    """
    parameters = {
        "timezone": timezone,
        "share": SHARE_OF_A_DELIVERY,
        "least": LEAST_USUAL_ROWS,
        "days": USUAL_DAYS,
    }
    return [Gap(*row) for row in connection.execute(_GAPS, parameters)]


# A null event name stands for all of a source.
_GAPS = """
    with counted as (
        select
            loads.source,
            touched.event_name,
            touched.occurred_on as day,
            sum(touched.row_count) as row_count
        from ops.touched_days as touched
        inner join ops.loads as loads using (load_id)
        where loads.kind in ('file', 'replay', 'release')
        group by grouping sets (
            (loads.source, touched.occurred_on),
            (loads.source, touched.event_name, touched.occurred_on)
        )
    ),

    usual as (
        select
            source,
            event_name,
            percentile_cont(0.5) within group (order by row_count) as row_count
        from counted
        group by source, event_name
        having percentile_cont(0.5) within group (order by row_count) >= %(least)s
    ),

    present as (
        select
            counted.source,
            counted.event_name,
            counted.day
        from counted
        inner join usual
            on
                counted.source = usual.source
                and counted.event_name is not distinct from usual.event_name
        where counted.row_count >= %(share)s * usual.row_count
    ),

    expected as (
        select
            spans.source,
            spans.event_name,
            days.day::date as day
        from (
            select
                present.source,
                present.event_name,
                min(present.day) as first_day,
                (
                    watermarks.data_complete_through at time zone %(timezone)s
                )::date - 1 as last_day
            from present
            inner join ops.watermarks as watermarks using (source)
            group by
                present.source, present.event_name, watermarks.data_complete_through
        ) as spans
        cross join lateral generate_series(
            spans.first_day::timestamp, spans.last_day::timestamp, interval '1 day'
        ) as days (day)
        -- Of a day that the whole source lacks, every type is missing.
        where
            spans.event_name is null
            or exists (
                select from present as whole
                where
                    whole.source = spans.source
                    and whole.event_name is null
                    and whole.day = days.day::date
            )
    ),

    looked_at as (
        select
            expected.*,
            present.day is null as is_missing,
            count(present.day) over (
                partition by expected.source, expected.event_name
                order by expected.day
                rows between %(days)s preceding and 1 preceding
            ) as days_before
        from expected
        left join present
            on
                expected.source = present.source
                and expected.event_name is not distinct from present.event_name
                and expected.day = present.day
    ),

    missing as (
        select
            *,
            day - (row_number() over (
                partition by source, event_name order by day
            ))::integer as island
        from looked_at
        where is_missing
    )

    select
        source,
        min(day),
        max(day),
        event_name
    from missing
    group by source, event_name, island
    having event_name is null or (array_agg(days_before order by day))[1] = %(days)s
    order by source, event_name nulls first, min(day)
"""
