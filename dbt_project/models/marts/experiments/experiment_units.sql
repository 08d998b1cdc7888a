-- What the macros read for funnels that are known only when executing.
-- depends_on: {{ ref('int_funnel_rows') }}
-- depends_on: {{ source('registry', 'funnel_plans') }}
{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['experiment_id', 'phase', 'metric_name', 'person_id'],
    indexes=[{'columns': ['experiment_id', 'phase', 'metric_name', 'person_id'], 'unique': true}],
) }}

with

owned as (

    {{ unit_rows(ref('int_events_matched'), "anonymous.kind = 'experiment' and "
        ~ since_first_experiment('anonymous.occurred_on', with_history=true)) }}

),

-- Materialized, or every comparison of a join would hash anew.
happened as materialized (

    select
        id,
        part % 100 as metric_index,
        (array['counts', 'divides', 'reverses'])[1 + part / 100] as what,
        occurred_at,
        amount,
        {{ person_id('person_key') }} as person_id
    from owned

),

-- Outcomes are strictly after exposure and inside the window; a reversal may come later.
met as (

    select
        exposures.experiment_id,
        exposures.phase,
        metrics.metric_name,
        metrics.metric_type,
        exposures.person_id,
        exposures.exposed_on,
        happened.what,
        happened.amount,
        happened.occurred_at < exposures.exposed_at as is_before
    from {{ ref('experiment_exposures') }} as exposures
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on exposures.experiment_id = metrics.experiment_id
    inner join happened
        on
            exposures.experiment_id = happened.id
            and metrics.metric_index = happened.metric_index
            and exposures.person_id = happened.person_id
            and not exposures.is_multi_arm
            and {{ is_in_window('happened', 'exposures', 'metrics') }}

)

select
    experiment_id,
    phase,
    metric_name,
    person_id,
    exposed_on,
    {{ unit_value('not is_before') }} as value,
    count(*) filter (where not is_before and what = 'divides')::numeric as denominator,
    {{ unit_value('is_before') }} as covariate,
    bool_or(is_before) as has_history,
    array_agg(amount order by amount) filter (
        where not is_before and metric_type = 'quantile' and amount is not null
    ) as amounts,
    count(*) filter (where is_before and what = 'divides')::numeric as earlier_denominator
from met
group by experiment_id, phase, metric_name, person_id, metric_type, exposed_on
union all
{{ units_through_funnels() }}
