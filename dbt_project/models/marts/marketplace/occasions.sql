{%- set parents = ['raw.app_occasions', 'occasion_registrations'] -%}

{{ config(
    unique_key=['occasion_id'],
    indexes=[
        {'columns': ['occasion_id'], 'unique': true},
        {'columns': ['starts_on']},
    ],
) }}

with

counted as (

    select
        registrations.occasion_id,
        count(*) filter (where registrations.registered_count > 0) as registered_person_count,
        sum(registrations.registered_count)::bigint as registered_count,
        sum(registrations.refunded_count)::bigint as refunded_count,
        sum(registrations.cancelled_count)::bigint as cancelled_count,
        sum(registrations.attended_count)::bigint as attended_count,
        sum(registrations.walk_in_count)::bigint as walk_in_count,
        sum(registrations.no_show_count)::bigint as no_show_count
    from {{ changed_units_of(
        ref('occasion_registrations'), 'occasion_id', parents
    ) }} as registrations
    group by registrations.occasion_id

)

select
    occasions.occasion_id,
    occasions.provider_id,
    occasions.listing_id,
    occasions.category,
    occasions.state,
    occasions.capacity,
    occasions.starts_at,
    occasions.ends_at,
    {{ reporting_day('occasions.starts_at') }} as starts_on,
    coalesce(counted.registered_person_count, 0) as registered_person_count,
    coalesce(counted.registered_count, 0) as registered_count,
    coalesce(counted.refunded_count, 0) as refunded_count,
    coalesce(counted.cancelled_count, 0) as cancelled_count,
    coalesce(counted.attended_count, 0) as attended_count,
    coalesce(counted.walk_in_count, 0) as walk_in_count,
    coalesce(counted.no_show_count, 0) as no_show_count
from {{ changed_units_of(ref('stg_app__occasions'), 'occasion_id', parents) }} as occasions
left join counted on occasions.occasion_id = counted.occasion_id
