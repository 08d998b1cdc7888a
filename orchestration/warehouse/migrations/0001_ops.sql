-- ops: what was loaded, what that touched, who builds, what was built.
create schema ops;

-- The first instant of a day. Where clocks go back to midnight it comes twice and Postgres means
-- the second, so the microsecond before it decides; where they go forward to midnight that
-- microsecond never was. Made of immutable parts only, so that conditions are constants.
create function ops.day_start(day date, zone text) returns timestamptz
language sql immutable parallel safe as $$
    select least(
        day::timestamp at time zone zone,
        (
            (day::timestamp - interval '1 microsecond') at time zone zone at time zone 'UTC'
            + interval '1 microsecond'
        ) at time zone 'UTC'
    )
$$;

-- One row per load: a file, a replay, a release, a replacement, a purge, an erasure, an extract.
-- The counts are those at load time and are never edited.
create table ops.loads (
    load_id bigint generated always as identity primary key,
    kind text not null check (
        kind in (
            'file', 'replay', 'release', 'replacement',
            'purge', 'erasure', 'extract', 'touch'
        )
    ),
    source text not null,
    file_name text,
    sha256 bytea,
    size_bytes bigint,
    format text,
    contract_version integer,
    registry_version bigint,
    started_at timestamptz not null,
    loaded_at timestamptz not null default clock_timestamp(),
    record_count bigint not null default 0,
    blank_count bigint not null default 0,
    accepted_count bigint not null default 0,
    accepted_with_violation_count bigint not null default 0,
    duplicate_count bigint not null default 0,
    conflict_count bigint not null default 0,
    quarantined_count bigint not null default 0,
    not_consented_count bigint not null default 0,
    waiting_for_consent_count bigint not null default 0,
    suppressed_count bigint not null default 0,
    released_count bigint not null default 0,
    replaced_count bigint not null default 0,
    removed_count bigint not null default 0,
    reason text,
    -- Conservation: every record of a file has exactly one outcome.
    constraint loads_conserve_records check (
        kind <> 'file'
        or record_count = accepted_count + duplicate_count + conflict_count
        + quarantined_count + not_consented_count
        + waiting_for_consent_count + suppressed_count
    )
);

-- The content decides: one file load per (source, sha256), for ever.
create unique index loads_one_per_content
on ops.loads (source, sha256) where kind = 'file';

-- Every (name, size, time) ever seen, so that a known file is skipped unread.
create table ops.files (
    source text not null,
    uri text not null,
    size_bytes bigint not null,
    modified_at timestamptz not null,
    etag text not null default '',
    sha256 bytea,
    load_id bigint references ops.loads (load_id),
    status text not null check (status in ('loaded', 'alias', 'refused')),
    reason text,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (source, uri, size_bytes, modified_at, etag)
);

create index files_by_content on ops.files (source, sha256);

-- What each load changed; a build claims these rows and settles them when it succeeds.
create table ops.touched_days (
    touched_id bigint generated always as identity primary key,
    load_id bigint not null references ops.loads (load_id),
    occurred_on date not null,
    event_name text not null,
    row_count bigint not null,
    -- Rows the day gained or lost: these add up to the rows of its partition.
    row_change bigint not null default 0,
    settled_by bigint
);

create index touched_days_by_day on ops.touched_days (occurred_on);

-- The day that retention froze is asked for with every published table.
create index touched_days_frozen on ops.touched_days (occurred_on) where settled_by = 0;

create index touched_days_unsettled
on ops.touched_days (touched_id) where settled_by is null;

-- Settled rows are deleted: who was touched is personal, and no use once it was built.
-- A removed or replaced row touches its device like a new one. Loads are never deleted: to
-- check for each device that its load is there cost a tenth of what the server does for a load.
create table ops.touched_devices (
    touched_id bigint generated always as identity primary key,
    load_id bigint not null,
    device_id text not null,
    first_at timestamptz not null,
    last_at timestamptz not null
);

-- How far each source is complete; only builds and the load scan move it, never backwards.
create table ops.watermarks (
    source text primary key,
    data_complete_through timestamptz not null,
    rule text not null check (rule in ('calendar', 'marker', 'arrival')),
    updated_at timestamptz not null default clock_timestamp()
);

create table ops.builds (
    build_id bigint generated always as identity primary key,
    run_id text not null,
    is_full_selection boolean not null,
    registry_version bigint,
    -- Models built from nothing, because they are new or their definition changed.
    refreshed_models text[] not null default '{}',
    state text not null default 'running' check (
        state in ('running', 'succeeded', 'failed', 'superseded')
    ),
    reason text,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);

-- The one build that may write. A takeover updates this row and so waits for the model in flight.
create table ops.current_build (
    is_only boolean primary key default true check (is_only),
    build_id bigint not null references ops.builds (build_id)
);

-- How complete each source was when the build began: what it built cannot be more complete.
create table ops.build_watermarks (
    build_id bigint not null references ops.builds (build_id),
    source text not null,
    data_complete_through timestamptz not null,
    primary key (build_id, source)
);

-- Claims of the running build, row by row. No foreign keys: millions of rows in a first build.
create table ops.claimed_days (
    build_id bigint not null,
    touched_id bigint not null,
    primary key (build_id, touched_id)
);

create table ops.claimed_devices (
    build_id bigint not null,
    touched_id bigint not null,
    primary key (build_id, touched_id)
);

-- The whole chains of the claimed devices, both ends inclusive: from the first interactive
-- event of a chain to 30 minutes after its last, on old and new rows together. A session or
-- identity row that starts inside is replaced; every row it needs lies inside.
create table ops.build_extents (
    build_id bigint not null,
    device_id text not null,
    from_at timestamptz not null,
    to_at timestamptz not null,
    primary key (build_id, device_id, from_at)
);

-- Days a model really changed in a build; children rebuild the union of their parents' changes.
-- 'raw.events' and 'raw.app' hold the days that loads touched, 'raw.app_bookings' and the like
-- those of one table of the app, 'identity.device_owners' the
-- days of anonymous events whose owner changed. '*' stands for every model: a day touched by hand. A build inherits the rows of the unsettled builds before it.
create table ops.changed (
    build_id bigint not null,
    model text not null,
    day date not null,
    primary key (build_id, model, day)
);

-- Keys of sessions that a build replaced, and the session that has their events now: a late
-- row merged two, moved a start, or moved the cut of a long chain; a removed row split one or
-- shortened it. Rows whose session is gone without another go with it.
create table ops.session_changes (
    build_id bigint not null,
    old_session_id text not null,
    new_session_id text not null,
    reason text not null check (
        reason in ('merged', 'split', 'extended earlier', 'shortened')
    ),
    old_started_at timestamptz not null,
    new_started_at timestamptz not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (old_session_id, new_session_id, build_id)
);

create index session_changes_by_new on ops.session_changes (new_session_id);

-- Persons whose rows a model really changed in a build, where its children follow single ones.
-- Inherited like ops.changed, and kept until their build is published.
create table ops.changed_units (
    build_id bigint not null,
    model text not null,
    unit_key text not null,
    primary key (build_id, model, unit_key)
);

create table ops.models (
    model text primary key,
    -- Of the model alone, and of the model with everything above it.
    own_hash text not null,
    definition_hash text not null,
    build_id bigint not null references ops.builds (build_id),
    built_at timestamptz not null default clock_timestamp()
);

-- Raises when the build was superseded; FOR SHARE makes a takeover wait for the caller's commit.
-- Names the session after the build, so that a takeover finds and ends what is left of it.
create function ops.require_build(wanted bigint) returns void
language plpgsql as $$
declare
    current bigint;
begin
    perform set_config('application_name', 'daybook build ' || wanted, false);
    select build_id into current from ops.current_build for share;
    if current is distinct from wanted then
        raise exception 'build % was superseded by build %', wanted, current
            using errcode = 'DB001';
    end if;
end
$$;

-- What each stage did and when: the heartbeat that health reads without Dagster.
create table ops.stages (
    stage_id bigint generated always as identity primary key,
    stage text not null,
    build_id bigint references ops.builds (build_id),
    run_id text,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    state text not null default 'running' check (state in ('running', 'succeeded', 'failed', 'skipped')),
    row_count bigint,
    detail jsonb
);

-- One row per incident; the unique open key makes an alert go out once.
create table ops.alerts (
    alert_id bigint generated always as identity primary key,
    incident_key text not null,
    severity text not null check (severity in ('info', 'warning', 'critical')),
    message text not null,
    opened_at timestamptz not null default clock_timestamp(),
    delivered_at timestamptz,
    resolved_at timestamptz
);

create unique index alerts_one_open_per_incident
on ops.alerts (incident_key) where resolved_at is null;
