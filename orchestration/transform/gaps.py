"""Gaps: days a source should have and has not, from ledger and calendar.

Computed from the warehouse, never from schedule ticks: a scheduler replays at most a
few missed ones.
"""

from dataclasses import dataclass
from datetime import date

import psycopg

# Of the rows of a source's usual day.
SHARE_OF_A_DELIVERY = 0.01

# A silence that chance brings oftener than that is no gap. A house looks at thousands
# of days of sources and types a month, and must not cry wolf in any.
CHANCE = 1e-6
# So many days before a silence tell how much usually comes, and how unevenly.
DAYS_TOLD_FROM = 28

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
    did, is a gap too: a tracker that broke, or a name that changed. Silent for longer
    than it was ever heard, as after a campaign, it has ended and is none any more.

    What comes in few rows, or in bursts, has days without any by chance alone. The
    rows of the days before tell how likely that is: for counts with mean m and
    variance d * m, spread like a negative binomial, a day is empty with probability
    exp(-m * ln(d) / (d - 1)), which is exp(-m) of Poisson where d is 1. Of a type, m
    is as much less as its source had less on the day: a thin day has fewer of all.
    """
    parameters = {
        "timezone": timezone,
        "share": SHARE_OF_A_DELIVERY,
        "usual_days": USUAL_DAYS,
        "days": DAYS_TOLD_FROM,
        "chance": CHANCE,
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
    ),

    present as (
        select
            counted.source,
            counted.event_name,
            counted.day,
            counted.row_count
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
                days_before rows between %(usual_days)s preceding and 1 preceding
            ) as usual_day_count,
            count(present.day) over (
                days_before rows between unbounded preceding and 1 preceding
            ) as heard_day_count,
            present.row_count,
            avg(present.row_count) over told_from as mean,
            -- 1 where rows come one by one; a single day tells nothing of it.
            greatest(
                1, var_samp(present.row_count) over told_from
                / avg(present.row_count) over told_from
            ) as dispersion
        from expected
        left join present
            on
                expected.source = present.source
                and expected.event_name is not distinct from present.event_name
                and expected.day = present.day
        window
            days_before as (
                partition by expected.source, expected.event_name order by expected.day
            ),
            told_from as (days_before rows between %(days)s preceding and 1 preceding)
    ),

    missing as (
        select
            looked_at.*,
            least(1, whole.row_count / whole.mean) as volume,
            looked_at.day - (row_number() over (
                partition by looked_at.source, looked_at.event_name
                order by looked_at.day
            ))::integer as island
        from looked_at
        left join looked_at as whole
            on
                looked_at.event_name is not null
                and whole.event_name is null
                and whole.source = looked_at.source
                and whole.day = looked_at.day
        where looked_at.is_missing
    ),

    silences as (
        select
            source,
            event_name,
            min(day) as first_day,
            max(day) as last_day,
            count(*) as day_count,
            sum(coalesce(volume, 1)) as volume,
            (array_agg(usual_day_count order by day))[1] as usual_day_count,
            (array_agg(heard_day_count order by day))[1] as heard_day_count,
            (array_agg(mean order by day))[1]::float8 as mean,
            (array_agg(dispersion order by day))[1]::float8 as dispersion
        from missing
        group by source, event_name, island
    )

    select
        source,
        first_day,
        last_day,
        event_name
    from silences
    where
        (
            event_name is null
            or (usual_day_count = %(usual_days)s and heard_day_count >= day_count)
        )
        and volume * mean * case
            when dispersion > 1.000001 then ln(dispersion) / (dispersion - 1) else 1
        end >= -ln(%(chance)s)
    order by source, event_name nulls first, first_day
"""
