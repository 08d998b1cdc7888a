-- One row per person with events, under the columns of the tracker before us: totals, the
-- average session in whole seconds, and the first and last thing the person did. An anonymous
-- person has no user_id. Values of several currencies are never added: total_conversion_value
-- is null then, and conversion_values_minor has each.
with done as (
    select
        person_id,
        max(user_id) as user_id,
        sum(event_count) filter (where event_class <> 'double_view') as total_events,
        sum(event_count) filter (where event_class = 'view') as total_page_views,
        sum(event_count) filter (where activity = 'click') as total_clicks,
        sum(event_count) filter (where event_class = 'conversion') as total_conversions,
        max(last_interactive_at) as last_activity,
        min(first_interactive_at) as first_activity
    from published_data.person_events_daily
    group by person_id
),

-- Nothing but zeros has no currency to speak of.
earned as (
    select
        person_id,
        currency,
        sum(value_minor) as value_minor
    from published_data.person_events_daily
    where event_class = 'conversion' and currency <> ''
    group by person_id, currency
),

valued as (
    select
        earned.person_id,
        count(*) as currency_count,
        min(earned.currency) as currency,
        min(
            round(
                earned.value_minor / power(10::numeric, coalesce(exponents.exponent, 2)),
                coalesce(exponents.exponent, 2)
            )
        ) as value,
        jsonb_object_agg(earned.currency, earned.value_minor) as values_minor
    from earned
    left join published.currency_exponents as exponents on earned.currency = exponents.currency
    group by earned.person_id
),

attended as (
    select
        person_id,
        sum(session_count) as session_count,
        sum(duration_seconds) as duration_seconds
    from published_data.person_sessions_daily
    group by person_id
)

select
    done.person_id::uuid as id,
    done.user_id,
    done.total_events::bigint as total_events,
    coalesce(attended.session_count, 0)::bigint as total_sessions,
    coalesce(done.total_page_views, 0)::bigint as total_page_views,
    coalesce(done.total_clicks, 0)::bigint as total_clicks,
    coalesce(done.total_conversions, 0)::bigint as total_conversions,
    case
        when valued.currency_count is null then 0
        when valued.currency_count = 1 then valued.value
    end as total_conversion_value,
    round(attended.duration_seconds / nullif(attended.session_count, 0))::bigint
        as avg_session_duration,
    done.last_activity,
    done.first_activity,
    case when valued.currency_count = 1 then valued.currency end as currency,
    coalesce(valued.values_minor, '{}') as conversion_values_minor,
    (status.watermarks ->> 'person_events_daily')::timestamptz as data_complete_through
from done
left join valued on done.person_id = valued.person_id
left join attended on done.person_id = attended.person_id
cross join published.status as status
