-- raw: what was accepted, exactly once, and what was set aside. The truth of the warehouse.
create schema raw;

create table raw.events (
    event_key bigint not null,
    source text not null,
    event_id text not null,
    event_name text not null,
    occurred_on date not null,
    occurred_at timestamptz not null,
    received_at timestamptz,
    sent_at timestamptz,
    load_id bigint not null,
    source_sequence bigint,
    device_id text,
    user_id text,
    client_session_id text,
    page_url text,
    page_path text,
    referrer text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text,
    occasion_id text,
    listing_id text,
    provider_id text,
    booking_id text,
    order_id text,
    value_minor bigint,
    currency text,
    duration_ms bigint,
    status_code integer,
    platform text,
    device_class text,
    browser_family text,
    browser_major text,
    ip_truncated text,
    region text,
    locale text,
    app_version text,
    is_interactive boolean not null,
    is_bot boolean not null,
    is_internal boolean not null,
    is_test boolean not null,
    has_violation boolean not null,
    is_clock_future boolean not null,
    lateness text not null check (lateness in ('on_time', 'late', 'too_late')),
    purposes text[] not null,
    payload_hash bigint not null,
    contract_version integer not null,
    rule_version integer not null,
    properties jsonb not null
) partition by range (occurred_on);

-- Identity of a row is global, across partitions; keys outlive rows.
-- `probe` is 0 unless two different ids share the 64 bits; `id_hash`, 64 further bits of the
-- same hash, tells them apart even when the row itself was purged.
create table raw.event_keys (
    key bigint not null,
    probe smallint not null default 0,
    id_hash bigint not null,
    occurred_on date not null,
    received_at timestamptz,
    payload_hash bigint not null,
    sent_at timestamptz,
    primary key (key, probe)
);

-- Everything that was read and not accepted, with the reason. Raw bytes, since bad UTF-8 must survive.
create table raw.set_aside (
    set_aside_id bigint generated always as identity primary key,
    load_id bigint not null references ops.loads (load_id),
    source text not null,
    outcome text not null check (
        outcome in ('conflict', 'quarantined', 'waiting_for_consent', 'held')
    ),
    reason text not null,
    pointer text not null default '',
    expected text,
    contract_version integer,
    event_name text,
    event_id text,
    event_key bigint,
    payload_hash bigint,
    line_number bigint,
    byte_offset bigint,
    record bytea,
    status text not null default 'open' check (
        status in ('open', 'released', 'discarded', 'erased')
    ),
    released_by bigint references ops.loads (load_id),
    set_aside_at timestamptz not null default clock_timestamp()
);

create index set_aside_open on raw.set_aside (source, reason) where status = 'open';
create index set_aside_by_load on raw.set_aside (load_id);

-- One row per payload that lost, however often and in whatever order its copies arrive.
create unique index set_aside_one_per_conflict
on raw.set_aside (event_key, payload_hash) where outcome = 'conflict';

-- What the ledger says raw.events holds beside what it holds; the null source is the total.
create function ops.conservation()
returns table (
    source text, expected_count bigint, row_count bigint, difference bigint
)
language sql stable as $$
    with ledger as (
        select
            loads.source,
            sum(
                loads.accepted_count + loads.released_count
                - loads.replaced_count - loads.removed_count
            )::bigint as expected_count
        from ops.loads as loads
        where loads.kind <> 'extract'
        group by loads.source
    ),

    stored as (
        select events.source, count(*) as row_count
        from raw.events as events
        group by events.source
    ),

    sources as (
        select
            source,
            coalesce(ledger.expected_count, 0) as expected_count,
            coalesce(stored.row_count, 0) as row_count
        from ledger full join stored using (source)
    )

    select
        sources.source,
        coalesce(sum(sources.expected_count), 0)::bigint,
        coalesce(sum(sources.row_count), 0)::bigint,
        coalesce(sum(sources.row_count - sources.expected_count), 0)::bigint
    from sources
    group by grouping sets ((sources.source), ())
$$;

-- The same law by day: what loads recorded as changed adds up to the rows of the partition.
create function ops.conservation_by_day()
returns table (
    occurred_on date, expected_count bigint, row_count bigint, difference bigint
)
language sql stable as $$
    with recorded as (
        select touched.occurred_on, sum(touched.row_change)::bigint as expected_count
        from ops.touched_days as touched
        group by touched.occurred_on
    ),

    stored as (
        select events.occurred_on, count(*) as row_count
        from raw.events as events
        group by events.occurred_on
    )

    select
        occurred_on,
        coalesce(recorded.expected_count, 0),
        coalesce(stored.row_count, 0),
        coalesce(stored.row_count, 0) - coalesce(recorded.expected_count, 0)
    from recorded full join stored using (occurred_on)
$$;
