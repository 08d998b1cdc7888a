-- funnels: attempts of one unit, by the fastest way that is right for its rows.

-- The counted paths of all candidates in one pass from the last row to the first, for ordered
-- and strict funnels of rows that do not tie. Of each row, its row of each required step.
--
-- A row of step k that can lead to step d leads there through the nearest later row of step
-- k + 1 that can: a nearer one completes no later, whatever the windows and exclusions, since
-- all that bounds the next row grows with the row. So one pointer per row, step and target will do.
create function funnels.untied_paths(plan funnels.plan, history funnels.history)
returns integer[]
language plpgsql immutable parallel safe as $$
declare
    moments timestamptz[] := history.moments;
    masks integer[] := history.masks;
    row_count integer := cardinality(moments);
    depths integer := cardinality(plan.required_steps);
    bits integer[];
    withins interval[];
    step_bits integer := 0;
    exclusion_count integer := coalesce(cardinality(plan.exclusion_after), 0);
    -- The next row of each exclusion, and of the scope.
    excluded integer[] := array_fill(row_count + 1, array[exclusion_count + 1]);
    scoped integer := row_count + 1;
    -- By step and target: the nearest row that can.
    near integer[] := array_fill(0, array[depths * depths]);
    -- By row, step and target: the row of the next step, and the row that completes.
    nexts integer[] := array_fill(0, array[row_count * depths * depths]);
    ends integer[] := array_fill(0, array[row_count * depths * depths]);
    paths integer[] := array_fill(0, array[row_count * depths]);
    mask integer;
    bound integer;
    place integer;
    following integer;
    latest timestamptz;
begin
    for depth in 1..depths loop
        bits[depth] := 1 << (plan.required_steps[depth] - 1);
        withins[depth] := plan.within[plan.required_steps[depth]];
        step_bits := step_bits | bits[depth];
    end loop;
    for here in reverse row_count..1 loop
        mask := masks[here];
        if mask & step_bits <> 0 then
            for depth in 1..depths loop
                continue when mask & bits[depth] = 0;
                place := ((here - 1) * depths + depth - 1) * depths;
                ends[place + depth] := here;
                near[(depth - 1) * depths + depth] := here;
                continue when depth = depths;
                bound := case when plan.ordering = 'strict' then scoped else row_count end;
                for exclusion in 1..exclusion_count loop
                    if
                        plan.exclusion_after[exclusion] <= depth
                        and plan.exclusion_before[exclusion] > depth
                    then
                        bound := least(bound, excluded[exclusion]);
                    end if;
                end loop;
                latest := moments[here] + coalesce(withins[depth + 1], plan.window_length);
                for target in depth + 1..depths loop
                    following := near[depth * depths + target];
                    exit when
                        following = 0
                        or following > bound
                        or moments[following] > latest;
                    nexts[place + target] := following;
                    ends[place + target]
                    := ends[((following - 1) * depths + depth) * depths + target];
                    near[(depth - 1) * depths + target] := here;
                end loop;
            end loop;
        end if;
        for exclusion in 1..exclusion_count loop
            if mask & (1 << (19 + exclusion)) <> 0 then
                excluded[exclusion] := here;
            end if;
        end loop;
        if mask & ((1 << 30) | ((1 << 20) - 1)) <> 0 then
            scoped := here;
        end if;
    end loop;
    for entry in 1..row_count loop
        continue when masks[entry] & bits[1] = 0;
        latest := moments[entry] + plan.window_length;
        for target in reverse depths..1 loop
            following := ends[(entry - 1) * depths * depths + target];
            continue when following = 0 or moments[following] > latest;
            following := entry;
            for depth in 1..target loop
                paths[(entry - 1) * depths + depth] := following;
                following
                := nexts[((following - 1) * depths + depth - 1) * depths + target];
            end loop;
            exit;
        end loop;
    end loop;
    return paths;
end
$$;

-- The bits that a candidate has one of.
create function funnels.entry_bits(plan funnels.plan) returns integer
language sql immutable parallel safe as $$
    select case
        when (plan).ordering <> 'any_order' or 1 = any ((plan).anchored_steps) then 1
        else (
            select bit_or(1 << (step - 1))
            from generate_series(1, (plan).step_count) as step
            where step <> all ((plan).anchored_steps)
        )
    end
$$;

-- The counted path of every candidate over required steps (any_order: places), one after the
-- other in one array.
create function funnels.paths(plan funnels.plan, history funnels.history)
returns integer[]
language plpgsql immutable parallel safe as $$
declare
    row_count integer := cardinality(history.moments);
    depths integer := cardinality(plan.required_steps);
    entry_bits integer := funnels.entry_bits(plan);
    paths integer[];
    path integer[];
    is_tied boolean := false;
begin
    if history.constants is not null then
        return funnels.constant_paths(plan, history);
    end if;
    if
        plan.ordering = 'ordered'
        or (plan.ordering = 'strict' and depths = plan.step_count)
    then
        for later in 2..row_count loop
            if history.moments[later] - history.moments[later - 1] <= plan.tolerance then
                is_tied := true;
                exit;
            end if;
        end loop;
        if not is_tied then
            return funnels.untied_paths(plan, history);
        end if;
    end if;
    paths := array_fill(0, array[row_count * depths]);
    for entry in 1..row_count loop
        continue when history.masks[entry] & entry_bits = 0;
        path := funnels.path_of(plan, history, entry);
        for depth in 1..cardinality(path) loop
            paths[(entry - 1) * depths + depth] := path[depth];
        end loop;
    end loop;
    return paths;
end
$$;

-- The same with constants held: value by value, over the rows that have it, while exclusions
-- and the scope stay what they are.
create function funnels.constant_paths(plan funnels.plan, history funnels.history)
returns integer[]
language plpgsql immutable parallel safe as $$
declare
    depths integer := cardinality(plan.required_steps);
    entry_bits integer := funnels.entry_bits(plan);
    other_bits integer := ~((1 << 20) - 1);
    is_scoped boolean := plan.ordering = 'strict';
    paths integer[] := array_fill(0, array[cardinality(history.moments) * depths]);
    held record;
    part funnels.history;
    positions integer[];
    found integer[];
    place integer;
begin
    for held in
        select rows.constant, min(rows.position)::integer as entry
        from unnest(history.masks, history.constants)
        with ordinality as rows (mask, constant, position)
        where rows.mask & entry_bits <> 0
        -- A missing value equals nothing, so each such row is alone.
        group by rows.constant, case when rows.constant is null then rows.position end
    loop
        select
            array_agg(rows.moment order by rows.position),
            array_agg(rows.mask order by rows.position),
            array_agg(rows.source order by rows.position),
            array_agg(rows.sequence order by rows.position),
            array_agg(rows.position order by rows.position)
        into part.moments, part.masks, part.sources, part.sequences, positions
        from (
            select
                listed.position::integer as position,
                listed.moment,
                listed.source,
                listed.sequence,
                case
                    when
                        listed.constant = held.constant or listed.position = held.entry
                        then listed.mask
                    when is_scoped and listed.mask & ~other_bits <> 0
                        then listed.mask & other_bits | 1 << 30
                    else listed.mask & other_bits
                end as mask
            from unnest(
                history.moments,
                history.masks,
                history.sources,
                history.sequences,
                history.constants
            ) with ordinality as listed (
                moment, mask, source, sequence, constant, position
            )
        ) as rows
        where rows.mask <> 0;
        found := funnels.paths(plan, part);
        for entry in 1..cardinality(positions) loop
            continue when found[(entry - 1) * depths + 1] = 0;
            for depth in 1..depths loop
                place := found[(entry - 1) * depths + depth];
                exit when place = 0;
                paths[(positions[entry] - 1) * depths + depth] := positions[place];
            end loop;
        end loop;
    end loop;
    return paths;
end
$$;

-- The earliest next row of each row on plain paths: ordered, with no window but the funnel's,
-- no exclusion that ends attempts, nothing held constant. Null where a row that ties may be two
-- steps, or has a sequence: then rows must be tried.
create function funnels.plain_nexts(plan funnels.plan, history funnels.history)
returns integer[]
language plpgsql immutable parallel safe as $$
declare
    moments timestamptz[] := history.moments;
    masks integer[] := history.masks;
    row_count integer := cardinality(moments);
    depths integer := cardinality(plan.required_steps);
    bits integer[];
    near integer[] := array_fill(0, array[depths + 1]);
    nexts integer[] := array_fill(0, array[row_count * depths]);
    here integer := row_count;
    first integer;
    mask integer;
begin
    for depth in 1..depths loop
        bits[depth] := 1 << (plan.required_steps[depth] - 1);
    end loop;
    while here > 0 loop
        first := here;
        while first > 1 and moments[first - 1] = moments[here] loop
            first := first - 1;
        end loop;
        if first < here then
            for tied in reverse here..first loop
                mask := masks[tied];
                if mask & (mask - 1) <> 0 or history.sequences[tied] is not null then
                    return null;
                end if;
                for depth in 1..depths loop
                    if mask = bits[depth] then
                        near[depth] := tied;
                    end if;
                end loop;
            end loop;
        end if;
        for tied in first..here loop
            mask := masks[tied];
            for depth in 1..depths loop
                if mask & bits[depth] <> 0 then
                    nexts[(tied - 1) * depths + depth] := near[depth + 1];
                    -- Of rows that tie, the first was put there above.
                    if first = here then
                        near[depth] := here;
                    end if;
                end if;
            end loop;
        end loop;
        here := first - 1;
    end loop;
    return nexts;
end
$$;

-- The excluded events by which a path that came to their reach goes no further: the earliest
-- of each exclusion, 0 where there is none.
create function funnels.ending_rows(
    plan funnels.plan, history funnels.history, path integer[], filled integer[]
) returns integer[]
language plpgsql immutable parallel safe as $$
declare
    depth integer := cardinality(path);
    last integer := path[depth];
    latest timestamptz;
    found integer[] := '{}';
begin
    for step in 1..cardinality(filled) loop
        if filled[step] > 0 then
            last := filled[step];
        end if;
    end loop;
    latest := history.moments[path[1]] + plan.window_length;
    if plan.ordering <> 'any_order' and depth < cardinality(plan.required_steps) then
        -- Nobody waits for the next step past its own window.
        latest := least(
            latest,
            history.moments[path[depth]] + plan.within[plan.required_steps[depth + 1]]
        );
    end if;
    for exclusion in 1..cardinality(plan.exclusion_after) loop
        found[exclusion] := 0;
        continue when
            plan.exclusion_after[exclusion] > depth
            or plan.exclusion_before[exclusion] <= depth;
        for excluded in last + 1..cardinality(history.moments) loop
            exit when history.moments[excluded] > latest;
            if
                history.masks[excluded] & (1 << (19 + exclusion)) <> 0
                and excluded <> all (filled)
                and funnels.is_before(history, plan.tolerance, last, excluded)
            then
                found[exclusion] := excluded;
                exit;
            end if;
        end loop;
    end loop;
    return found;
end
$$;

-- The path by step, with optional steps filled in where a row of theirs fits.
create function funnels.filled_path(
    plan funnels.plan,
    history funnels.history,
    path integer[],
    deadline timestamptz
) returns integer[]
language plpgsql immutable parallel safe as $$
declare
    filled integer[] := array_fill(0, array[plan.step_count]);
    used integer[] := path;
    latest integer;
    previous integer;
    upper integer;
    between integer[];
    optional integer[];
begin
    for depth in 1..cardinality(path) loop
        filled[plan.required_steps[depth]] := path[depth];
    end loop;
    if cardinality(plan.required_steps) = plan.step_count then
        return filled;
    end if;
    for depth in 1..cardinality(path) loop
        previous := path[depth];
        upper := path[depth + 1];
        latest := plan.required_steps[depth];
        optional := array(
            select generate_series(
                latest + 1,
                coalesce(plan.required_steps[depth + 1], plan.step_count + 1) - 1
            )
        );
        if plan.ordering = 'strict' and upper is not null then
            between := funnels.strict_between(
                plan, history, optional, used, previous, upper, history.moments[previous]
            );
            for place in 1..cardinality(optional) loop
                filled[optional[place]] := between[place];
                if between[place] > 0 then
                    used := used || between[place];
                end if;
            end loop;
            continue;
        end if;
        for place in 1..cardinality(optional) loop
            for candidate in 1..cardinality(history.moments) loop
                exit when history.moments[candidate] > deadline;
                if
                    history.masks[candidate] & (1 << (optional[place] - 1)) <> 0
                    and candidate <> all (used)
                    and not exists (
                        select from unnest(filled) with ordinality as taken (row, step)
                        where
                            taken.row > 0
                            and case
                                when taken.step < optional[place]
                                    then funnels.is_before(
                                        history, plan.tolerance, candidate, taken.row
                                    )
                                else funnels.is_before(
                                    history, plan.tolerance, taken.row, candidate
                                )
                            end
                    )
                    and history.moments[candidate] - history.moments[path[depth]]
                    <= coalesce(
                        plan.within[optional[place]], plan.window_length + plan.tolerance
                    )
                    and (
                        history.constants is null
                        or history.constants[candidate] = history.constants[path[1]]
                    )
                    and not funnels.is_excluded(
                        plan, history, path[: depth], candidate
                    )
                    and (
                        plan.ordering <> 'strict'
                        or not funnels.is_between(
                            history,
                            plan.tolerance,
                            (1 << 30) | ((1 << 20) - 1),
                            previous,
                            candidate,
                            used
                        )
                    )
                then
                    filled[optional[place]] := candidate;
                    used := used || candidate;
                    previous := candidate;
                    exit;
                end if;
            end loop;
        end loop;
    end loop;
    return filled;
end
$$;

-- Whether the rows of a path stand otherwise than the total order has them.
create function funnels.has_tie(filled integer[]) returns boolean
language plpgsql immutable parallel safe as $$
declare
    latest integer := 0;
begin
    for step in 1..cardinality(filled) loop
        continue when filled[step] = 0;
        if filled[step] < latest then
            return true;
        end if;
        latest := filled[step];
    end loop;
    return false;
end
$$;

-- What is stored of an attempt, by its counted path over required steps.
create function funnels.attempt_of(
    plan funnels.plan, history funnels.history, path integer[]
) returns funnels.attempt
language plpgsql immutable parallel safe as $$
declare
    attempt funnels.attempt;
    filled integer[] := path;
    reached_at timestamptz[];
    depth integer := cardinality(path);
    ending integer[];
begin
    attempt.entered_on := history.days[path[1]];
    attempt.entered_at := history.moments[path[1]];
    attempt.attempt_number := 1;
    attempt.candidate_count := 1;
    attempt.depth := depth;
    attempt.deepest_step := plan.required_steps[depth];
    attempt.is_completed := depth = cardinality(plan.required_steps);
    attempt.window_ends_at := attempt.entered_at + plan.window_length;
    attempt.drops_unit := false;
    if cardinality(plan.required_steps) < plan.step_count then
        filled := funnels.filled_path(plan, history, path, attempt.window_ends_at);
    end if;
    if cardinality(plan.exclusion_after) > 0 and not attempt.is_completed then
        ending := funnels.ending_rows(plan, history, path, filled);
        for exclusion in 1..cardinality(ending) loop
            continue when ending[exclusion] = 0;
            attempt.drops_unit := attempt.drops_unit or plan.exclusion_drops[exclusion];
            attempt.excluding_row := least(attempt.excluding_row, ending[exclusion]);
        end loop;
        attempt.excluded_at := history.moments[attempt.excluding_row];
    end if;
    reached_at := array[attempt.entered_at];
    for step in 2..cardinality(filled) loop
        reached_at[step] := case
            when filled[step] > 0 then history.moments[filled[step]]
        end;
    end loop;
    attempt.path := filled;
    attempt.reached_at := reached_at;
    attempt.is_tied := funnels.has_tie(filled);
    if history.breakdowns is not null then
        attempt.breakdown_value
        := history.breakdowns[funnels.breakdown_row(plan, filled)];
    end if;
    return attempt;
end
$$;

-- The row whose value an attempt is split by; none where its step was not reached.
create function funnels.breakdown_row(plan funnels.plan, filled integer[])
returns integer
language plpgsql immutable parallel safe as $$
begin
    if plan.breakdown_step > 0 then
        return nullif(filled[plan.breakdown_step], 0);
    end if;
    for step in reverse cardinality(filled)..1 loop
        if filled[step] > 0 then
            return filled[step];
        end if;
    end loop;
end
$$;

-- The attempts of one unit (or of one of its sessions): of each day the counted candidate;
-- where totals are counted, one after the other.
create function funnels.attempts(plan funnels.plan, history funnels.history)
returns setof funnels.attempt
language plpgsql immutable parallel safe as $$
declare
    moments timestamptz[] := history.moments;
    masks integer[] := history.masks;
    days date[] := history.days;
    depths integer := cardinality(plan.required_steps);
    entry_bits integer := funnels.entry_bits(plan);
    has_drops boolean := coalesce(true = any (plan.exclusion_drops), false);
    nexts integer[];
    paths integer[];
    attempt funnels.attempt;
    path integer[];
    best integer[];
    last_ends_at timestamptz;
    candidate_count integer := 0;
    drops boolean := false;
    on_day date;
    deadline timestamptz;
    here integer;
    depth integer;
begin
    if plan.counting = 'totals' then
        return query select * from funnels.sequence(plan, history);
        return;
    end if;
    if plan.is_plain then
        nexts := funnels.plain_nexts(plan, history);
    end if;
    if nexts is null then
        paths := funnels.paths(plan, history);
    end if;
    for entry in 1..cardinality(moments) loop
        continue when masks[entry] & entry_bits = 0;
        continue when
            moments[entry] < plan.entries_from or moments[entry] > plan.entries_to;
        if days[entry] <> on_day then
            attempt := funnels.attempt_of(plan, history, best);
            attempt.candidate_count := candidate_count;
            attempt.window_ends_at := last_ends_at;
            attempt.drops_unit := drops or attempt.drops_unit;
            return next attempt;
            best := null;
            candidate_count := 0;
            drops := false;
        end if;
        deadline := moments[entry] + plan.window_length;
        if nexts is not null then
            path := array[entry];
            here := nexts[(entry - 1) * depths + 1];
            depth := 1;
            while here > 0 and moments[here] <= deadline loop
                depth := depth + 1;
                path[depth] := here;
                exit when depth = depths;
                here := nexts[(here - 1) * depths + depth];
            end loop;
        else
            depth := depths;
            while paths[(entry - 1) * depths + depth] = 0 loop
                depth := depth - 1;
            end loop;
            path := paths[(entry - 1) * depths + 1:(entry - 1) * depths + depth];
        end if;
        on_day := days[entry];
        candidate_count := candidate_count + 1;
        last_ends_at := deadline;
        if best is null or depth > cardinality(best) then
            best := path;
        end if;
        if has_drops and not drops then
            attempt := funnels.attempt_of(plan, history, path);
            drops := attempt.drops_unit;
        end if;
    end loop;
    if best is not null then
        attempt := funnels.attempt_of(plan, history, best);
        attempt.candidate_count := candidate_count;
        attempt.window_ends_at := last_ends_at;
        attempt.drops_unit := drops or attempt.drops_unit;
        return next attempt;
    end if;
end
$$;

-- Attempts in sequence: one opens when none is open and closes by completion, exclusion or
-- expiry; what a closed one has seen, the next one cannot use.
create function funnels.sequence(plan funnels.plan, history funnels.history)
returns setof funnels.attempt
language plpgsql immutable parallel safe as $$
declare
    row_count integer := cardinality(history.moments);
    depths integer := cardinality(plan.required_steps);
    entry_bits integer := funnels.entry_bits(plan);
    starts integer[];
    start integer;
    following integer;
    part funnels.history;
    first integer := 1;
    last integer;
    paths integer[];
    path integer[];
    attempt funnels.attempt;
    closing integer;
    on_day date;
    number integer := 0;
begin
    select coalesce(array_agg(rows.position order by rows.position), '{}')
    into starts
    from unnest(history.masks, history.moments)
    with ordinality as rows (mask, moment, position)
    where
        rows.mask & entry_bits <> 0
        and rows.moment >= coalesce(plan.entries_from, '-infinity')
        and rows.moment <= coalesce(plan.entries_to, 'infinity');
    for place in 1..cardinality(starts) loop
        start := starts[place];
        continue when start < first;
        following := case when plan.reentry = 'latest' then starts[place + 1] end;
        -- Enough rows to decide: none after the window, none after what restarts it.
        last := start;
        while
            last < coalesce(following - 1, row_count)
            and history.moments[last + 1] - history.moments[start] <= plan.window_length
        loop
            last := last + 1;
        end loop;
        part.moments := history.moments[first:last];
        part.days := history.days[first:last];
        part.masks := history.masks[first:last];
        part.sources := history.sources[first:last];
        part.sequences := history.sequences[first:last];
        part.constants := history.constants[first:last];
        part.breakdowns := history.breakdowns[first:last];
        path := funnels.path_of(plan, part, start - first + 1);
        attempt := funnels.attempt_of(plan, part, path);
        closing := null;
        if attempt.is_completed then
            select max(rows.row) into closing from unnest(path) as rows (row);
        elsif attempt.excluding_row is not null then
            closing := attempt.excluding_row;
        end if;
        if closing is null then
            -- Open until its window is over, unless a start inside begins it anew.
            closing := last;
            while
                closing < row_count
                and history.moments[closing + 1] <= attempt.window_ends_at
            loop
                closing := closing + 1;
            end loop;
            continue when closing >= following;
            first := closing + 1;
        else
            first := first + closing;
        end if;
        number := case when on_day = attempt.entered_on then number + 1 else 1 end;
        on_day := attempt.entered_on;
        attempt.attempt_number := number;
        return next attempt;
    end loop;
end
$$;

-- The counted path of one candidate over required steps.
create function funnels.path_of(
    plan funnels.plan, history funnels.history, entry integer
) returns integer[]
language plpgsql immutable parallel safe as $$
declare
    deadline timestamptz := history.moments[entry] + plan.window_length;
    held text := history.constants[entry];
    part funnels.history := history;
begin
    if history.constants is not null then
        -- Rows of another value can be no step; what else they are they stay.
        part.constants := null;
        select array_agg(
            case
                when rows.constant = held or rows.position = entry then rows.mask
                when plan.ordering = 'strict' and rows.mask & ((1 << 20) - 1) <> 0
                    then rows.mask & ~((1 << 20) - 1) | 1 << 30
                else rows.mask & ~((1 << 20) - 1)
            end
            order by rows.position
        )
        into part.masks
        from unnest(history.masks, history.constants)
        with ordinality as rows (mask, constant, position);
    end if;
    if plan.ordering = 'any_order' then
        return funnels.search_any_order(plan, part, entry, deadline);
    end if;
    return funnels.search(plan, part, entry, deadline);
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

-- Arrays one after the other, in no order.
create aggregate funnels.concatenation(bigint[]) (
    sfunc = array_cat, stype = bigint[], combinefunc = array_cat, parallel = safe
);
