{{ config(
    unique_key=['occasion_id', 'user_id'],
    indexes=[
        {'columns': ['occasion_id', 'user_id'], 'unique': true},
        {'columns': ['occasion_on']},
        {'columns': ['last_recorded_on']},
    ],
    pre_hook="{{ record_changed_occasions() }}",
) }}

with

places as (

    {{ places_taken() }}

)

select
    places.occasion_id,
    places.user_id,
    occasions.provider_id,
    occasions.starts_at,
    coalesce(
        {{ reporting_day('occasions.starts_at') }},
        {{ reporting_day('min(places.issued_at)') }},
        date '1970-01-01'
    ) as occasion_on,
    min(places.issued_at) as first_registered_at,
    {{ reporting_day('min(places.first_recorded_at)') }} as first_recorded_on,
    {{ reporting_day('max(places.last_recorded_at)') }} as last_recorded_on,
    count(*) filter (where places.is_valid) as registered_count,
    count(*) filter (where places.ticket_state = 'refunded') as refunded_count,
    count(*) filter (where places.ticket_state = 'cancelled') as cancelled_count,
    count(*) filter (where places.is_attended) as attended_count,
    count(*) filter (where places.is_attended and not places.is_valid) as walk_in_count,
    count(*) filter (where places.is_valid and not places.is_attended) as no_show_count
from places
left join
    {{ changed_units_of(
        ref('stg_app__occasions'), 'occasion_id', ['raw.app_occasions']
    ) }} as occasions
    on places.occasion_id = occasions.occasion_id
where {{ is_counted_account('places.user_id') }}
group by places.occasion_id, places.user_id, occasions.provider_id, occasions.starts_at
