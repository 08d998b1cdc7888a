"""What dbt counted for every experiment, read as arms."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import psycopg

from orchestration.experiments.arms import (
    Arm,
    AroundQuantile,
    Counted,
    Measured,
    Split,
    Sums,
    Terms,
    met,
)
from orchestration.experiments.quantile_counts import Key, read_quantiles

_ARMS = Path(__file__).with_name("arms.sql").read_bytes()
# Days that are over: each is looked at once.
_DAYS = """
with

days as (

    select
        experiment_id,
        exposed_on,
        variant,
        max(unit_count) as unit_count
    from marts.experiment_statistics
    where
        dimension = 'all'
        and (exposed_on + 1)::timestamp at time zone %(timezone)s <= %(complete_at)s
        and (experiment_id, phase) in (
            select experiment_id, max(phase)
            from marts.experiment_statistics
            group by experiment_id
        )
    group by experiment_id, exposed_on, variant

)

select
    shown.experiment_id,
    shown.exposed_on::text,
    array_agg(coalesce(days.unit_count, 0) order by arms.arm_index)
from (select distinct experiment_id, exposed_on from days) as shown
inner join registry.experiment_arms as arms on shown.experiment_id = arms.experiment_id
left join days
    on
        shown.experiment_id = days.experiment_id
        and shown.exposed_on = days.exposed_on
        and arms.variant = days.variant
group by shown.experiment_id, shown.exposed_on
order by shown.experiment_id, shown.exposed_on
"""
ALL = ("all", "all")


def read_counts(connection: psycopg.Connection, *, timezone: str) -> list[Counted]:
    """Read the counts of every experiment that has exposed units.

    Parameters
    ----------
    timezone : str
        Of the reporting days.

    Returns
    -------
    list of Counted
        Every experiment as a whole, and once more for every value of a dimension.
    """
    row = connection.execute(
        "select min(data_complete_through) from ops.watermarks"
    ).fetchone()
    terms = {"timezone": timezone, "complete_at": row[0] if row else None}
    rows = connection.execute(_ARMS, terms).fetchall()
    around = read_quantiles(connection, terms)
    counted = [
        _counted(list(group), around)
        for _, group in groupby(rows, key=lambda row: row[:3])
    ]
    splits: dict[str, list[Split]] = defaultdict(list)
    for id_, day, units in connection.execute(_DAYS, terms):
        splits[id_].append(Split("exposed_on", day, tuple(units)))
    for each in counted:
        if each.within != ALL:
            units = tuple(met(arm) for arm in each.arms)
            splits[each.experiment_id].append(Split(*each.within, units))
    return [
        replace(each, splits=tuple(splits[each.experiment_id]))
        if each.within == ALL
        else each
        for each in counted
    ]


def _counted(rows: Sequence[tuple], around: dict[Key, AroundQuantile]) -> Counted:
    """Make one experiment of its rows, one per metric and arm."""
    first = rows[0]
    return Counted(
        experiment_id=first[0],
        within=first[1:3],
        phase=first[3],
        day_count=first[4],
        is_decidable=first[5],
        has_changed=first[6],
        terms=Terms(*first[7:16]),
        metrics=tuple(
            (Measured(*measured), tuple(_arms(list(group), around)))
            for measured, group in groupby(rows, key=lambda row: row[16:24])
        ),
    )


def _arms(rows: Sequence[tuple], around: dict[Key, AroundQuantile]) -> Iterator[Arm]:
    for row in rows:
        counts, sums = row[24:30], Sums(*row[30:])
        found = around.get((*row[:3], row[16], row[24]))
        yield Arm(*counts, sums=sums, around=found)
