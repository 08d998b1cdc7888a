-- funnels: what a plan, the rows of one unit and an attempt are, and which rows may follow
-- each other (SEMANTICS 2.6). Pure functions over the unit's rows in total order, given as
-- arrays; the models call them once per unit.
--
-- A mask says what a row is: bit k - 1 step k, bit 19 + e exclusion e, bit 30 of the scope.
create schema funnels;
grant usage on schema funnels to public;

-- A funnel, as its paths need it. Lengths are intervals of seconds; null within is no window.
create type funnels.plan as (
    ordering text,
    counting text,
    reentry text,
    step_count integer,
    required_steps integer[],
    anchored_steps integer[],
    window_length interval,
    tolerance interval,
    within interval[],
    exclusion_after integer[],
    exclusion_before integer[],
    exclusion_drops boolean[],
    is_constant boolean,
    is_plain boolean,
    entries_from timestamptz,
    entries_to timestamptz,
    -- 0 the last step reached, else the step itself.
    breakdown_step integer
);

-- The rows of one unit in total order, one element each. constants is null unless something is
-- held constant; a null element equals nothing.
create type funnels.history as (
    moments timestamptz[],
    days date[],
    masks integer[],
    -- Of rows that have a sequence, the hash of their source.
    sources bigint[],
    sequences bigint[],
    constants text[],
    breakdowns text[]
);

-- One attempt. path holds the position of each step's row in the history, 0 where not reached;
-- any_order: of each place.
create type funnels.attempt as (
    entered_on date,
    entered_at timestamptz,
    attempt_number integer,
    candidate_count integer,
    depth integer,
    deepest_step integer,
    is_completed boolean,
    path integer[],
    reached_at timestamptz[],
    window_ends_at timestamptz,
    excluded_at timestamptz,
    -- Position in the history.
    excluding_row integer,
    drops_unit boolean,
    is_tied boolean,
    breakdown_value text
);

-- Whether one row is before another: by the sequence of their source, else by time.
create function funnels.is_before(
    history funnels.history, tolerance interval, one integer, other integer
) returns boolean
language sql immutable parallel safe as $$
    select case
        when
            (history).sources[one] = (history).sources[other]
            and (history).sequences[one] is not null
            and (history).sequences[other] is not null
            then ((history).moments[one], (history).sequences[one])
                < ((history).moments[other], (history).sequences[other])
        else (history).moments[other] - (history).moments[one] > tolerance
    end
$$;

-- Whether a row with one of the bits lies between two rows and is none of the path.
create function funnels.is_between(
    history funnels.history,
    tolerance interval,
    bits integer,
    one integer,
    other integer,
    path integer[]
) returns boolean
language plpgsql immutable parallel safe as $$
begin
    for between in one + 1..other - 1 loop
        if
            history.masks[between] & bits <> 0
            and between <> all (path)
            and funnels.is_before(history, tolerance, one, between)
            and funnels.is_before(history, tolerance, between, other)
        then
            return true;
        end if;
    end loop;
    return false;
end
$$;

-- Whether rows up to `last` may be the next of a path: not used, and before none of it.
create function funnels.may_follow(
    history funnels.history, tolerance interval, path integer[], candidate integer
) returns boolean
language plpgsql immutable parallel safe as $$
declare
    earlier integer;
begin
    foreach earlier in array path loop
        if
            earlier = candidate
            or (
                candidate < earlier
                and funnels.is_before(history, tolerance, candidate, earlier)
            )
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;

-- Whether an exclusion forbids to go on from the path to a row.
create function funnels.is_excluded(
    plan funnels.plan, history funnels.history, path integer[], candidate integer
) returns boolean
language plpgsql immutable parallel safe as $$
declare
    depth integer := cardinality(path);
begin
    for exclusion in 1..coalesce(cardinality(plan.exclusion_after), 0) loop
        if
            plan.exclusion_after[exclusion] <= depth
            and plan.exclusion_before[exclusion] > depth
            and funnels.is_between(
                history,
                plan.tolerance,
                1 << (19 + exclusion),
                path[plan.exclusion_after[exclusion]],
                candidate,
                path
            )
        then
            return true;
        end if;
    end loop;
    return false;
end
$$;

-- Whether the last row of a path is far from all others, so that they forbid nothing after it.
create function funnels.is_lone(
    history funnels.history, tolerance interval, path integer[]
) returns boolean
language plpgsql immutable parallel safe as $$
declare
    depth integer := cardinality(path);
begin
    for earlier in 1..depth - 1 loop
        if
            history.moments[path[depth]] - history.moments[path[earlier]]
            <= 2 * tolerance
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;
