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

exclusions as materialized (
    select
        exclusions.funnel_id,
        array_agg(
            array_position(steps.required_steps, exclusions.after_step_index)
            order by exclusions.exclusion_index
        ) as exclusion_after,
        array_agg(
            array_position(steps.required_steps, exclusions.before_step_index)
            order by exclusions.exclusion_index
        ) as exclusion_before,
        array_agg(
            exclusions.effect = 'drop_unit' order by exclusions.exclusion_index
        ) as exclusion_drops
    from registry.funnel_exclusions as exclusions
    inner join steps on steps.funnel_id = exclusions.funnel_id
    group by exclusions.funnel_id
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
        -- Paths of which the earliest next row is always the right one.
        (
            ordering = 'ordered'
            and not has_windows
            and not is_constant
            and simultaneous_seconds = 0
            and cardinality(exclusion_drops) = 0
        )::text,
        quote_nullable(entries_from) || '::timestamptz',
        quote_nullable(entries_to) || '::timestamptz',
        value_step
    )
    || ')::funnels.plan' as plan_sql,
    -- Which rows count at all.
    case
        when is_clipped
            then 'owned.occurred_at between '
                || quote_literal(coalesce(entries_from, '-infinity'))
                || '::timestamptz and ' || quote_literal(entries_to) || '::timestamptz'
        else 'true'
    end as clip_sql,
    engine_hash
from plans;

-- One row per funnel: the mask of a row as an expression over the columns of raw.events.
create view registry.funnel_masks as
select
    funnels.funnel_id,
    funnels.funnel_number,
    string_agg(
        'case when ' || parts.sql || ' then '
        || case
            when parts.part < 100 then 1 << (parts.part - 1)
            when parts.part < 200 then 1 << (19 + parts.part - 100)
            else 1 << 30
        end
        || ' else 0 end',
        ' | ' order by parts.part
    )
    || case when funnels.scope = 'all' then ' | ' || (1 << 30) else '' end as mask_sql
from registry.funnels as funnels
inner join registry.funnel_parts as parts
    on parts.funnel_id = funnels.funnel_id and parts.is_predicate
group by funnels.funnel_id, funnels.funnel_number, funnels.scope;

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
