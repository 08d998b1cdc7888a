-- Runs of the orchestrator: noted here, so that health reads no Dagster and a purge loses no count.
create table ops.runs (
    run_id text primary key,
    job text not null,
    state text not null check (
        state in ('waiting', 'running', 'succeeded', 'failed', 'canceled')
    ),
    launched_by text not null,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz
);

create index runs_by_job on ops.runs (job, created_at);

-- One row per job: what its runs of the last 30 days came to.
create view ops.run_statistics as
select
    job,
    count(*) filter (where state = 'waiting') as waiting_count,
    count(*) filter (where state = 'running') as running_count,
    count(*) filter (where state = 'succeeded') as succeeded_count,
    count(*) filter (where state = 'failed') as failed_count,
    count(*) filter (where state = 'canceled') as canceled_count,
    percentile_cont(0.5) within group (
        order by extract(epoch from finished_at - started_at)
    ) filter (where state = 'succeeded') as median_seconds,
    percentile_cont(0.95) within group (
        order by extract(epoch from finished_at - started_at)
    ) filter (where state = 'succeeded') as p95_seconds,
    max(finished_at) filter (where state = 'succeeded') as last_succeeded_at,
    max(finished_at) filter (where state = 'failed') as last_failed_at
from ops.runs
where created_at > now() - interval '30 days'
group by job;

-- What a check said of a build: only a build whose blocking checks all held is published.
create table ops.build_checks (
    build_id bigint not null references ops.builds (build_id),
    check_name text not null,
    passed boolean not null,
    checked_at timestamptz not null default clock_timestamp(),
    primary key (build_id, check_name)
);

-- Times in which schedules and sensors start nothing, and why; one at most is open.
create table ops.pauses (
    pause_id bigint generated always as identity primary key,
    reason text not null check (reason <> ''),
    paused_at timestamptz not null default clock_timestamp(),
    resumed_at timestamptz
);

create unique index pauses_one_open on ops.pauses ((resumed_at is null)) where resumed_at is null;
