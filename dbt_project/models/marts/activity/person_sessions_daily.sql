{%- set person_parents = ['sessions', 'identity.device_owners'] -%}

{{ config(
    unique_key=['day', 'person_id'],
    indexes=[{'columns': ['day', 'person_id'], 'unique': true}],
) }}

with

-- A session is that of its first user, or of who owned the device when it began.
started as (

    select
        started_on,
        started_at as occurred_at,
        device_id,
        user_id,
        is_engaged,
        duration_seconds,
        engaged_seconds
    from {{ ref('sessions') }}
    where {{ changed_days('started_on', person_parents) }}

),

owned as (

    {{ owned_rows('started', 'true') }}

),

counted as (

    select
        started_on as day,
        person_key,
        count(*) as session_count,
        count(*) filter (where is_engaged) as engaged_session_count,
        sum(duration_seconds) as duration_seconds,
        sum(engaged_seconds) as engaged_seconds
    from owned
    where {{ of_changed_persons('started_on', 'person_key', ['sessions']) }}
    group by started_on, person_key

)

select
    day,
    {{ person_id('person_key') }} as person_id,
    {{ id_in_key('person_key', 'user') }} as user_id,
    session_count,
    engaged_session_count,
    duration_seconds::numeric(18, 6) as duration_seconds,
    engaged_seconds::numeric(18, 3) as engaged_seconds
from counted
