{%- set parents = ['bookings', 'raw.app_availability', 'days'] -%}

{{ config(
    unique_key=['day', 'provider_id'],
    indexes=[{'columns': ['day', 'provider_id'], 'unique': true}],
) }}

with

clipped as (

    {{ clipped_hours(parents) }}

),

merged as (

    select
        day,
        provider_id,
        range_agg(span) filter (where kind = 'available') as available,
        range_agg(span) filter (where kind <> 'available') as booked,
        range_agg(span) filter (where kind = 'completed') as completed,
        range_agg(span) filter (where kind = 'no_show') as no_show,
        coalesce(
            sum({{ seconds_of('span') }}) filter (where kind <> 'available'), 0
        ) as total_seconds
    from clipped
    group by day, provider_id

),

-- Or each length would be measured again wherever it is used.
measured as materialized (

    select
        day,
        provider_id,
        {{ merged_seconds('available') }} as available_seconds,
        {{ merged_seconds('booked') }} as booked_seconds,
        {{ merged_seconds('booked * available') }} as inside_seconds,
        {{ merged_seconds('completed') }} as completed_seconds,
        {{ merged_seconds('no_show') }} as no_show_seconds,
        total_seconds
    from merged

)

select
    day,
    provider_id,
    available_seconds,
    booked_seconds,
    (total_seconds - booked_seconds)::numeric(18, 6) as double_booked_seconds,
    (booked_seconds - inside_seconds)::numeric(18, 6) as outside_seconds,
    completed_seconds,
    no_show_seconds,
    {{ safe_divide('booked_seconds', 'available_seconds') }}::numeric(38, 12)
        as utilisation_rate
from measured
