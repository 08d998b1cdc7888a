{%- set days = changed_days('occurred_on', ['raw.events']) -%}

{{ config(
    unique_key=['occurred_on', 'source', 'event_id'],
    indexes=[{'columns': ['occurred_on', 'source', 'event_id'], 'unique': true}],
) }}

with

-- Pages that report their view twice: the same address within a second of the one before.
repeated as (

    select
        occurred_on,
        source,
        event_id,
        occurred_at <= lag(occurred_at) over (
            partition by occurred_on, device_id, is_excluded, page_url
            order by {{ event_order() }}
        ) + interval '1 second' as is_repeated
    from {{ ref('stg_events__events') }}
    where event_class = 'view' and device_id is not null and page_url is not null and {{ days }}

),

-- Cards that report a view when the pointer enters them, in the words of the registry.
pointed as (

    select
        *,
        coalesce(occasion_id, listing_id) as thing_id,
        {{ is_hover() }} as is_hover
    from {{ ref('stg_events__events') }}
    where event_name in ('interaction', 'click') and device_id is not null and {{ days }}

),

hovered as (

    select
        occurred_on,
        source,
        event_id,
        event_name,
        bool_or(is_hover) over (
            thing range between interval '1 second' preceding and current row
        ) as has_hover,
        bool_or(event_name = 'click') over (
            thing range between interval '1 second' preceding and interval '1 second' following
        ) as has_click
    from pointed
    where thing_id is not null
    window
        thing as (partition by occurred_on, device_id, is_excluded, thing_id order by occurred_at)

)

select
    occurred_on,
    source,
    event_id,
    'double_view' as counted_class
from repeated
where is_repeated

union all

select
    occurred_on,
    source,
    event_id,
    'impression' as counted_class
from hovered
where event_name = 'interaction' and has_hover and not has_click
