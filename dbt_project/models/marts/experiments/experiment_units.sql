-- What the macros read for funnels that are known only when executing.
-- depends_on: {{ ref('int_funnel_rows') }}
-- depends_on: {{ source('registry', 'funnel_plans') }}
{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['experiment_id', 'phase', 'metric_name', 'person_id'],
    indexes=[{'columns': ['exposed_on']},
        {'columns': ['person_id', 'experiment_id', 'phase', 'metric_name'], 'unique': true}],
) }}

with

owned as (

    {{ unit_rows(
        ref('int_events_matched'), "anonymous.kind = 'goal' and "
        ~ since_first_experiment('anonymous.occurred_on', true), is_changed=true
    ) }}

),

-- Materialized, or every comparison of a join would hash anew.
happened as materialized (

    select
        id,
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
        goals.what,
        happened.amount,
        happened.occurred_at < exposures.exposed_at as is_before
    from {{ changed_exposures() }} as exposures
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on exposures.experiment_id = metrics.experiment_id
    inner join {{ source('registry', 'experiment_events') }} as goals
        on
            metrics.experiment_id = goals.experiment_id
            and metrics.metric_name = goals.metric_name
    inner join happened
        on
            goals.goal_id = happened.id
            and exposures.person_id = happened.person_id
            and not exposures.is_multi_arm
            and {{ is_in_window('happened', 'exposures', 'metrics', 'goals') }}

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
