-- One row per day, group of errors and release: how often, in how many sessions and to how many
-- persons it happened.
select
    met.day,
    met.fingerprint,
    met.release,
    min(met.error_type) as error_type,
    sum(met.error_count)::bigint as error_count,
    sum(met.session_count)::bigint as session_count,
    count(*) as person_count,
    min(met.first_at) as first_at,
    max(met.last_at) as last_at
from published_data.errors_met as met
group by met.day, met.fingerprint, met.release
