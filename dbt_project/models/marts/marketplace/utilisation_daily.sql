{%- set parents = ['bookings', 'raw.app_availability', 'days'] -%}

{{ config(
    unique_key=['day', 'provider_id'],
    indexes=[{'columns': ['day', 'provider_id'], 'unique': true}],
) }}

with

merged as (

    {{ merged_hours(parents) }}

),

shared as (

    select * from merged
    union all

    select
        booked.day,
        booked.provider_id,
        'inside' as kind,
        booked.hours * available.hours as hours,
        null as total_seconds
    from merged as booked
    inner join merged as available
        on booked.day = available.day and booked.provider_id = available.provider_id
    where booked.kind = 'booked' and available.kind = 'available'

),

measured as (

    select
        shared.day,
        shared.provider_id,
        shared.kind,
        max(shared.total_seconds) as total_seconds,
        sum({{ seconds_of('pieces.span') }}) as seconds
    from shared
    cross join lateral unnest(shared.hours) as pieces (span)
    group by shared.day, shared.provider_id, shared.kind

),

counted as (

    select
        day,
        provider_id,
        {{ hours_of('available') }} as available_seconds,
        {{ hours_of('booked') }} as booked_seconds,
        {{ hours_of('inside') }} as inside_seconds,
        {{ hours_of('completed') }} as completed_seconds,
        {{ hours_of('no_show') }} as no_show_seconds,
        {{ hours_of('booked', 'total_seconds') }} as total_seconds
    from measured
    group by day, provider_id

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
from counted
