-- One row per group of errors: what its errors have in common, since when, how often and to how
-- many persons. A session that met it on two days counts on both. The message is told only where
-- enough persons met it to be nobody's own.
select
    met.fingerprint,
    min(met.error_type) as error_type,
    case
        when
            count(distinct met.person_id)
            >= (select least.small_number_k from registry.small_number_k as least)
            then min(met.message)
    end as message,
    min(met.frames) as frames,
    sum(met.error_count)::bigint as error_count,
    sum(met.session_count)::bigint as session_count,
    count(distinct met.person_id) as person_count,
    count(distinct met.day) as day_count,
    min(met.first_at) as first_at,
    max(met.last_at) as last_at,
    array_agg(distinct met.release order by met.release) filter (where met.release <> '')
        as releases
from published_data.errors_met as met
group by met.fingerprint
