-- funnels: the counted paths of all candidates of one unit, by the fastest way that is right
-- for its rows.

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
