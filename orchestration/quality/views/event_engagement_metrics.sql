-- One row per occasion that events name, under the columns of the tracker before us.
-- engagement_rate is a percentage, 0 to 100: of the persons with a view, those with at least
-- one interaction beyond a view; null while nobody viewed. interactions_per_view may exceed 1.
-- Scrolling and pointing belong to viewing. An occasion that the app does not know shows as such.
with done as (
    select
        occasion_id,
        person_id,
        activity,
        event_class,
        currency,
        event_count,
        value_minor,
        first_interactive_at,
        last_interactive_at,
        event_class = 'view' or activity = 'interaction.view' as is_view,
        event_class in ('interaction', 'conversion')
        and activity not in ('interaction.view', 'scroll', 'heatmap_pointer')
        and last_interactive_at is not null as is_interaction
    from published_data.person_events_daily
    where occasion_id <> ''
),

persons as (
    select
        occasion_id,
        person_id,
        bool_or(is_view) as has_view,
        bool_or(is_interaction) as has_interaction
    from done
    group by occasion_id, person_id
),

engaged as (
    select
        occasion_id,
        count(*) filter (where has_view) as viewer_count,
        count(*) filter (where has_view and has_interaction) as engaged_viewer_count
    from persons
    group by occasion_id
),

earned as (
    select
        occasion_id,
        currency,
        sum(value_minor) as value_minor
    from done
    where event_class = 'conversion' and currency <> ''
    group by occasion_id, currency
),

valued as (
    select
        earned.occasion_id,
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
    group by earned.occasion_id
),

counted as (
    select
        occasion_id,
        coalesce(sum(event_count) filter (where is_view), 0) as view_count,
        coalesce(sum(event_count) filter (where is_interaction), 0) as interaction_count,
        coalesce(sum(event_count) filter (where activity = 'interaction.like'), 0) as like_count,
        coalesce(sum(event_count) filter (where activity = 'interaction.share'), 0) as share_count,
        coalesce(sum(event_count) filter (where activity = 'interaction.bookmark'), 0)
            as bookmark_count,
        coalesce(sum(event_count) filter (where event_class = 'conversion'), 0)
            as conversion_count,
        max(last_interactive_at) filter (where is_interaction) as last_interaction,
        min(first_interactive_at) filter (where is_interaction) as first_interaction
    from done
    group by occasion_id
)

select
    md5(counted.occasion_id)::uuid as id,
    counted.occasion_id as event_id,
    counted.view_count::bigint as total_views,
    counted.interaction_count::bigint as total_interactions,
    counted.like_count::bigint as total_likes,
    counted.share_count::bigint as total_shares,
    counted.bookmark_count::bigint as total_bookmarks,
    counted.conversion_count::bigint as total_conversions,
    case
        when valued.currency_count is null then 0
        when valued.currency_count = 1 then valued.value
    end as total_conversion_value,
    round(100 * engaged.engaged_viewer_count::numeric / nullif(engaged.viewer_count, 0), 8)
        as engagement_rate,
    counted.last_interaction,
    counted.first_interaction,
    engaged.viewer_count,
    engaged.engaged_viewer_count,
    round(counted.interaction_count / nullif(counted.view_count, 0)::numeric, 8)
        as interactions_per_view,
    case when valued.currency_count = 1 then valued.currency end as currency,
    coalesce(valued.values_minor, '{}') as conversion_values_minor,
    (status.watermarks ->> 'person_events_daily')::timestamptz as data_complete_through,
    exists (
        select from raw.app_occasions as occasions
        where occasions.occasion_id = counted.occasion_id
    ) as is_known_occasion
from counted
inner join engaged on counted.occasion_id = engaged.occasion_id
left join valued on counted.occasion_id = valued.occasion_id
cross join published.status as status
