{%- set parents = ['person_days', 'days'] -%}

{{ config(
    unique_key=['day', 'active_day_count'],
    indexes=[{'columns': ['day', 'active_day_count'], 'unique': true}],
) }}

with

listed as (

    select day from {{ ref('days') }}
    where {{ changed_days('day', parents, before=29, after=29) }}

),

active as (

    select
        day,
        person_id
    from {{ ref('person_days') }}
    where is_active and {{ changed_days('day', parents, before=29, after=29) }}

),

{{ active_day_levels('active', 'listed') }}

select
    day,
    active_day_count,
    person_count
from active_day_levels
where {{ changed_days('day', parents, after=29) }}
