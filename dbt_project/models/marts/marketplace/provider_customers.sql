{%- set parents = ['bookings', 'bookings.customers'] -%}

{{ config(
    unique_key=['provider_id', 'user_id'],
    indexes=[
        {'columns': ['provider_id', 'user_id'], 'unique': true},
        {'columns': ['customer_key']},
        {'columns': ['first_booking_id']},
        {'columns': ['second_booking_id']},
        {'columns': ['matures_on']},
    ],
    pre_hook="{{ record_changed_customers() }}",
) }}

with

completed as (

    select
        bookings.provider_id,
        bookings.user_id,
        bookings.booking_id,
        bookings.completed_at,
        lead(bookings.booking_id) over in_order as next_booking_id,
        lead(bookings.completed_at) over in_order as next_completed_at,
        row_number() over in_order as completed_number
    from {{ bookings_of_changed_customers() }} as bookings
    where
        bookings.completed_at is not null
        and bookings.provider_id is not null
        and not bookings.is_quarantined
        and bookings.exclusion is null
    window in_order as (
        partition by bookings.provider_id, bookings.user_id
        order by bookings.completed_at, bookings.booking_id collate "C"
    )

),

firsts as (

    select
        *,
        completed_at + interval '2160 hours' as matures_at
    from completed
    where completed_number = 1

)

select
    provider_id,
    user_id,
    {{ customer_key() }} as customer_key,
    booking_id as first_booking_id,
    completed_at as first_completed_at,
    {{ reporting_day('completed_at') }} as first_completed_on,
    next_booking_id as second_booking_id,
    next_completed_at as second_completed_at,
    matures_at,
    {{ reporting_day('matures_at') }} as matures_on,
    coalesce(next_completed_at <= matures_at, false) as is_repeat
from firsts
