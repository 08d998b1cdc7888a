{{ config(
    unique_key=['day'],
    indexes=[{'columns': ['day'], 'unique': true}],
    post_hook="{{ record_spanned_days() }}",
) }}

with

-- Only the ends count. Accounts may be years older than anything measured.
known as (

    select min(day) as day from {{ ref('int_events_counted') }}
    union all
    select max(day) as day from {{ ref('int_events_counted') }}
    union all
    {{ first_and_last('stg_app__bookings', 'requested_at') }}
    union all
    {{ first_and_last('stg_app__booking_states', 'entered_at') }}
    union all
    {{ first_and_last('stg_app__payments', 'paid_at') }}
    union all
    {{ first_and_last('stg_app__refunds', 'refunded_at') }}

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
