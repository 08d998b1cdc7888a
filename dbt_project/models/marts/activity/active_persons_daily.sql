{%- set parents = ['person_days', 'days'] -%}

{{ config(
    unique_key=['day'],
    indexes=[{'columns': ['day'], 'unique': true}],
) }}

with

-- A window that ends on a changed day or in the 29 after it reads the 29 before it, too.
listed as (

    select day from {{ ref('days') }}
    where {{ changed_days('day', parents, before=29, after=29) }}

),

active as (

    select
        day,
        is_anonymous,
        lead(day) over (partition by person_id order by day) as next_on
    from {{ ref('person_days') }}
    where is_active and {{ changed_days('day', parents, before=29, after=29) }}

),

{{ trailing_counts('active', 'listed') }},

summed as (

    select
        *,
        sum(daily_count) over last_days as trailing_daily_sum,
        sum(identified_daily_count) over last_days as trailing_identified_sum
    from trailing_counts
    window
        last_days as (
            order by day range between interval '29 days' preceding and current row
        )

)

select
    day,
    daily_count,
    weekly_count,
    monthly_count,
    identified_daily_count,
    identified_weekly_count,
    identified_monthly_count,
    trailing_daily_sum::bigint as trailing_daily_sum,
    trailing_identified_sum::bigint as trailing_identified_sum,
    least(30, day - (select min(known.day) from {{ ref('days') }} as known) + 1)
        as trailing_day_count
from summed
where {{ changed_days('day', parents, after=29) }}
