{%- set parents = ['person_days', 'int_units_matched', 'person_firsts'] -%}

-- Nothing tells the planner how many periods there are: by one row it sorts millions.
{{ config(
    pre_hook=['set local enable_nestloop = off', 'set local enable_sort = off'],
    unique_key=['lifecycle_id', 'period', 'first_on'],
    indexes=[
        {'columns': ['lifecycle_id', 'period', 'first_on'], 'unique': true},
        {'columns': ['last_on']},
    ],
) }}

with

lifecycles as (

    select
        *,
        case when is_by_activity then 'activity' else 'lifecycle' end as kind,
        case when is_by_activity then 'any' else lifecycle_id end as id,
        case when is_by_activity then 0 else 1 end as part
    from {{ source('registry', 'lifecycles') }}

),

{{ lifecycle_states('lifecycles', parents) }},

counted as (

    select
        lifecycle_id,
        period,
        first_on,
        count(*) filter (where is_active) as active_count,
        count(*) filter (where is_active and not was_active and is_new) as new_count,
        count(*) filter (where is_active and was_active) as returning_count,
        count(*) filter (where is_active and not was_active and not is_new)
            as resurrecting_count,
        count(*) filter (where not is_active) as dormant_count,
        count(*) filter (where was_active) as previous_active_count
    from states
    group by lifecycle_id, period, first_on

),

dated as (

    select
        *,
        {{ period_after('period', 'first_on', -1) }} as previous_first_on,
        {{ period_after('period', 'first_on', 1) }} - 1 as last_on
    from counted

)

select
    lifecycle_id,
    period,
    first_on,
    last_on,
    previous_first_on,
    active_count,
    new_count,
    returning_count,
    resurrecting_count,
    dormant_count,
    previous_active_count,
    {{ safe_divide('new_count + resurrecting_count', 'dormant_count') }}::numeric(38, 12)
        as pulse,
    {{ day_start('last_on + 1') }} as period_ends_at
from dated
where {{ rests_on_changed('previous_first_on', 'last_on', parents) }}
