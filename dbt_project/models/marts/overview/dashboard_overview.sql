{{ config(
    unique_key=['day'],
    indexes=[{'columns': ['day'], 'unique': true}],
) }}

with

metrics as (

    select * from {{ ref('metrics_daily') }}
    where {{ changed_days('day', ['metrics_daily']) }}

),

pages as (

    select
        *,
        row_number() over (
            partition by day order by value desc, dimension_value collate "C"
        ) as position
    from metrics
    where
        metric_id = 'page_views'
        and dimension = 'page_path'
        and dimension_value <> '(other)'

),

top_pages as (

    select
        day,
        jsonb_agg(
            jsonb_build_object('page', dimension_value, 'views', value::bigint)
            order by position
        ) as top_pages
    from pages
    where position <= 10
    group by day

),

overview as (

    select
        day,
        coalesce({{ whole_value('active_users') }}, 0)::bigint as active_user_count,
        coalesce({{ whole_value('booking_requests') }}, 0)::bigint as booking_count,
        coalesce({{ whole_value('chat_sessions') }}, 0)::bigint as chat_session_count,
        ({{ whole_value('error_rate') }} * 100)::numeric(9, 6) as error_percent,
        coalesce({{ whole_value('new_users') }}, 0)::bigint as new_user_count,
        coalesce({{ whole_value('sessions') }}, 0)::bigint as session_count,
        {{ whole_value('engagement_rate') }}::numeric(13, 12) as engagement_rate,
        jsonb_object_agg(dimension_value, value::bigint) filter (
            where metric_id = 'revenue' and dimension = 'currency'
        ) as revenue_minor
    from metrics
    group by day

)

select
    overview.day,
    overview.active_user_count,
    overview.booking_count,
    overview.chat_session_count,
    overview.error_percent,
    coalesce(top_pages.top_pages, '[]'::jsonb) as top_pages,
    overview.new_user_count,
    overview.session_count,
    overview.engagement_rate,
    coalesce(overview.revenue_minor, '{}'::jsonb) as revenue_minor
from overview
left join top_pages
    on overview.day = top_pages.day
