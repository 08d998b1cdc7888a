-- identity: who is who, from the evidence in raw. An identifier has a type (user, external, email,
-- phone; device is one of its own kind) and a text; a key of a person is both, with a space.
create schema identity;

-- What the rules in force make of the definitions: the version that outputs carry, and a
-- condition over a user id `{identifier}` that holds for one that identifies nobody.
create table identity.rules (
    is_only boolean primary key default true check (is_only),
    rule_version text not null,
    experiment_mapping text not null,
    user_is_blocked text not null
);

-- One row per run of one identifier on a device within one session (SEMANTICS 2.2), or, outside
-- sessions, per identified event. Replaced over the extents of a build.
create table identity.evidence (
    device_id text not null,
    session_started_at timestamptz not null,
    -- Order of the runs within a session, for those that begin at one instant.
    run_number integer not null,
    identifier_type text not null,
    identifier text not null,
    sources text[] not null,
    first_at timestamptz not null,
    last_at timestamptz not null
);

create index evidence_by_device on identity.evidence (device_id, first_at);
create index evidence_by_identifier on identity.evidence (identifier_type, identifier);

-- Two identifiers of persons seen together, once per day and kind of evidence: `app.persons`
-- on the day of registration, else the name of the event. Kept when the day's events are purged.
create table identity.sightings (
    occurred_on date not null,
    source text not null,
    first_type text not null,
    first_identifier text not null,
    second_type text not null,
    second_identifier text not null,
    -- Hashes of type and identifier: identifiers are too long for the key of an index.
    first_key text not null,
    second_key text not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (first_key, second_key, occurred_on, source)
);

create index sightings_by_day on identity.sightings (occurred_on);

-- One row per pair of identifiers seen together, with the strongest and the earliest of its
-- evidence; `refusal` says why it does not make one person of the two.
create table identity.edges (
    first_key text not null,
    second_key text not null,
    first_type text not null,
    first_identifier text not null,
    second_type text not null,
    second_identifier text not null,
    priority integer not null,
    sources text[] not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    refusal text,
    primary key (first_key, second_key)
);

create index edges_by_second on identity.edges (second_key, first_key);
create index edges_refused on identity.edges (refusal) where refusal is not null;

-- Identifiers seen together with more others than a person's can be: they identify nobody.
create table identity.hubs (key text primary key);

-- One row per identifier that has an edge, with the key of its person. Any other identifier is
-- a person of its own.
create table identity.persons (
    key text primary key,
    identifier_type text not null,
    identifier text not null,
    person_key text not null,
    is_canonical boolean not null generated always as (
        person_key = identifier_type || ' ' || identifier
    ) stored
);

create index persons_by_identifier on identity.persons (identifier_type, identifier);
create index persons_by_person on identity.persons (person_key);
create index persons_canonical on identity.persons (key) where is_canonical;
-- Users whose person another user names, which the default limit of one user excludes.
create index persons_aliases on identity.persons (identifier)
where identifier_type = 'user' and not is_canonical;

-- Who owns the anonymous events of a device at an instant: at most one row holds it, and none
-- means that the device is a person of its own. Half open: valid_from <= t < valid_to.
create table identity.device_owners (
    device_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    person_key text not null,
    -- The user who names the person; null for one known by an address or a number only.
    user_id text generated always as (
        case when starts_with(person_key, 'user ') then substr(person_key, 6) end
    ) stored,
    primary key (device_id, valid_from),
    check (valid_from < valid_to)
);

create index device_owners_by_person on identity.device_owners (person_key);

-- The days on which a device has anonymous events: what a change of owner makes stale.
create table identity.anonymous_days (
    occurred_on date not null,
    device_id text not null,
    primary key (occurred_on, device_id)
);

create index anonymous_days_by_device on identity.anonymous_days (device_id, occurred_on);

-- What a person is called: the hash of the key's type and identifier, as the models' person_id.
create function identity.person_id(person_key text) returns text
language sql immutable strict as $$
    select left(
        encode(
            sha256(
                convert_to(
                    jsonb_build_array(
                        split_part(person_key, ' ', 1),
                        substr(person_key, strpos(person_key, ' ') + 1)
                    )::text,
                    'UTF8'
                )
            ),
            'hex'
        ),
        32
    )
$$;

-- Which person an identifier stands for, and when: one row per identifier and interval. Users
-- without an edge are persons of their own, as are devices while nobody owns them.
create view identity.identity_map as
with people as (
    select identifier_type, identifier, person_key
    from identity.persons
    union
    select
        evidence.identifier_type,
        evidence.identifier,
        coalesce(
            persons.person_key, evidence.identifier_type || ' ' || evidence.identifier
        )
    from identity.evidence as evidence
    left join identity.persons as persons using (identifier_type, identifier)
),

owned as (
    select
        device_id,
        range_agg(tstzrange(valid_from, valid_to, '[)')) as held
    from identity.device_owners
    group by device_id
),

devices as (
    select
        device_id,
        person_key,
        valid_from,
        valid_to
    from identity.device_owners
    union all
    select
        device_id,
        'device ' || device_id,
        lower(free.held),
        upper(free.held)
    from (
        select device_id from identity.anonymous_days
        union
        select device_id from identity.device_owners
    ) as known
    left join owned using (device_id)
    cross join lateral unnest(
        '{[-infinity,infinity)}'::tstzmultirange - coalesce(owned.held, '{}')
    ) as free (held)
),

mapped as (
    select
        identifier_type,
        identifier,
        person_key,
        '-infinity'::timestamptz as valid_from,
        'infinity'::timestamptz as valid_to
    from people
    union all
    select 'device', device_id, person_key, valid_from, valid_to
    from devices
)

select
    mapped.identifier_type,
    mapped.identifier,
    identity.person_id(mapped.person_key) as person_id,
    mapped.valid_from,
    mapped.valid_to,
    rules.rule_version
from mapped
cross join identity.rules as rules;

-- Every change of what an identified person is called: merged when several became one, split
-- when one became several, renamed otherwise. A log: rebuilding identity does not repeat it.
create table identity.person_id_changes (
    build_id bigint not null,
    before_person_id text not null,
    after_person_id text not null,
    kind text not null check (kind in ('merged', 'split', 'renamed')),
    identifier_count bigint not null,
    primary key (build_id, before_person_id, after_person_id)
);

-- One row per identity run: what it found, and what it changed.
create table identity.runs (
    build_id bigint primary key,
    rule_version text not null,
    is_full boolean not null,
    edge_count bigint not null,
    resolved_count bigint not null,
    person_count bigint not null,
    merge_count bigint not null,
    split_count bigint not null,
    rename_count bigint not null,
    device_count bigint not null,
    stale_day_count bigint not null,
    refusals jsonb not null,
    -- Rows that readers saw change for it; null until it was published.
    published_row_count bigint
);

-- Accounts that the app flags as own people or tests: marts leave out what they do. Brought up
-- to raw at the start of every build, which touches the days of those that changed.
create table identity.excluded_accounts (
    user_id text primary key,
    exclusion text not null check (exclusion in ('internal', 'test'))
);

-- When units first did what definitions ask for, of days whose events a purge took from raw: it
-- makes no old customer a new one. Persons by login or device, since they may be merged later;
-- units that events name by their own id. Of a definition that was changed since, none counts.
create table identity.kept_firsts (
    kind text not null,
    id text not null,
    part integer not null,
    predicate_hash text not null,
    unit_id text,
    user_id text,
    device_id text,
    first_on date not null,
    first_at timestamptz not null,
    breakdown text,
    unique nulls not distinct (kind, id, part, predicate_hash, unit_id, user_id, device_id)
);
