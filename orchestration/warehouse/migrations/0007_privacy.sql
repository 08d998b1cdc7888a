-- privacy: who asked to be forgotten, what was done, and what must not come back.
create schema privacy;

-- One row per request. The person is a keyed hash; its key never rotates.
create table privacy.erasures (
    erasure_id bigint generated always as identity primary key,
    subject_hash bytea not null,
    reason text not null,
    state text not null default 'requested' check (
        state in ('requested', 'running', 'done', 'failed')
    ),
    -- The steps that are done; a killed erasure goes on after them.
    done_steps text[] not null default '{}',
    failure text,
    requested_at timestamptz not null default clock_timestamp(),
    -- GDPR Art. 12(3).
    due_at timestamptz not null default clock_timestamp() + interval '1 month',
    finished_at timestamptz
);

create unique index erasures_one_open_per_subject
on privacy.erasures (subject_hash) where state <> 'done';

-- What the person is called, while the erasure runs; gone when it is done. A shared device
-- is the person's only in some intervals; nulls mean always.
create table privacy.identifiers (
    erasure_id bigint not null references privacy.erasures (erasure_id),
    kind text not null check (
        kind in ('user', 'pseudonym', 'device', 'interval', 'session')
    ),
    value text not null,
    valid_from timestamptz,
    valid_to timestamptz
);

-- The planner must not remember names after the rows are gone.
alter table privacy.identifiers alter column value set statistics 0;

create index identifiers_by_erasure on privacy.identifiers (erasure_id, kind);

-- Keyed hashes of what loads and extracts must refuse. A user's rows of money stay under
-- `replacement_id`, random and of its own.
create table privacy.suppressions (
    kind text not null check (kind in ('user', 'device')),
    identifier_hash bytea not null,
    erasure_id bigint not null references privacy.erasures (erasure_id),
    replacement_id text,
    -- Why marts left the account out, so that its money does not come back with the erasure.
    exclusion text check (exclusion in ('internal', 'test')),
    suppressed_at timestamptz not null default clock_timestamp(),
    primary key (kind, identifier_hash)
);

-- Hits by place: how many rows or files named the person before, what was done, and what
-- the closing search found.
create table privacy.visits (
    erasure_id bigint not null references privacy.erasures (erasure_id),
    place text not null,
    before_count bigint not null default 0,
    removed_count bigint not null default 0,
    changed_count bigint not null default 0,
    primary key (erasure_id, place)
);

-- The proof, chained: each hash covers the body and the hash before it.
create table privacy.receipts (
    receipt_id bigint generated always as identity primary key,
    erasure_id bigint not null unique references privacy.erasures (erasure_id),
    body jsonb not null,
    previous_hash bytea not null,
    hash bytea not null,
    issued_at timestamptz not null default clock_timestamp()
);

create function privacy.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception 'receipts are append-only: % refused', tg_op;
end
$$;

create trigger receipts_are_append_only
before update or delete or truncate on privacy.receipts
for each statement execute function privacy.refuse_change();
