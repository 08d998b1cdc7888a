{{ config(
    unique_key=['booking_id'],
    indexes=[
        {'columns': ['booking_id'], 'unique': true},
        {'columns': ['requested_on']},
        {'columns': ['decided_on']},
        {'columns': ['ended_on']},
        {'columns': ['service_ends_on', 'service_starts_on']},
        {'columns': ['provider_id', 'user_id']},
    ],
    pre_hook="{{ record_changed_bookings() }}",
) }}

with

dated as (

    {{ dated_bookings() }}

),

judged as (

    select
        *,
        not is_legal or not is_possible as is_quarantined
    from dated

)

select
    booking_id,
    user_id,
    provider_id,
    listing_id,
    service_id,
    occasion_id,
    order_id,
    region,
    utm_campaign,
    state,
    state_since,
    is_quarantined,
    exclusion,
    requested_at,
    accepted_at,
    declined_at,
    expired_at,
    paid_at,
    completed_at,
    cancelled_by_customer_at,
    cancelled_by_provider_at,
    no_show_at,
    case
        when accepted_at is not null then 'accepted'
        when declined_at is not null then 'declined'
        when expired_at is not null then 'expired'
    end as decision,
    decided_at,
    ended_at,
    starts_at,
    ends_at,
    {{ reporting_day('requested_at') }} as requested_on,
    {{ reporting_day('decided_at') }} as decided_on,
    {{ reporting_day('ended_at') }} as ended_on,
    case when is_possible then {{ reporting_day('starts_at') }} end as service_starts_on,
    case when is_possible then {{ reporting_day('ends_at') }} end as service_ends_on,
    {{ counted_seconds('requested_at', 'decided_at') }} as requested_seconds,
    {{ counted_seconds('accepted_at', 'coalesce(paid_at, ended_at)') }} as accepted_seconds,
    {{ counted_seconds('paid_at', 'ended_at') }} as paid_seconds,
    {{ counted_seconds('requested_at', 'accepted_at') }} as time_to_accept_seconds,
    {{ counted_seconds('requested_at', 'starts_at') }} as lead_time_seconds,
    {{ counted_seconds('requested_at', 'completed_at') }} as time_to_complete_seconds
from judged
