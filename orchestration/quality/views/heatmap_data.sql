-- One row per pointer record, under the columns of the tracker before us, on the grid of
-- heatmaps: x in hundredths of the window's width, y in bands of 25 pixels of the document.
-- Pixels without a window do not compare, so their grid is null.
select
    md5(jsonb_build_array(events.source, events.event_id)::text)::uuid as id,
    events.page_url,
    events.properties ->> 'element_selector' as element_selector,
    case
        when pixels.viewport_width > 0
            then least(floor(100 * pixels.x_position / pixels.viewport_width), 99)::integer
    end as x_position,
    case
        when pixels.viewport_width > 0 then floor(pixels.y_position / 25)::integer
    end as y_position,
    coalesce(pixels.click_count, 0) as click_count,
    coalesce(pixels.hover_count, 0) as hover_count,
    pixels.scroll_depth,
    (
        select sessions.session_id
        from published_data.sessions as sessions
        where
            sessions.device_id = events.device_id
            and sessions.started_at <= events.occurred_at
            and sessions.ended_at + interval '30 minutes' >= events.occurred_at
        order by sessions.started_at desc
        limit 1
    ) as session_id,
    events.user_id,
    events.occurred_at as created_at
from raw.events as events
cross join
    lateral (
        -- Properties that broke their contract softly may be no numbers.
        select
            max(said.value::numeric) filter (where said.key = 'x_position') as x_position,
            max(said.value::numeric) filter (where said.key = 'y_position') as y_position,
            max(said.value::numeric) filter (where said.key = 'viewport_width')
                as viewport_width,
            max(said.value::numeric) filter (where said.key = 'click_count') as click_count,
            max(said.value::numeric) filter (where said.key = 'hover_count') as hover_count,
            max(said.value::numeric) filter (where said.key = 'scroll_depth') as scroll_depth
        from jsonb_each(events.properties) as said (key, value)
        where jsonb_typeof(said.value) = 'number'
    ) as pixels
where
    events.event_name = 'heatmap_pointer'
    and 'analytics' = any(events.purposes)
    and not (events.is_bot or events.is_internal or events.is_test)
    and not exists (
        select from identity.excluded_accounts as accounts
        where accounts.user_id = events.user_id
    )
