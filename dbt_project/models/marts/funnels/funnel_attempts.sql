-- What the macros read for funnels that are known only when executing.
-- depends_on: {{ ref('int_funnel_rows') }}
-- depends_on: {{ ref('int_funnel_persons') }}
-- depends_on: {{ ref('int_events_sessionized') }}
-- depends_on: {{ ref('stg_app__person_versions') }}
-- depends_on: {{ source('identity', 'device_owners') }}
-- depends_on: {{ source('registry', 'funnel_plans') }}
{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['funnel_id', 'unit_id', 'session_id', 'entered_on', 'attempt_number'],
    indexes=[{'columns': ['unit_id', 'funnel_id']}, {'columns': ['entered_on']}],
) }}

with

attempts as (

    {{ every_attempt() }}

)

select
    funnel_id,
    unit_id,
    session_id,
    entered_on,
    attempt_number,
    entered_at,
    candidate_count,
    depth,
    deepest_step,
    is_completed,
    reached_at,
    window_ends_at,
    excluded_at,
    drops_unit,
    is_tied,
    breakdown_value
from attempts
