"""First-ever facts that outlive their events: no purge makes an old customer new."""

from collections.abc import Sequence
from datetime import date

import psycopg


def keep_firsts(connection: psycopg.Connection, *, days: Sequence[date]) -> int:
    """Keep what units first did on days that raw is about to lose; return how many.

    Persons are kept by login or device, since they may be merged later, and facts with
    the hash of the predicate that told them: a definition that changes asks raw anew.
    """
    made = connection.execute("select to_regclass('marts.person_firsts')").fetchone()
    if made == (None,) or not days:
        return 0
    return connection.execute(_KEEP, {"days": list(days)}).rowcount


_KEEP = """
    insert into identity.kept_firsts (
        kind, id, part, predicate_hash, unit_id, user_id, device_id,
        first_on, first_at, breakdown
    )
    select
        firsts.kind,
        firsts.id,
        firsts.part,
        coalesce(behaviours.hash, ''),
        case
            when coalesce(firsts.user_id, firsts.device_id) is null then firsts.unit_id
        end,
        firsts.user_id,
        firsts.device_id,
        firsts.first_on,
        firsts.first_at,
        firsts.breakdown
    from marts.person_firsts as firsts
    left join registry.behaviours as behaviours using (kind, id, part)
    where
        firsts.first_on = any(%(days)s)
        and (firsts.kind = 'activity' or behaviours.hash is not null)
    on conflict (kind, id, part, predicate_hash, unit_id, user_id, device_id)
    do update set
        first_on = excluded.first_on,
        first_at = excluded.first_at,
        breakdown = excluded.breakdown
    where excluded.first_at < kept_firsts.first_at
"""
