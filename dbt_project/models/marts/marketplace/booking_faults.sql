{%- set parents = ['raw.app_bookings', 'bookings'] -%}

{{ config(
    unique_key=['booking_id', 'reason', 'booking_state_id'],
    indexes=[
        {'columns': ['booking_id', 'reason', 'booking_state_id'], 'unique': true},
        {'columns': ['day']},
    ],
) }}

with

bookings as (

    select judged.* from {{ changed_units_of(ref('bookings'), 'booking_id', parents) }} as judged

),

ordered as (

    select
        states.booking_id,
        states.booking_state_id,
        states.state,
        states.entered_at,
        bookings.requested_at,
        bookings.state as app_state,
        lag(states.state) over in_order as previous_state,
        lead(states.state) over in_order is null as is_last
    from {{ changed_units_of(
        ref('stg_app__booking_states'), 'booking_id', parents
    ) }} as states
    left join bookings on states.booking_id = bookings.booking_id
    where bookings.booking_id is null or bookings.is_quarantined
    window in_order as (partition by states.booking_id order by {{ state_order('states') }})

),

entered as (

    select
        booking_id,
        booking_state_id,
        previous_state,
        state,
        entered_at as happened_at,
        {{ fault_of_state() }} as reason
    from ordered

),

faults as (

    select * from entered
    union all
    select
        bookings.booking_id,
        '' as booking_state_id,
        ordered.state as previous_state,
        bookings.state,
        bookings.requested_at as happened_at,
        unnest({{ faults_of_booking() }}) as reason
    from bookings
    left join ordered on bookings.booking_id = ordered.booking_id and ordered.is_last
    where bookings.is_quarantined

)

select
    {{ reporting_day('happened_at') }} as day,
    booking_id,
    reason,
    booking_state_id,
    previous_state,
    state,
    happened_at
from faults
where reason is not null
