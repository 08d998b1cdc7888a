-- funnels: what is stored of an attempt, by its counted path.

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
                plan,
                history,
                optional,
                array_remove(filled[: latest], 0),
                path[depth + 1 :],
                history.moments[previous]
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
