-- What BI reads: permanent views over permanent tables, which change by difference.
create schema published_data;
create schema published;

-- One row per attempt that changed rows that readers see, or that was held back: a version of
-- the data. Time that passes moves published.status alone.
create table ops.publications (
    publication_id bigint generated always as identity primary key,
    build_id bigint references ops.builds (build_id),
    state text not null check (state in ('published', 'held')),
    reason text,
    data_complete_through timestamptz,
    -- Rows removed and added by table.
    changes jsonb not null default '{}',
    published_at timestamptz not null default clock_timestamp()
);

-- Tables that readers know, with what their view was made of.
create table ops.published_tables (
    table_name text primary key,
    view_hash text not null,
    first_published_at timestamptz not null default clock_timestamp()
);

-- A change of a day after it was final, with what differed.
create table ops.restatements (
    restatement_id bigint generated always as identity primary key,
    publication_id bigint not null references ops.publications (publication_id),
    build_id bigint not null references ops.builds (build_id),
    table_name text not null,
    day date not null,
    -- Of the day; where a model follows single units, of those of the day that changed.
    before_row_count bigint not null,
    after_row_count bigint not null,
    before_digest text,
    after_digest text,
    added_count bigint not null,
    removed_count bigint not null,
    -- Rows by column whose value differs, among rows that both have.
    value_differences jsonb not null,
    reason text not null,
    restated_at timestamptz not null default clock_timestamp()
);

create index restatements_by_day on ops.restatements (table_name, day);

-- The one row from which every view computes how complete it is. Time passing changes
-- this row and no table.
create table published.status (
    is_only boolean primary key default true check (is_only),
    state text not null default 'empty' check (state in ('empty', 'current', 'held')),
    reason text,
    publication_id bigint,
    build_id bigint,
    data_complete_through timestamptz,
    -- By table, since a table is as complete as the least complete of its sources.
    watermarks jsonb not null default '{}',
    closed_through_on date,
    days_late_allowed integer not null default 3 check (days_late_allowed >= 0),
    timezone text not null default 'UTC',
    published_at timestamptz,
    checked_at timestamptz
);

insert into published.status default values;

comment on table published.status is
'One row: how complete the published tables are, and why they were held back if they were.';

-- Distinct persons active in any range of days, both ends included: counted, never added up.
-- Its body is read when it is asked, since the table is published later.
create function published.active_persons(from_on date, to_on date)
returns table (
    person_count bigint, identified_count bigint, is_mature boolean, is_final boolean
)
language plpgsql stable as $$
begin
    return query
    select
        count(distinct person_days.person_id),
        count(distinct person_days.person_id) filter (where not person_days.is_anonymous),
        coalesce(
            max(status.through)
            >= (to_on + 1)::timestamp at time zone max(status.timezone),
            false
        ),
        coalesce(
            max(status.through) >= (to_on + 1 + max(status.days_late_allowed))::timestamp
            at time zone max(status.timezone),
            false
        )
    from (
        select
            (found.watermarks ->> 'person_days')::timestamptz as through,
            found.timezone,
            found.days_late_allowed
        from published.status as found
    ) as status
    left join published.person_days as person_days
        on person_days.is_active and person_days.day between from_on and to_on;
end
$$;

comment on function published.active_persons (date, date) is
'Distinct persons active in a range of days, both ends included, with and without anonymous ones.';

-- Runs of nodes by the share of the sessions of a range that hold them, the most frequent
-- first; a session has one day, so that days add up.
create function published.frequent_sequences(
    from_on date, to_on date, minimum_support numeric default 0.01
)
returns table (
    nodes text [],
    session_count bigint,
    occurrence_count bigint,
    support numeric,
    is_mature boolean
)
language plpgsql stable as $$
begin
    return query
    with sessions as (
        select
            count(*) as total,
            (
                select
                    (status.watermarks ->> 'session_sequences_daily')::timestamptz
                    >= (to_on + 1)::timestamp at time zone status.timezone
                from published.status as status
            ) as is_over
        from published.session_paths as paths
        where paths.started_on between from_on and to_on
    ),

    sequences as (
        select
            daily.nodes,
            sum(daily.session_count)::bigint as session_count,
            sum(daily.occurrence_count)::bigint as occurrence_count
        from published.session_sequences_daily as daily
        where daily.day between from_on and to_on
        group by daily.nodes
    )

    select
        sequences.nodes,
        sequences.session_count,
        sequences.occurrence_count,
        sequences.session_count::numeric / sessions.total,
        coalesce(sessions.is_over, false)
    from sequences
    cross join sessions
    where sequences.session_count >= minimum_support * sessions.total
    order by sequences.session_count desc, sequences.nodes;
end
$$;

comment on function published.frequent_sequences (date, date, numeric) is
'Runs of three to five nodes in sessions of a range of days, by the share that holds them.';
