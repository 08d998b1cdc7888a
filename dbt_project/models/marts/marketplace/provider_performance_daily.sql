{%- set parents = ['bookings', 'provider_customers', 'raw.app_reviews'] -%}

{{ config(
    unique_key=['day', 'provider_id'],
    indexes=[{'columns': ['day', 'provider_id'], 'unique': true}],
) }}

with

measures as (

    {{ provider_measures(parents) }}

)

select
    day,
    provider_id,
    {{ measured('requested') }} as requested_count,
    {{ measured('accepted') }} as accepted_count,
    {{ measured('declined') }} as declined_count,
    {{ measured('expired') }} as expired_count,
    {{ measured('completed') }} as completed_count,
    {{ measured('cancelled_by_customer') }} as cancelled_by_customer_count,
    {{ measured('cancelled_by_provider') }} as cancelled_by_provider_count,
    {{ measured('no_show') }} as no_show_count,
    {{ measured('rated') }} as rating_count,
    {{ measured('rated', 'part') }} as rating_sum,
    {{ measured('matured') }} as matured_customer_count,
    {{ measured('matured', 'part') }} as repeat_customer_count,
    {{ merged_responses() }} as response_seconds
from measures
group by day, provider_id
