"""Gaps: days a source should have and has not, from ledger and calendar.

Computed from the warehouse, never from schedule ticks: a scheduler replays at most a
few missed ones.
"""

from dataclasses import dataclass
from datetime import date

import psycopg

# Of the rows of a source's usual day.
SHARE_OF_A_DELIVERY = 0.01


@dataclass(frozen=True)
class Gap:
    """Days in a row of which a source that was there before and after has no rows."""

    source: str
    first_day: date
    last_day: date

    @property
    def day_count(self) -> int:
        """How many days are missing."""
        return (self.last_day - self.first_day).days + 1


def find_gaps(connection: psycopg.Connection, *, timezone: str) -> list[Gap]:
    """Return the gaps of every source of files, from its first day to its completeness.

    A day is there when the ledger says that rows of it were loaded: at least a share of
    what is usual, since late rows of a day are not its delivery. Up to where, says the
    source's own watermark, so today is not missing just because it is not over. What
    an app database holds has no gaps: every extract reads all of its days.
    """
    rows = connection.execute(
        _GAPS, {"timezone": timezone, "share": SHARE_OF_A_DELIVERY}
    )
    return [Gap(source, first_day, last_day) for source, first_day, last_day in rows]


_GAPS = """
    with counted as (
        select
            loads.source,
            touched.occurred_on as day,
            sum(touched.row_count) as row_count
        from ops.touched_days as touched
        inner join ops.loads as loads using (load_id)
        where loads.kind in ('file', 'replay', 'release')
        group by loads.source, touched.occurred_on
    ),

    usual as (
        select
            source,
            percentile_cont(0.5) within group (order by row_count) as row_count
        from counted
        group by source
    ),

    present as (
        select
            counted.source,
            counted.day
        from counted
        inner join usual using (source)
        where counted.row_count >= %(share)s * usual.row_count
    ),

    expected as (
        select
            spans.source,
            days.day::date as day
        from (
            select
                present.source,
                min(present.day) as first_day,
                (
                    watermarks.data_complete_through at time zone %(timezone)s
                )::date - 1 as last_day
            from present
            inner join ops.watermarks as watermarks using (source)
            group by present.source, watermarks.data_complete_through
        ) as spans
        cross join lateral generate_series(
            spans.first_day::timestamp, spans.last_day::timestamp, interval '1 day'
        ) as days (day)
    ),

    missing as (
        select
            expected.source,
            expected.day,
            expected.day - (row_number() over (
                partition by expected.source order by expected.day
            ))::integer as island
        from expected
        left join present using (source, day)
        where present.day is null
    )

    select
        source,
        min(day),
        max(day)
    from missing
    group by source, island
    order by source, min(day)
"""
