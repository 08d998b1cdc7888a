-- reports: what was rendered, from which version of the data, and where it lies.
create schema reports;

create table reports.executions (
    execution_id bigint generated always as identity primary key,
    report text not null,
    period_from date not null,
    period_to date not null,
    parameters jsonb not null default '{}',
    -- The publication the numbers came from: the same key gives the same bytes.
    data_version bigint not null,
    state text not null check (
        state in ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')
    ),
    reason text,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);

create unique index executions_one_completed_per_key
on reports.executions (report, period_from, period_to, parameters, data_version)
where state = 'COMPLETED';

create table reports.artefacts (
    execution_id bigint not null references reports.executions (execution_id),
    format text not null check (format in ('html', 'csv')),
    file_name text not null,
    sha256 bytea not null,
    size_bytes bigint not null,
    row_count bigint not null,
    primary key (execution_id, format)
);
