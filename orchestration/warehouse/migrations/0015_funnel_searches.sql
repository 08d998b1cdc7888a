-- funnels: the counted path of one candidate by trying rows: slow, and right whatever ties.

-- Optional steps between two rows of a strict path, the earliest first; null when something of
-- the scope stays between. The path is given in two parts, in the order of its steps: it has come
-- as far as the last row of the one, and goes on with the first of the other.
create function funnels.strict_between(
    plan funnels.plan,
    history funnels.history,
    optional_steps integer[],
    earlier integer[],
    later integer[],
    since timestamptz
) returns integer[]
language plpgsql immutable parallel safe as $$
declare
    scope constant integer := (1 << 30) | ((1 << 20) - 1);
    step integer := optional_steps[1];
    one integer := earlier[cardinality(earlier)];
    path integer[] := earlier || later;
    rest integer[];
begin
    if step is null then
        return case
            when funnels.is_between(history, plan.tolerance, scope, one, later[1], path)
                then null
            else '{}'::integer[]
        end;
    end if;
    for between in 1..cardinality(history.moments) loop
        if
            history.masks[between] & (1 << (step - 1)) <> 0
            and between <> all (path)
            and funnels.may_follow(history, plan.tolerance, earlier, between)
            and not exists (
                select from unnest(later) as following (row)
                where funnels.is_before(history, plan.tolerance, following.row, between)
            )
            and history.moments[between] - since
            <= coalesce(plan.within[step], plan.window_length)
            and not funnels.is_between(
                history, plan.tolerance, scope, one, between, path || between
            )
        then
            rest := funnels.strict_between(
                plan, history, optional_steps[2:], earlier || between, later, since
            );
            if rest is not null then
                return between || rest;
            end if;
        end if;
    end loop;
    rest := funnels.strict_between(
        plan, history, optional_steps[2:], earlier, later, since
    );
    -- An array of one would hide that there is none.
    return case when rest is not null then 0 || rest end;
end
$$;

-- The number of required steps, from the first, that have any row in the window of a candidate.
create function funnels.reachable(
    plan funnels.plan, history funnels.history, entry integer, deadline timestamptz
) returns integer
language plpgsql immutable parallel safe as $$
declare
    seen integer;
    depth integer := 1;
begin
    select coalesce(bit_or(rows.mask), 0)
    into seen
    from unnest(history.masks, history.moments) as rows (mask, moment)
    where rows.moment between history.moments[entry] - plan.tolerance and deadline;
    while
        depth < cardinality(plan.required_steps)
        and seen & (1 << (plan.required_steps[depth + 1] - 1)) <> 0
    loop
        depth := depth + 1;
    end loop;
    return depth;
end
$$;

-- The counted path of one candidate over required steps, by trying rows in total order. Slow and
-- right whatever ties, and in strict order.
create function funnels.search(
    plan funnels.plan, history funnels.history, entry integer, deadline timestamptz
) returns integer[]
language plpgsql immutable parallel safe as $$
declare
    required integer[] := plan.required_steps;
    row_count integer := cardinality(history.moments);
    path integer[];
    nexts integer[];
    dead boolean[];
    depth integer;
    bit integer;
    step integer;
    found integer;
    candidate integer;
begin
    for target in reverse funnels.reachable(plan, history, entry, deadline)..2 loop
        path := array[entry];
        nexts := array_fill(1, array[target + 1]);
        dead := null;
        depth := 1;
        while depth between 1 and target - 1 loop
            step := required[depth + 1];
            bit := 1 << (step - 1);
            found := 0;
            candidate := nexts[depth + 1];
            while
                candidate <= row_count and history.moments[candidate] <= deadline
            loop
                if
                    history.masks[candidate] & bit <> 0
                    and coalesce(not dead[depth * row_count + candidate], true)
                    and history.moments[candidate] - history.moments[path[depth]]
                    <= coalesce(plan.within[step], plan.window_length + plan.tolerance)
                    and funnels.may_follow(history, plan.tolerance, path, candidate)
                    and not funnels.is_excluded(plan, history, path, candidate)
                    and (
                        plan.ordering <> 'strict'
                        or funnels.strict_between(
                            plan,
                            history,
                            array(
                                select generate_series(required[depth] + 1, step - 1)
                            ),
                            path,
                            array[candidate],
                            history.moments[path[depth]]
                        ) is not null
                    )
                then
                    found := candidate;
                    exit;
                end if;
                candidate := candidate + 1;
            end loop;
            if found > 0 then
                nexts[depth + 1] := found + 1;
                path := path || found;
                depth := depth + 1;
                -- Rows that neither tie with the last nor follow it cannot come next.
                candidate := found;
                while
                    candidate > 1
                    and history.moments[candidate - 1]
                    >= history.moments[found] - plan.tolerance
                loop
                    candidate := candidate - 1;
                end loop;
                nexts[depth + 1] := candidate;
            else
                -- What failed from a row that no other of the path is near fails again.
                if depth > 1 and funnels.is_lone(history, plan.tolerance, path) then
                    dead := coalesce(
                        dead, array_fill(false, array[(target + 1) * row_count])
                    );
                    dead[(depth - 1) * row_count + path[depth]] := true;
                end if;
                depth := depth - 1;
                path := path[: depth];
            end if;
        end loop;
        if depth = target then
            return path;
        end if;
    end loop;
    return array[entry];
end
$$;

-- The same where steps come in any order: the row of each place.
create function funnels.search_any_order(
    plan funnels.plan, history funnels.history, entry integer, deadline timestamptz
) returns integer[]
language plpgsql immutable parallel safe as $$
declare
    row_count integer := cardinality(history.moments);
    path integer[];
    taken integer[];
    tried integer[];
    used integer;
    dead bigint[];
    -- How many rows of the path, from the first, have led to an end or might to a better one.
    alive integer;
    best integer[];
    depth integer;
    choice integer;
    candidate integer;
    step integer;
    is_found boolean;
begin
    for target in reverse plan.step_count..1 loop
        path := '{}';
        taken := '{}';
        dead := '{}';
        used := 0;
        depth := 0;
        alive := 0;
        -- A choice is 32 x row + step; the next one tried at a place is above the last.
        tried := array_fill(0, array[target + 1]);
        tried[1] := 32 * entry;
        while depth >= 0 loop
            is_found := false;
            choice := tried[depth + 1] + 1;
            while choice / 32 <= row_count loop
                candidate := choice / 32;
                step := choice % 32;
                exit when depth = 0 and candidate > entry;
                exit when candidate > 0 and history.moments[candidate] > deadline;
                -- Another choice of steps may still lead to earlier rows, none to later.
                if path || candidate > best then
                    alive := depth;
                    exit;
                end if;
                if
                    candidate > 0
                    and step between 1 and plan.step_count
                    and history.masks[candidate] & (1 << (step - 1)) <> 0
                    and used & (1 << (step - 1)) = 0
                    and (step = depth + 1 or step <> all (plan.anchored_steps))
                    and (step = depth + 1 or depth + 1 <> all (plan.anchored_steps))
                    and (
                        depth = 0
                        or (
                            history.moments[candidate] - history.moments[path[depth]]
                            <= coalesce(
                                plan.within[step], plan.window_length + plan.tolerance
                            )
                            and funnels.may_follow(
                                history, plan.tolerance, path, candidate
                            )
                            and not funnels.is_excluded(plan, history, path, candidate)
                            and (used::bigint << 32 | choice) <> all (dead)
                        )
                    )
                then
                    is_found := true;
                    exit;
                end if;
                -- Past the last step of a row comes the next row.
                choice := case
                    when
                        step >= plan.step_count
                        or history.masks[candidate] & ((1 << 20) - 1) = 0
                        then 32 * (candidate + 1) + 1
                    else choice + 1
                end;
            end loop;
            if is_found then
                tried[depth + 1] := choice;
                path := path || candidate;
                taken := taken || choice;
                used := used | (1 << (step - 1));
                depth := depth + 1;
                while
                    candidate > 1
                    and history.moments[candidate - 1]
                    >= history.moments[path[depth]] - plan.tolerance
                loop
                    candidate := candidate - 1;
                end loop;
                tried[depth + 1] := 32 * candidate;
            end if;
            if depth = target then
                alive := depth;
                if best is null or path < best then
                    best := path;
                end if;
            end if;
            if not is_found or depth = target then
                if
                    depth > greatest(alive, 1)
                    and funnels.is_lone(history, plan.tolerance, path)
                then
                    dead := dead
                    || (
                        (used & ~(1 << (taken[depth] % 32 - 1)))::bigint << 32
                        | taken[depth]
                    );
                end if;
                if depth > 0 then
                    used := used & ~(1 << (taken[depth] % 32 - 1));
                end if;
                path := path[: depth - 1];
                taken := taken[: depth - 1];
                depth := depth - 1;
                alive := least(alive, depth);
            end if;
        end loop;
        if best is not null then
            return best;
        end if;
    end loop;
    return '{}';
end
$$;
