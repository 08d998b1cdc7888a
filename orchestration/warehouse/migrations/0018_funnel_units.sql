-- funnels: the attempts of one unit.

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
