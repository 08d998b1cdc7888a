-- One row per day and way of logging in, and one for all ways: attempts, failures and their rate.
select
    logins.day,
    coalesce(logins.method, '(all)') as method,
    sum(logins.attempt_count)::bigint as attempt_count,
    coalesce(
        sum(logins.attempt_count) filter (where logins.outcome = 'failure'), 0
    )::bigint as failure_count,
    round(
        coalesce(sum(logins.attempt_count) filter (where logins.outcome = 'failure'), 0)
        / sum(logins.attempt_count),
        8
    ) as failure_rate
from published_data.logins_daily as logins
group by grouping sets ((logins.day, logins.method), (logins.day))
