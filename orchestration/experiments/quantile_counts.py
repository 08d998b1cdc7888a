"""Events about the quantiles of experiments, read off the rows of units."""

import psycopg

from orchestration.experiments.arms import AroundQuantile

# Experiment, dimension, its value, metric, arm.
Key = tuple[str, str, str, str, str]

_AROUND = """
with

units as (

    select
        units.experiment_id,
        split.dimension,
        split.dimension_value,
        units.metric_name,
        exposures.variant,
        metrics.quantile::float8 as fraction,
        units.person_id,
        units.amounts
    from marts.experiment_units as units
    inner join marts.experiment_exposures as exposures
        on
            units.experiment_id = exposures.experiment_id
            and units.phase = exposures.phase
            and units.person_id = exposures.person_id
            and not exposures.is_multi_arm
    inner join registry.experiment_windows as metrics
        on
            units.experiment_id = metrics.experiment_id
            and units.metric_name = metrics.metric_name
            and metrics.metric_type = 'quantile'
    cross join lateral (
        values
        ('all', 'all'),
        ('browser_family', exposures.browser_family),
        ('device_class', exposures.device_class)
    ) as split (dimension, dimension_value)
    where
        units.amounts is not null
        and units.phase = (
            select max(newest.phase) from marts.experiment_exposures as newest
            where newest.experiment_id = units.experiment_id
        )
        and (
            not metrics.has_window
            or (units.exposed_on + 1)::timestamp at time zone %(timezone)s
            + metrics.takes <= %(complete_at)s
        )
        and (metrics.closes_at is null or metrics.closes_at <= %(complete_at)s)

),

sized as (

    select
        experiment_id,
        dimension,
        dimension_value,
        metric_name,
        variant,
        fraction,
        sum(cardinality(amounts)) as event_count,
        -- The distance of quantiles.rank_bounds.
        1.959963984540054 * sqrt(
            fraction * (1 - fraction) / sum(cardinality(amounts))
        ) as distance
    from units
    group by 1, 2, 3, 4, 5, 6

),

found as (

    select
        sized.*,
        percentile_disc(array[
            sized.fraction,
            greatest(sized.fraction - sized.distance, 0),
            least(sized.fraction + sized.distance, 1)
        ]) within group (order by listed.amount) as bounds
    from sized
    inner join units using (
        experiment_id, dimension, dimension_value, metric_name, variant
    )
    cross join lateral unnest(units.amounts) as listed (amount)
    group by
        experiment_id, dimension, dimension_value, metric_name, variant,
        sized.fraction, sized.event_count, sized.distance

)

select
    experiment_id,
    dimension,
    dimension_value,
    metric_name,
    variant,
    found.event_count::bigint,
    found.bounds[1]::float8,
    found.bounds[2]::float8,
    found.bounds[3]::float8,
    sum(counted.below_count)::bigint,
    sum(counted.below_count * counted.below_count)::bigint,
    sum(counted.event_count * counted.event_count)::bigint,
    sum(counted.below_count * counted.event_count)::bigint
from found
inner join units using (experiment_id, dimension, dimension_value, metric_name, variant)
cross join lateral (
    select
        count(*) as event_count,
        count(*) filter (where amount <= found.bounds[1]) as below_count
    from unnest(units.amounts) as listed (amount)
) as counted
group by
    experiment_id, dimension, dimension_value, metric_name, variant, found.event_count,
    found.bounds
"""


def read_quantiles(
    connection: psycopg.Connection, terms: dict[str, object]
) -> dict[Key, AroundQuantile]:
    """Read what `compare_quantiles` needs of every arm, two looks at its events.

    Parameters
    ----------
    terms : dict
        `timezone` of the reporting days, and `complete_at`.
    """
    has_any = connection.execute(
        "select exists (select from registry.experiment_windows "
        "where metric_type = 'quantile')"
    ).fetchone()
    if has_any == (False,):
        return {}
    return {
        tuple(row[:5]): AroundQuantile(*row[5:])
        for row in connection.execute(_AROUND, terms)
    }
