-- registry: what the models need of the funnels in force, ready to stand in their SQL.

-- One row per funnel: the plan by which its paths are found, and what the models read for it.
-- engine_hash says which functions find them, so that others have all attempts made anew.
-- Each part is made once: joined one by one, 135 funnels took ten minutes instead of 0.2 s.
create view registry.funnel_plans as
with funnels as materialized (
    select * from registry.funnels
),

steps as materialized (
    select
        funnel_id,
        array_agg(step_index order by step_index) filter (
            where not is_optional
        ) as required_steps,
        coalesce(
            array_agg(step_index order by step_index) filter (where is_anchored), '{}'
        ) as anchored_steps,
        array_agg(make_interval(secs => within_seconds) order by step_index) as within,
        array_agg(step_name order by step_index) as step_names,
        bool_or(within_seconds is not null and not is_optional) as has_windows
    from registry.funnel_steps
    group by funnel_id
),

-- By the names at hand: a view of exclusions that looked steps up took 2.4 of 2.9 s.
exclusions as materialized (
    select
        definition.id as funnel_id,
        array_agg(
            array_position(
                steps.required_steps,
                array_position(steps.step_names, exclusion.body ->> 'after')
            )
            order by exclusion.place
        ) as exclusion_after,
        array_agg(
            array_position(
                steps.required_steps,
                array_position(steps.step_names, exclusion.body ->> 'before')
            )
            order by exclusion.place
        ) as exclusion_before,
        array_agg(
            exclusion.body ->> 'effect' = 'drop_unit' order by exclusion.place
        ) as exclusion_drops
    from registry.in_force as definition
    inner join steps on steps.funnel_id = definition.id
    cross join lateral jsonb_array_elements(definition.body -> 'exclusions')
    with ordinality as exclusion (body, place)
    where definition.kind = 'funnel'
    group by definition.id
),

parts as materialized (
    select
        funnel_id,
        bool_or(part between 301 and 399) as has_constants,
        bool_or(part = 500) as has_subject
    from registry.funnel_parts
    group by funnel_id
),

engine as materialized (
    select md5(string_agg(prosrc, '' order by proname)) as engine_hash
    from pg_proc
    where pronamespace = 'funnels'::regnamespace
),

plans as (
    select
        funnels.*,
        steps.required_steps,
        steps.anchored_steps,
        steps.within,
        coalesce(exclusions.exclusion_after, '{}') as exclusion_after,
        coalesce(exclusions.exclusion_before, '{}') as exclusion_before,
        coalesce(exclusions.exclusion_drops, '{}') as exclusion_drops,
        parts.has_subject or funnels.breakdown_trait is not null as has_breakdown,
        parts.has_constants or coalesce(funnels.breakdown_at = 'all', false)
            as is_constant,
        steps.has_windows,
        -- Paths of which the earliest next row is always the right one.
        not steps.has_windows
        and not parts.has_constants
        and funnels.breakdown_at is distinct from 'all'
        and funnels.simultaneous_seconds = 0
        and exclusions.funnel_id is null as is_plain,
        case
            when funnels.breakdown_step is not null
                then array_position(steps.step_names, funnels.breakdown_step)
            when funnels.breakdown_at = 'last' then 0
            else 1
        end as value_step,
        engine.engine_hash
    from funnels
    inner join steps on steps.funnel_id = funnels.funnel_id
    inner join parts on parts.funnel_id = funnels.funnel_id
    left join exclusions on exclusions.funnel_id = funnels.funnel_id
    cross join engine
)

select
    funnel_id,
    funnel_number,
    unit,
    counting,
    ordering,
    breakdown_trait,
    coalesce(breakdown_top, 0) as breakdown_top,
    window_seconds,
    time_bin_count,
    step_count,
    required_steps,
    is_constant,
    has_breakdown,
    'row('
    || concat_ws(
        ', ',
        quote_literal(ordering),
        quote_literal(counting),
        quote_literal(reentry),
        step_count,
        quote_literal(required_steps) || '::integer[]',
        quote_literal(anchored_steps) || '::integer[]',
        quote_literal(make_interval(secs => window_seconds)) || '::interval',
        quote_literal(make_interval(secs => simultaneous_seconds)) || '::interval',
        quote_literal(within) || '::interval[]',
        quote_literal(exclusion_after) || '::integer[]',
        quote_literal(exclusion_before) || '::integer[]',
        quote_literal(exclusion_drops) || '::boolean[]',
        is_constant::text,
        (is_plain and ordering = 'ordered')::text,
        quote_nullable(entries_from) || '::timestamptz',
        quote_nullable(entries_to) || '::timestamptz',
        value_step
    )
    || ')::funnels.plan' as plan_sql,
    -- In microseconds, as hits are.
    window_seconds * 1000000 as window_length,
    (date_part('epoch', coalesce(entries_from, '1900-01-01Z')) * 1000000)::bigint
        as first_entry,
    (date_part('epoch', coalesce(entries_to, '2100-01-01Z')) * 1000000)::bigint
        as last_entry,
    -- Which rows count at all.
    case
        when is_clipped
            then 'owned.occurred_at between '
                || quote_literal(coalesce(entries_from, '-infinity'))
                || '::timestamptz and ' || quote_literal(entries_to) || '::timestamptz'
        else 'true'
    end as clip_sql,
    -- Whether windows over sorted rows find its paths, all persons at once; of others, rows
    -- are tried person by person. The steps of a row must fit into eight bits.
    is_plain
    and unit = 'person'
    and counting = 'uniques'
    and (ordering = 'ordered' or (ordering = 'any_order' and anchored_steps = '{}'))
    and cardinality(required_steps) = step_count
    and step_count <= 8
    and breakdown_trait is null
    and (not has_breakdown or value_step = 1) as is_swept,
    engine_hash
from plans;

-- One row per funnel: the mask of a row as an expression over the columns of raw.events.
-- is_named: whether the names of events say it all; else event_list are those to ask, as
-- literals, null for all.
create view registry.funnel_masks as
with masks as (
    select
        funnel_id,
        string_agg(
            'case when ' || sql || ' then '
            || case
                when part < 100 then 1 << (part - 1)
                when part < 200 then 1 << (19 + part - 100)
                else 1 << 30
            end
            || ' else 0 end',
            ' | ' order by part
        ) as mask_sql
    from registry.funnel_parts
    where is_predicate
    group by funnel_id
)

select
    funnels.funnel_id,
    funnels.funnel_number,
    funnels.scope <> 'all' and not definition.body @? '$.**.where' as is_named,
    case
        when funnels.scope <> 'all'
            then (
                select string_agg(distinct quote_literal(names.name #>> '{}'), ', ')
                from jsonb_path_query(definition.body, '$.**.event') as names (name)
            )
    end as event_list,
    masks.mask_sql
    || case when funnels.scope = 'all' then ' | ' || (1 << 30) else '' end as mask_sql
from registry.funnels as funnels
inner join masks on masks.funnel_id = funnels.funnel_id
inner join registry.in_force as definition
    on definition.kind = 'funnel' and definition.id = funnels.funnel_id;

-- One row per event that the names alone make part of funnels, with what it is to each:
-- the funnel's number above the lower 32 bits, its mask below.
create view registry.funnel_hits as
with listed as (
    select
        definition.id as funnel_id,
        happenings.body ->> 'event' as event_name,
        bit_or(parts.bit) as mask
    from registry.in_force as definition
    cross join lateral (
        select
            1 << (step.place - 1)::integer as bit,
            step.body -> 'events' as events
        from jsonb_array_elements(definition.body -> 'steps')
        with ordinality as step (body, place)
        union all
        select
            1 << (19 + exclusion.place)::integer,
            exclusion.body -> 'events'
        from jsonb_array_elements(definition.body -> 'exclusions')
        with ordinality as exclusion (body, place)
        union all
        select
            1 << 30,
            definition.body -> 'scope_also'
    ) as parts
    cross join lateral jsonb_array_elements(parts.events) as happenings (body)
    where definition.kind = 'funnel'
    group by definition.id, happenings.body ->> 'event'
)

select
    listed.event_name,
    array_agg(
        (masks.funnel_number::bigint << 32) | listed.mask order by masks.funnel_number
    ) as hits
from listed
inner join registry.funnel_masks as masks
    on masks.funnel_id = listed.funnel_id and masks.is_named
group by listed.event_name;

-- One row per funnel that reads values off its rows: those held constant as one text (null
-- where one is missing), the account, and what it is split by.
create view registry.funnel_subjects as
select
    funnels.funnel_id,
    funnels.funnel_number,
    'jsonb_build_object('
    || concat_ws(
        ', ',
        '''held'', '
        || case
            when count(parts.part) filter (where parts.part between 301 and 399) > 0
                or funnels.breakdown_at = 'all'
                then 'case when '
                    || coalesce(
                        string_agg(
                            '(' || parts.sql || ') is not null',
                            ' and ' order by parts.part
                        ) filter (where parts.part between 301 and 399),
                        'true'
                    )
                    || ' then jsonb_build_array('
                    || string_agg(parts.sql, ', ' order by parts.part) filter (
                        where
                            parts.part between 301 and 399
                            or (parts.part = 500 and funnels.breakdown_at = 'all')
                    )
                    || ')::text end'
        end,
        '''account'', ' || max(parts.sql) filter (where parts.part = 400),
        '''by'', ' || max(parts.sql) filter (where parts.part = 500)
    )
    || ')' as subject_sql
from registry.funnels as funnels
inner join registry.funnel_parts as parts
    on parts.funnel_id = funnels.funnel_id and not parts.is_predicate
group by funnels.funnel_id, funnels.funnel_number, funnels.breakdown_at;

-- One row per funnel: what its rows are, and what is made of them, as values that change
-- when that does. A build makes anew what is stored of the funnels that changed.
create view registry.funnel_definitions as
with steps as materialized (
    select
        funnel_id,
        string_agg((to_jsonb(steps) - 'version')::text, ' ' order by step_index) as said
    from registry.funnel_steps as steps
    group by funnel_id
),

plans as materialized (
    select * from registry.funnel_plans
),

subjects as materialized (
    select * from registry.funnel_subjects
)

select
    masks.funnel_id,
    md5(concat_ws(' ', masks.mask_sql, subjects.subject_sql)) as rows_hash,
    md5(concat_ws(' ', to_jsonb(plans)::text, steps.said)) as plan_hash
from registry.funnel_masks as masks
inner join plans on plans.funnel_id = masks.funnel_id
inner join steps on steps.funnel_id = masks.funnel_id
left join subjects on subjects.funnel_id = masks.funnel_id;
