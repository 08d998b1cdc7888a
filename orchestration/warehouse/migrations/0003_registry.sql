-- registry: every version of every definition a person wrote, and the SQL made of its predicates.
create schema registry;

create table registry.versions (
    registry_version bigint generated always as identity primary key,
    hash text not null,
    definition_count integer not null,
    stored_at timestamptz not null default clock_timestamp()
);

-- A new row per change. A definition whose file is gone gets a last row without a body.
create table registry.definitions (
    kind text not null,
    id text not null,
    version integer not null,
    registry_version bigint not null references registry.versions (registry_version),
    body jsonb,
    hash text not null,
    valid_from timestamptz not null,
    file text not null,
    primary key (kind, id, version),
    unique (kind, id, registry_version)
);

-- Only predicates become SQL: of a segment (part 0), of the steps of a funnel and of the
-- metrics of an experiment (parts from 1). A segment's text changes with the segments it names,
-- so a row belongs to the registry version in which its text first read so.
create table registry.compiled (
    kind text not null,
    id text not null,
    part integer not null,
    version integer not null,
    registry_version bigint not null references registry.versions (registry_version),
    sql text not null,
    hash text not null,
    primary key (kind, id, part, registry_version),
    foreign key (kind, id, version) references registry.definitions (kind, id, version)
);

create function registry.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception 'registry history is append-only: % on % refused', tg_op, tg_table_name;
end
$$;

create trigger versions_are_append_only
before update or delete or truncate on registry.versions
for each statement execute function registry.refuse_change();

create trigger definitions_are_append_only
before update or delete or truncate on registry.definitions
for each statement execute function registry.refuse_change();

create trigger compiled_is_append_only
before update or delete or truncate on registry.compiled
for each statement execute function registry.refuse_change();

-- A running build keeps the version it pinned; everybody else sees the newest. Readers of views
-- over the registry call it too, and may not look into ops themselves.
create function registry.version_in_force() returns bigint
language sql stable security definer set search_path = '' as $$
    select coalesce(
        (
            select builds.registry_version
            from ops.current_build
            inner join ops.builds using (build_id)
            where builds.state = 'running'
        ),
        (select max(registry_version) from registry.versions)
    )
$$;

create view registry.in_force as
select latest.*
from (
    select distinct on (kind, id) *
    from registry.definitions
    where registry_version <= (select registry.version_in_force())
    order by kind, id, version desc
) as latest
where latest.body is not null;

create view registry.compiled_in_force as
select distinct on (kind, id, part)
    kind,
    id,
    part,
    version,
    compiled.sql,
    compiled.hash
from registry.compiled as compiled
inner join registry.in_force as definition using (kind, id, version)
where compiled.registry_version <= (select registry.version_in_force())
order by kind, id, part, compiled.registry_version desc;

-- One row per funnel. Windows are seconds: n x 24 h, never calendar days. Of what else a
-- funnel has, in parts: 101 and on exclusions, 200 the noise of its scope, 301 and on what it
-- holds constant, 400 its account, 500 its breakdown, 600 what every event must meet.
create view registry.funnels as
with numbered as (
    -- The number of a funnel in what is stored of each row: its own for ever, or a new
    -- funnel would change what is stored of all others.
    select
        id,
        (
            row_number() over (order by min(registry_version), id collate "C")
        )::integer as funnel_number
    from registry.definitions
    where kind = 'funnel'
    group by id
)

select
    id as funnel_id,
    funnel_number,
    version,
    body ->> 'title' as title,
    body ->> 'unit' as unit,
    body ->> 'ordering' as ordering,
    body ->> 'counting' as counting,
    body ->> 'reentry' as reentry,
    body ->> 'scope' as scope,
    extract(epoch from (body ->> 'window')::interval)::bigint as window_seconds,
    extract(epoch from (body ->> 'simultaneous_within')::interval)::bigint
        as simultaneous_seconds,
    (body -> 'entries' ->> 'from')::timestamptz as entries_from,
    (body -> 'entries' ->> 'to')::timestamptz as entries_to,
    (body ->> 'clip_conversions')::boolean as is_clipped,
    (body ->> 'time_bins')::integer as time_bin_count,
    body -> 'breakdown' ->> 'trait' as breakdown_trait,
    body -> 'breakdown' ->> 'at' as breakdown_at,
    body -> 'breakdown' ->> 'at_step' as breakdown_step,
    (body -> 'breakdown' ->> 'top')::integer as breakdown_top,
    jsonb_array_length(body -> 'steps') as step_count
from registry.in_force
inner join numbered using (id)
where kind = 'funnel';

-- One row per funnel and part that became SQL, with what every event must meet added to
-- its predicates. They speak of the columns of raw.events.
create view registry.funnel_parts as
select
    parts.id as funnel_id,
    parts.part,
    parts.part < 300 as is_predicate,
    case
        when parts.part < 300 and filters.sql is not null
            then '(' || parts.sql || ') and (' || filters.sql || ')'
        else parts.sql
    end as sql
from registry.compiled_in_force as parts
left join registry.compiled_in_force as filters
    on filters.kind = 'funnel' and filters.id = parts.id and filters.part = 600
where parts.kind = 'funnel' and parts.part <> 600;

-- One row per funnel and step, from 1. predicate_sql speaks of the columns of raw.events.
create view registry.funnel_steps as
select
    definition.id as funnel_id,
    definition.version,
    step.step_index::integer as step_index,
    step.body ->> 'name' as step_name,
    coalesce((step.body ->> 'optional')::boolean, false) as is_optional,
    coalesce((step.body ->> 'anchored')::boolean, false) as is_anchored,
    extract(epoch from (step.body ->> 'within')::interval)::bigint as within_seconds,
    -- The required steps next to this one: what it is compared with.
    (max(step.step_index) filter (
        where not coalesce((step.body ->> 'optional')::boolean, false)
    ) over earlier)::integer as previous_step_index,
    (min(step.step_index) filter (
        where not coalesce((step.body ->> 'optional')::boolean, false)
    ) over later)::integer as next_step_index,
    parts.sql as predicate_sql
from registry.in_force as definition
cross join lateral jsonb_array_elements(definition.body -> 'steps')
with ordinality as step (body, step_index)
inner join registry.funnel_parts as parts
    on parts.funnel_id = definition.id and parts.part = step.step_index
where definition.kind = 'funnel'
window
    earlier as (
        partition by definition.id order by step.step_index
        rows between unbounded preceding and 1 preceding
    ),
    later as (
        partition by definition.id order by step.step_index
        rows between 1 following and unbounded following
    );

-- One row per retention grid, with where its starts and returns are found: among the events of
-- its own parts, or in what makes persons active. `timezone` is null for the reporting one.
create view registry.retention_grids as
with grids as (
    select
        definition.*,
        body #>> '{start,activity}' is not null as starts_by_activity,
        body #>> '{return,activity}' is not null as returns_by_activity,
        body #> '{start,events}' is not distinct from body #> '{return,events}' as is_same_event
    from registry.in_force as definition
    where kind = 'retention_grid'
)

select
    id as retention_id,
    version,
    body ->> 'title' as title,
    body ->> 'unit' as unit,
    body #>> '{start,occurs}' = 'first_ever' as is_first_ever,
    case when starts_by_activity then 'activity' else kind end as start_kind,
    case when starts_by_activity then 'any' else id end as start_id,
    case when starts_by_activity then 0 else 1 end as start_part,
    case when returns_by_activity then 'activity' else kind end as return_kind,
    case when returns_by_activity then 'any' else id end as return_id,
    case when returns_by_activity then 0 when is_same_event then 1 else 2 end as return_part,
    is_same_event or body ->> 'period_zero' = 'start' as is_zero_full,
    body ->> 'mode' as mode,
    body ->> 'clock' as clock,
    body ->> 'period' as period,
    (body ->> 'period_length')::integer * case body ->> 'period'
        when 'hour' then 1 when 'day' then 24 when 'week' then 168
    end as period_hours,
    (body ->> 'periods')::integer as period_count,
    body -> 'brackets' as brackets,
    body ->> 'week_starts' as week_starts,
    body ->> 'timezone' as timezone,
    body ->> 'measure' as measure,
    body -> 'breakdown' is not null as has_breakdown
from grids;

create view registry.trends as
select
    id as trend_id,
    version,
    body ->> 'title' as title,
    body ->> 'math' as math,
    (body ->> 'percentile')::numeric as percentile,
    body ->> 'ratio_of' as ratio_of,
    body ->> 'interval' as period,
    body ->> 'week_starts' as week_starts,
    body ->> 'timezone' as timezone,
    body ->> 'when_empty' as when_empty,
    (body ->> 'cumulative')::boolean as is_cumulative
from registry.in_force
where kind = 'trend';

-- One row per lifecycle and period. Part 1 is what makes active, part 2 what creates a profile.
create view registry.lifecycles as
select
    definition.id as lifecycle_id,
    definition.version,
    definition.body ->> 'title' as title,
    periods.period,
    definition.body ->> 'week_starts' as week_starts,
    definition.body #>> '{of,activity}' is not null as is_by_activity,
    definition.body ->> 'new_by' as new_by
from registry.in_force as definition
cross join lateral jsonb_array_elements_text(definition.body -> 'periods') as periods (period)
where definition.kind = 'lifecycle';

-- One row per definition over what units do and list of events, with the values that are read
-- off an event: what names the unit, what splits a cohort and what is added up. Where it counts
-- units, their days are kept; the return events that a grid starts with are kept once.
create view registry.behaviours as
select
    events.kind,
    events.id,
    events.part,
    events.sql as predicate_sql,
    named.sql as unit_sql,
    split.sql as breakdown_sql,
    amounts.sql as amount_sql,
    events.hash,
    events.kind <> 'trend'
    or (trends.math = 'dau' and trends.is_cumulative) as counts_units
from registry.compiled_in_force as events
left join registry.compiled_in_force as named
    on named.kind = events.kind and named.id = events.id and named.part = 400
left join registry.compiled_in_force as split
    on split.kind = events.kind and split.id = events.id and split.part = 500
left join registry.compiled_in_force as amounts
    on amounts.kind = events.kind and amounts.id = events.id and amounts.part = 700
left join registry.trends as trends
    on events.kind = 'trend' and trends.trend_id = events.id
left join registry.retention_grids as grids
    on events.kind = 'retention_grid' and grids.retention_id = events.id
where
    events.kind in ('retention_grid', 'trend', 'lifecycle')
    and events.part < 400
    and (grids.return_part is null or events.part in (grids.start_part, grids.return_part));

-- One row per segment. predicate_sql speaks of the columns of the segments' facts.
create view registry.segments as
select
    definition.id as segment_id,
    definition.version,
    definition.body ->> 'title' as title,
    compiled.sql as predicate_sql
from registry.in_force as definition
inner join registry.compiled_in_force as compiled
    on compiled.kind = 'segment' and compiled.id = definition.id
where definition.kind = 'segment';

create view registry.experiments as
select
    id as experiment_id,
    version,
    body ->> 'title' as title,
    body ->> 'state' as state,
    body ->> 'unit' as unit,
    (body ->> 'starts_at')::timestamptz as starts_at,
    (body ->> 'ends_at')::timestamptz as ends_at,
    body ->> 'decision' as decision,
    (body ->> 'alpha')::numeric as alpha,
    (body ->> 'minimum_units')::integer as minimum_units,
    (body ->> 'minimum_conversions')::integer as minimum_conversions,
    (body ->> 'minimum_days')::integer as minimum_days,
    body ->> 'correction' as correction,
    (body ->> 'expected_units')::integer as expected_units,
    coalesce((body ->> 'history_days')::integer, 14) as history_days,
    body ->> 'assigned_by' as assigned_by,
    (body ->> 'enrols_until')::timestamptz as enrols_until,
    (body -> 'prior' ->> 'mean')::numeric as prior_mean,
    (body -> 'prior' ->> 'deviation')::numeric as prior_deviation,
    -- Loading refuses such changes; a result must not rest on that alone.
    (
        select count(distinct history.body - case
            when
                history.body ->> 'decision' = 'fixed'
                or history.body @? '$.metrics[*].lookback_hours'
                then '{title,hypothesis,state,valid_from,phases}'::text []
            else '{title,hypothesis,state,valid_from,phases,ends_at}'::text []
        end) > 1
        from registry.definitions as history
        where
            history.kind = in_force.kind
            and history.id = in_force.id
            and history.version <= in_force.version
            and history.body ->> 'state' <> 'DRAFT'
    )
    -- A funnel that a metric rests on now, beside what it was when the experiment began.
    or exists (
        select from jsonb_array_elements(in_force.body -> 'metrics') as metric (body)
        inner join registry.in_force as funnel
            on funnel.kind = 'funnel' and funnel.id = metric.body ->> 'funnel'
        where
            in_force.body ->> 'state' <> 'DRAFT'
            and funnel.body - '{title,description,valid_from}'::text [] is distinct from (
                select begun.body - '{title,description,valid_from}'::text []
                from registry.definitions as begun
                where
                    begun.kind = 'funnel'
                    and begun.id = funnel.id
                    and begun.registry_version <= (
                        select min(history.registry_version)
                        from registry.definitions as history
                        where
                            history.kind = in_force.kind
                            and history.id = in_force.id
                            and history.body ->> 'state' <> 'DRAFT'
                    )
                order by begun.version desc
                limit 1
            )
    ) as has_changed
from registry.in_force as in_force
where kind = 'experiment';

-- One row per experiment and arm; arm 1 is the control.
create view registry.experiment_arms as
select
    definition.id as experiment_id,
    arm.arm_index::integer as arm_index,
    arm.body ->> 'variant' as variant,
    arm.arm_index = 1 as is_control,
    (arm.body ->> 'weight')::integer as weight
from registry.in_force as definition
cross join lateral jsonb_array_elements(definition.body -> 'arms')
with ordinality as arm (body, arm_index)
where definition.kind = 'experiment';

-- One row per experiment and phase; weights are in the order of the arms. Exposures of a phase
-- end where the next begins, those of the last where enrolment or the experiment does.
create view registry.experiment_phases as
with phases as (
    select
        definition.id as experiment_id,
        1 as phase,
        (definition.body ->> 'starts_at')::timestamptz as starts_at,
        array(
            select (arm.body ->> 'weight')::integer
            from jsonb_array_elements(definition.body -> 'arms')
            with ordinality as arm (body, arm_index)
            order by arm.arm_index
        ) as weights
    from registry.in_force as definition
    where definition.kind = 'experiment'
    union all
    select
        definition.id,
        1 + later.phase_index::integer,
        (later.body ->> 'starts_at')::timestamptz,
        array(select jsonb_array_elements_text(later.body -> 'weights')::integer)
    from registry.in_force as definition
    cross join lateral jsonb_array_elements(definition.body -> 'phases')
    with ordinality as later (body, phase_index)
    where
        definition.kind = 'experiment'
        and jsonb_typeof(definition.body -> 'phases') = 'array'
)

select
    phases.experiment_id,
    phases.phase,
    phases.starts_at,
    coalesce(
        lead(phases.starts_at) over (
            partition by phases.experiment_id order by phases.phase
        ),
        least(experiments.enrols_until, experiments.ends_at)
    ) as ends_at,
    phases.weights
from phases
inner join registry.experiments as experiments
    on phases.experiment_id = experiments.experiment_id;

-- One row per change of an experiment's state, with when it is meant from.
create view registry.experiment_states as
select
    experiment_id,
    version,
    state,
    since
from (
    select
        id as experiment_id,
        version,
        coalesce(body ->> 'state', 'DELETED') as state,
        valid_from as since,
        lag(body ->> 'state') over (partition by id order by version) as state_before
    from registry.definitions
    where kind = 'experiment'
) as versions
where state is distinct from state_before;

-- One row per experiment and metric. A unit converts when predicate_sql holds for one of its
-- events.
create view registry.experiment_metrics as
select
    definition.id as experiment_id,
    metric.metric_index::integer as metric_index,
    metric.body ->> 'name' as metric_name,
    metric.body ->> 'role' as role,
    (metric.body ->> 'within_hours')::integer as within_hours,
    compiled.sql as predicate_sql,
    metric.body ->> 'better' as better,
    coalesce((metric.body ->> 'margin')::numeric, 0) as margin,
    case jsonb_typeof(definition.body -> 'family')
        when 'array' then definition.body -> 'family' ? (metric.body ->> 'name')
        else metric.body ->> 'role' = 'primary'
    end as is_in_family,
    coalesce(metric.body ->> 'type', 'proportion') as metric_type,
    metric.body ->> 'currency' as currency,
    (metric.body ->> 'quantile')::numeric as quantile,
    (metric.body ->> 'after_hours')::integer as after_hours,
    (metric.body ->> 'reversal_hours')::integer as reversal_hours,
    (metric.body #>> '{cap,value}')::numeric as cap_value,
    (metric.body #>> '{cap,quantile}')::numeric as cap_quantile,
    (metric.body #>> '{cap,frozen_on}')::date as cap_frozen_on,
    metric.body ->> 'covariate' is not null as is_adjusted,
    coalesce((definition.body ->> 'history_days')::integer, 14) as history_days,
    (metric.body ->> 'lookback_hours')::integer as lookback_hours,
    (definition.body ->> 'ends_at')::timestamptz as ends_at,
    metric.body ->> 'funnel' as funnel_id,
    metric.body ->> 'step' as funnel_step
from registry.in_force as definition
cross join lateral jsonb_array_elements(definition.body -> 'metrics')
with ordinality as metric (body, metric_index)
left join registry.compiled_in_force as compiled
    on
        compiled.kind = definition.kind
        and compiled.id = definition.id
        and compiled.part = metric.metric_index
where definition.kind = 'experiment';

-- One row per experiment and metric: how long after exposure a unit is not to be counted yet, and
-- before when no unit is.
create view registry.experiment_windows as
select
    experiment_id,
    metric_name,
    role,
    metric_type,
    quantile,
    within_hours is not null as has_window,
    make_interval(hours => coalesce(within_hours, 0) + coalesce(reversal_hours, 0)) as takes,
    case when lookback_hours is not null then ends_at end as closes_at
from registry.experiment_metrics;

-- One row per list of events of a metric: part is the metric's index, 100 more for what divides
-- it, 200 more for what reverses it. amount_sql is what an event adds, null for one that counts.
-- Lists that say the same are one goal.
create view registry.experiment_events as
select
    listed.*,
    md5(
        jsonb_build_array(
            listed.predicate_sql,
            listed.amount_sql,
            case when listed.amount_sql is not null then listed.currency end
        )::text
    ) as goal_id
from (
    select
        metrics.experiment_id,
        metrics.metric_name,
        events.part,
        events.sql as predicate_sql,
        case when events.part / 100 <> 1 then amounts.sql end as amount_sql,
        metrics.currency,
        (array['counts', 'divides', 'reverses'])[1 + events.part / 100] as what
    from registry.experiment_metrics as metrics
    inner join registry.compiled_in_force as events
        on
            events.kind = 'experiment'
            and metrics.experiment_id = events.id
            and metrics.metric_index = events.part % 100
            and events.part < 300
    left join registry.compiled_in_force as amounts
        on
            amounts.kind = 'experiment'
            and metrics.experiment_id = amounts.id
            and metrics.metric_index + 300 = amounts.part
) as listed;

-- One row per goal of any experiment: what an event is to all of their metrics at once.
create view registry.experiment_goals as
select distinct
    goal_id,
    predicate_sql,
    amount_sql,
    case when amount_sql is not null then currency end as currency
from registry.experiment_events;

create view registry.metrics as
select
    id as metric_id,
    version,
    body ->> 'title' as title,
    body ->> 'description' as description,
    body ->> 'unit' as unit,
    body ->> 'better' as better,
    body ->> 'unit' = 'rate' as is_rate
from registry.in_force
where kind = 'metric';

-- One row per purpose. Where consent is not required, another lawful basis is named.
create view registry.purposes as
select
    purpose.body ->> 'purpose' as purpose,
    purpose.body ->> 'basis' as basis,
    purpose.body ->> 'basis' = 'consent' as is_consent_required,
    (purpose.body ->> 'retroactive')::boolean as is_retroactive
from registry.in_force as definition
cross join lateral jsonb_array_elements(definition.body -> 'purposes') as purpose (body)
where definition.kind = 'consent';

create view registry.retention as
select
    class.body ->> 'data_class' as data_class,
    (class.body ->> 'days')::integer as days
from registry.in_force as definition
cross join lateral jsonb_array_elements(definition.body -> 'classes') as class (body)
where definition.kind = 'retention';

-- One row: how many days after its day a row may come without being too late.
create view registry.days_late_allowed as
select (body ->> 'days_late_allowed')::integer as days_late_allowed
from registry.in_force
where kind = 'defaults';

-- One row: of how many persons a number is at least, before it is nobody's own.
create view registry.small_number_k as
select coalesce(max((body ->> 'small_number_k')::integer), 10) as small_number_k
from registry.in_force
where kind = 'defaults';

-- One row: how many events of a device or an address are usual in how many minutes.
create view registry.request_rate as
select
    coalesce(max((body #>> '{request_rate,events}')::integer), 100) as event_count,
    coalesce(max((body #>> '{request_rate,minutes}')::integer), 15) as minutes
from registry.in_force
where kind = 'defaults';

-- One row: how engagement is counted.
create view registry.engagement as
select
    (body #>> '{heartbeat,slot_seconds}')::integer as heartbeat_seconds,
    (body #>> '{heartbeat,minimum_visit_seconds}')::integer as minimum_visit_seconds,
    (body #>> '{hover,duration_seconds}')::numeric as hover_duration_seconds,
    (body #>> '{hover,scroll_depth}')::numeric as hover_scroll_depth,
    (body #>> '{score,half_life_days}')::numeric as half_life_days
from registry.in_force
where kind = 'engagement';

-- One row: what the nodes of journeys are.
create view registry.journeys as
select
    (body ->> 'collapse_repeats')::boolean as collapse_repeats,
    array(select jsonb_array_elements_text(body -> 'events')) as event_names
from registry.in_force
where kind = 'journeys';

-- One row per rule by which a segment of a path gets another name, in the order in which
-- they are tried. A null condition holds for every segment.
create view registry.journey_rewrites as
select
    rule.rule_index,
    case rule.body ->> 'shape'
        when 'number' then '^[0-9]+$'
        when 'uuid' then '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
        when 'hexadecimal' then '^[0-9a-fA-F]{16,}$'
    end as pattern,
    rule.body ->> 'after' as after_segment,
    rule.body ->> 'placeholder' as placeholder
from registry.in_force as definition
cross join lateral jsonb_array_elements(definition.body -> 'rewrites') with ordinality
as rule (body, rule_index)
where definition.kind = 'journeys';

-- One row per activity that the engagement score weighs.
create view registry.engagement_weights as
select
    weights.activity,
    weights.weight::numeric as weight
from registry.in_force as definition
cross join lateral jsonb_each_text(definition.body #> '{score,weights}')
as weights (activity, weight)
where definition.kind = 'engagement';
