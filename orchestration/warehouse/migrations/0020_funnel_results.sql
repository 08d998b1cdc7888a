-- funnels: what came of the entries of a range, at a watermark. Ranges are counted from
-- attempts, never by adding days.

-- One step of one group. Everything after `headline_rate` is of mature units alone: who
-- entered, who got here, and how long it took them.
create type funnels.result as (
    breakdown text,
    breakdown_value text,
    folded_value_count bigint,
    step_index integer,
    unit_count bigint,
    entry_count bigint,
    drop_off_count bigint,
    rate_from_entry numeric,
    rate_from_previous numeric,
    overall_rate numeric,
    completed_count bigint,
    in_progress_count bigint,
    excluded_count bigint,
    dropped_count bigint,
    left_count bigint,
    tied_count bigint,
    headline_rate numeric,
    mature_entry_count bigint,
    mature_count bigint,
    median_seconds_from_entry numeric,
    p75_seconds_from_entry numeric,
    p90_seconds_from_entry numeric,
    mean_seconds_from_entry numeric,
    median_seconds_from_previous numeric,
    p75_seconds_from_previous numeric,
    p90_seconds_from_previous numeric,
    mean_seconds_from_previous numeric,
    time_histogram bigint[]
);

-- The attempts of a range as units that count once, each with what became of it. `attempts` is
-- a table like marts.funnel_attempts; left units are those an exclusion took out.
create function funnels.outcomes(
    attempts regclass,
    wanted text,
    counts_attempts boolean,
    first_on date,
    last_on date,
    watermark timestamptz
) returns table (
    unit_id text,
    session_id text,
    depth integer,
    entered_at timestamptz,
    reached_at timestamptz[],
    is_tied boolean,
    breakdown_value text,
    is_mature boolean,
    state text
)
language plpgsql stable as $$
begin
    return query execute format(
        $query$
        with counted as (
            select
                listed.*,
                max(listed.window_ends_at) over counted_unit as last_window_ends_at,
                bool_or(listed.drops_unit) over (
                    partition by listed.unit_id
                ) as is_left,
                row_number() over (
                    counted_unit order by listed.depth desc, listed.entered_at
                ) as place
            from %s as listed
            where
                listed.funnel_id = $1
                and listed.entered_on between $3 and $4
            window counted_unit as (
                partition by
                    listed.unit_id,
                    listed.session_id,
                    case when $2 then listed.entered_on end,
                    case when $2 then listed.attempt_number end
            )
        )

        select
            counted.unit_id,
            counted.session_id,
            counted.depth,
            counted.entered_at,
            counted.reached_at,
            counted.is_tied,
            counted.breakdown_value,
            coalesce(counted.last_window_ends_at < $5, false),
            case
                when counted.is_left then 'left'
                when counted.is_completed then 'completed'
                when coalesce(counted.last_window_ends_at >= $5, true) then 'in_progress'
                when counted.excluded_at is not null then 'excluded'
                else 'dropped'
            end
        from counted
        where counted.place = 1
        $query$,
        attempts
    )
    using
        wanted,
        counts_attempts,
        coalesce(first_on, '-infinity'),
        coalesce(last_on, 'infinity'),
        watermark;
end
$$;

-- How many of the numbers 1 to bin_count stand in a list, in their order.
create function funnels.histogram(bins integer[], bin_count integer) returns bigint[]
language sql immutable parallel safe as $$
    select array_agg(counted.number_count order by counted.bin)
    from (
        select
            series.bin,
            count(listed.bin) as number_count
        from generate_series(1, bin_count) as series (bin)
        left join unnest(bins) as listed (bin) on listed.bin = series.bin
        group by series.bin
    ) as counted
$$;

-- Every group and step of a range, zero rows included.
create function funnels.results(
    attempts regclass,
    wanted text,
    plan funnels.plan,
    time_bin_count integer,
    breakdown_top integer,
    first_on date,
    last_on date,
    watermark timestamptz
) returns setof funnels.result
language sql stable as $$
    with outcomes as materialized (
        select *
        from funnels.outcomes(
            attempts, wanted, (plan).counting = 'totals', first_on, last_on, watermark
        )
    ),

    ranked as (
        select
            breakdown_value,
            row_number() over (
                order by
                    count(*) filter (where state <> 'left') desc,
                    breakdown_value collate "C" nulls last
            ) > breakdown_top as is_folded
        from outcomes
        where breakdown_top > 0
        group by breakdown_value
    ),

    split as (
        select
            outcomes.*,
            splits.breakdown,
            case
                when splits.breakdown = 'value' then outcomes.breakdown_value else ''
            end as split_value,
            case
                when splits.breakdown = 'other'
                    then coalesce('value ' || outcomes.breakdown_value, 'missing')
            end as folded_value
        from outcomes
        left join ranked
            on outcomes.breakdown_value is not distinct from ranked.breakdown_value
        cross join lateral (
            values
            ('total'),
            (
                case
                    when ranked.is_folded then 'other'
                    when outcomes.breakdown_value is null then 'missing'
                    else 'value'
                end
            )
        ) as splits (breakdown)
        where splits.breakdown = 'total' or breakdown_top > 0
    ),

    -- Who entered: a range without entries still has its rows.
    entered as (
        select
            breakdown,
            split_value,
            count(distinct folded_value) as folded_value_count,
            count(*) filter (where state <> 'left') as entry_count,
            count(*) filter (where state = 'completed') as completed_count,
            count(*) filter (where state = 'in_progress') as in_progress_count,
            count(*) filter (where state = 'excluded') as excluded_count,
            count(*) filter (where state = 'dropped') as dropped_count,
            count(*) filter (where state = 'left') as left_count,
            count(*) filter (where state <> 'left' and is_tied) as tied_count,
            count(*) filter (where state <> 'left' and is_mature) as mature_entry_count,
            count(*) filter (
                where state = 'completed' and is_mature
            ) as mature_completed_count
        from (
            select breakdown, split_value, folded_value, state, is_tied, is_mature from split
            union all
            select 'total', '', null, null, null, null
        ) as listed
        group by breakdown, split_value
    ),

    steps as (
        select
            step_index,
            step_index = any ((plan).required_steps) as is_required,
            (
                select max(required) from unnest((plan).required_steps) as required
                where required < step_index
            ) as previous_index,
            (
                select min(required) from unnest((plan).required_steps) as required
                where required > step_index
            ) as next_index
        from generate_series(1, (plan).step_count) as step_index
    ),

    timed as (
        select
            split.breakdown,
            split.split_value,
            split.is_mature,
            steps.step_index,
            -- A row that ties with one before it takes no time.
            extract(
                epoch from greatest(split.reached_at[steps.step_index], split.entered_at)
                - split.entered_at
            ) as from_entry,
            extract(
                epoch from greatest(
                    split.reached_at[steps.step_index],
                    split.reached_at[steps.previous_index]
                )
                - split.reached_at[steps.previous_index]
            ) as from_previous
        from split
        inner join steps on split.reached_at[steps.step_index] is not null
        where split.state <> 'left'
    ),

    reached as (
        select
            breakdown,
            split_value,
            step_index,
            count(*) as unit_count,
            count(*) filter (where is_mature) as mature_count,
            percentile_cont(array[0.5, 0.75, 0.9]) within group (
                order by from_entry
            ) filter (where is_mature) as entry_times,
            percentile_cont(array[0.5, 0.75, 0.9]) within group (
                order by from_previous
            ) filter (where is_mature) as previous_times,
            avg(from_entry) filter (where is_mature) as mean_from_entry,
            avg(from_previous) filter (where is_mature) as mean_from_previous,
            array_agg(
                least(
                    width_bucket(
                        from_entry,
                        0,
                        extract(epoch from (plan).window_length),
                        time_bin_count
                    ),
                    time_bin_count
                )
            ) filter (where is_mature) as bins
        from timed
        group by breakdown, split_value, step_index
    )

    select
        entered.breakdown,
        entered.split_value,
        entered.folded_value_count,
        steps.step_index,
        coalesce(reached.unit_count, 0),
        entered.entry_count,
        case
            when steps.is_required and steps.next_index is not null
                then coalesce(reached.unit_count, 0) - coalesce(following.unit_count, 0)
        end,
        coalesce(reached.unit_count, 0) / nullif(entered.entry_count, 0)::numeric,
        coalesce(reached.unit_count, 0) / nullif(previous.unit_count, 0)::numeric,
        entered.completed_count / nullif(entered.entry_count, 0)::numeric,
        entered.completed_count,
        entered.in_progress_count,
        entered.excluded_count,
        entered.dropped_count,
        entered.left_count,
        entered.tied_count,
        entered.mature_completed_count / nullif(entered.mature_entry_count, 0)::numeric,
        entered.mature_entry_count,
        coalesce(reached.mature_count, 0),
        round(reached.entry_times[1]::numeric, 6),
        round(reached.entry_times[2]::numeric, 6),
        round(reached.entry_times[3]::numeric, 6),
        reached.mean_from_entry,
        round(reached.previous_times[1]::numeric, 6),
        round(reached.previous_times[2]::numeric, 6),
        round(reached.previous_times[3]::numeric, 6),
        reached.mean_from_previous,
        funnels.histogram(reached.bins, time_bin_count)
    from entered
    cross join steps
    left join reached
        on
            entered.breakdown = reached.breakdown
            and entered.split_value = reached.split_value
            and steps.step_index = reached.step_index
    left join reached as previous
        on
            entered.breakdown = previous.breakdown
            and entered.split_value = previous.split_value
            and steps.previous_index = previous.step_index
    left join reached as following
        on
            entered.breakdown = following.breakdown
            and entered.split_value = following.split_value
            and steps.next_index = following.step_index
    order by entered.breakdown = 'total' desc, entered.entry_count desc,
        entered.split_value collate "C", steps.step_index
$$;

-- What readers ask: a funnel in force over a range of entry days, both included; by default
-- all of them. Runs as its owner, since readers see neither attempts of others' schemas nor
-- the registry; it returns counts alone.
create function published.funnel_steps(
    wanted text, first_on date default null, last_on date default null
) returns table (step_name text, result funnels.result)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    found record;
    plan funnels.plan;
    watermark timestamptz;
begin
    select plans.* into found
    from registry.funnel_plans as plans
    where plans.funnel_id = wanted;
    if found is null then
        raise exception 'no funnel is called %', quote_literal(wanted)
            using errcode = 'no_data_found';
    end if;
    execute 'select (plan).* from (select ' || found.plan_sql || ' as plan) as made'
    into plan;
    select (status.watermarks ->> 'funnel_attempts')::timestamptz
    into watermark
    from published.status as status;
    return query
    select
        steps.step_name,
        results
    from funnels.results(
        'published_data.funnel_attempts'::regclass,
        wanted,
        plan,
        found.time_bin_count,
        found.breakdown_top,
        first_on,
        last_on,
        watermark
    ) as results
    inner join registry.funnel_steps as steps
        on steps.funnel_id = wanted and steps.step_index = results.step_index;
end
$$;

revoke execute on function published.funnel_steps (text, date, date) from public;
grant execute on function published.funnel_steps (text, date, date) to bi_reader;
