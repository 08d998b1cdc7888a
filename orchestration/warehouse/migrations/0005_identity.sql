-- identity: who is who on which device, from the evidence in raw.
create schema identity;

-- One row per run of one user on a device within one session (SEMANTICS 2.2), or, outside
-- sessions, per identified event. Replaced over the extents of a build.
create table identity.evidence (
    device_id text not null,
    session_started_at timestamptz not null,
    -- Order of the runs within a session, for those that begin at one instant.
    run_number integer not null,
    user_id text not null,
    first_at timestamptz not null,
    last_at timestamptz not null
);

create index evidence_by_device on identity.evidence (device_id, first_at);

-- Who owns the anonymous events of a device at an instant: at most one row holds it, and none
-- means that the device is a person of its own. Half open: valid_from <= t < valid_to.
create table identity.device_owners (
    device_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    user_id text not null,
    primary key (device_id, valid_from),
    check (valid_from < valid_to)
);

-- The days on which a device has anonymous events: what a change of owner makes stale.
create table identity.anonymous_days (
    occurred_on date not null,
    device_id text not null,
    primary key (occurred_on, device_id)
);

create index anonymous_days_by_device on identity.anonymous_days (device_id, occurred_on);
