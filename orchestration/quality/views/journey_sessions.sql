-- One row per session that is somebody's: whose it is, how it went, and its nodes in order. A
-- session is that of its first user, or of who owned the device when it began. The distinct
-- persons of a transition over any days are counted here.
with named as (
    select
        paths.*,
        coalesce(aliases.person_key, 'user ' || paths.user_id) as named_key,
        identity.person_id(coalesce(aliases.person_key, 'user ' || paths.user_id))
            as named_person_id
    from published_data.session_paths as paths
    left join identity.persons as aliases
        on
            aliases.identifier_type = 'user'
            and not aliases.is_canonical
            and paths.user_id = aliases.identifier
),

-- A user id that identifies nobody has no days.
known as (
    select
        *,
        exists (
            select from published_data.person_days as persons
            where
                persons.day = any(array[started_on, started_on + 1, started_on + 2])
                and persons.person_id = named_person_id
        ) as is_named
    from named
)

select
    case
        when known.is_named then known.named_person_id
        else identity.person_id(
            coalesce(owners.person_key, 'device ' || known.device_id)
        )
    end as person_id,
    case
        when not known.is_named then owners.user_id
        when starts_with(known.named_key, 'user ') then substr(known.named_key, 6)
    end as user_id,
    known.device_id,
    known.session_id,
    known.started_on,
    known.started_at,
    sessions.ended_at,
    sessions.duration_seconds,
    sessions.view_count,
    sessions.is_engaged,
    sessions.is_single_page_bounce,
    known.nodes,
    (status.watermarks ->> 'session_paths')::timestamptz as data_complete_through
from known
inner join published_data.sessions as sessions
    on
        known.device_id = sessions.device_id
        and known.started_at = sessions.started_at
left join identity.device_owners as owners
    on
        not known.is_named
        and known.device_id = owners.device_id
        and known.started_at >= owners.valid_from
        and known.started_at < owners.valid_to
cross join published.status as status
where
    not exists (
        select from identity.excluded_accounts as accounts
        where owners.user_id = accounts.user_id
    )
