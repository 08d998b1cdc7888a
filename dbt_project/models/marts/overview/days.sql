{{ config(
    unique_key=['day'],
    indexes=[{'columns': ['day'], 'unique': true}],
) }}

with

-- Only the ends count, and an index finds those.
known as (

    select min(day) as day from {{ ref('int_events_counted') }}
    union all
    select max(day) as day from {{ ref('int_events_counted') }}
    union all
    select {{ reporting_day('min(requested_at)') }} as day
    from {{ ref('stg_app__bookings') }}
    union all
    select {{ reporting_day('max(requested_at)') }} as day
    from {{ ref('stg_app__bookings') }}
    union all
    select {{ reporting_day('min(paid_at)') }} as day from {{ ref('stg_app__payments') }}
    union all
    select {{ reporting_day('max(paid_at)') }} as day from {{ ref('stg_app__payments') }}

),

spine as (

    {{ calendar_spine('known') }}

)

select
    day,
    {{ day_start('day') }} as period_starts_at,
    {{ day_start('day + 1') }} as period_ends_at,
    extract(isodow from day)::integer as weekday,
    extract(isodow from day) in (6, 7) as is_weekend,
    date_trunc('week', day::timestamp)::date as week_starts_on,
    date_trunc('month', day::timestamp)::date as month_starts_on,
    date_trunc('quarter', day::timestamp)::date as quarter_starts_on,
    date_trunc('year', day::timestamp)::date as year_starts_on
from spine
