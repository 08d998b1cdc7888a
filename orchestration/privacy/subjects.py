"""Subjects: under which names one person's rows are kept, from the evidence we have.

A name that somebody else goes by too, such as the number of a household, stays theirs.
Anonymous events belong to the person only while the device was theirs, by the rule of
`identity.device_owners`; what others did on a shared device is not the person's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from orchestration.privacy.needles import Needles


class Interval(NamedTuple):
    """When a device was the person's; None is without end."""

    device_id: str
    valid_from: datetime | None
    valid_to: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies inside."""
        return (self.valid_from is None or at >= self.valid_from) and (
            self.valid_to is None or at < self.valid_to
        )


@dataclass(frozen=True)
class Subject:
    """The names of one person.

    Attributes
    ----------
    replacement_id : str
        The random id that rows of money keep.
    pseudonyms : tuple of str
        Hashes of contact details and of the user id, and ids elsewhere.
    device_ids : tuple of str
        Devices on which nobody else did anything.
    intervals : tuple of Interval
        When devices were the person's, shared ones included.
    """

    erasure_id: int
    user_id: str = field(repr=False)
    replacement_id: str
    pseudonyms: tuple[str, ...] = field(default=(), repr=False)
    device_ids: tuple[str, ...] = field(default=(), repr=False)
    intervals: tuple[Interval, ...] = field(default=(), repr=False)
    session_ids: tuple[str, ...] = field(default=(), repr=False)

    @cached_property
    def needles(self) -> Needles:
        """What must not be found anywhere any more."""
        return Needles(
            [self.user_id, *self.pseudonyms, *self.device_ids, *self.session_ids]
        )

    @cached_property
    def shared_device_ids(self) -> frozenset[str]:
        """Devices that were the person's for a time only."""
        return frozenset(each.device_id for each in self.intervals) - set(
            self.device_ids
        )

    def owns(
        self, user_id: str | None, device_id: str | None, at: datetime | None
    ) -> bool:
        """Tell whether an event is the person's."""
        if user_id is not None:
            return user_id == self.user_id
        if device_id in self.device_ids:
            return True
        return at is not None and any(
            each.device_id == device_id and each.holds(at) for each in self.intervals
        )


# The person's rows of raw.events, by what privacy.identifiers says.
OWNED_EVENTS = sql.SQL("""
    (
        events.user_id is not distinct from %(user_id)s
        or events.user_id is null and exists (
            select from privacy.identifiers as known
            where
                known.erasure_id = %(erasure_id)s
                and known.kind = 'interval'
                and known.value = events.device_id
                and events.occurred_at >= coalesce(known.valid_from, '-infinity')
                and events.occurred_at < coalesce(known.valid_to, 'infinity')
        )
    )
""")

_ADD = sql.SQL("""
    insert into privacy.identifiers (erasure_id, kind, value, valid_from, valid_to)
""")

_IDENTIFY: tuple[LiteralString, ...] = (
    # Contact details of every version of the account.
    """
    {add}
    select distinct %(erasure_id)s::bigint, 'pseudonym', names.value,
        null::timestamptz, null::timestamptz
    from raw.app_persons as persons
    cross join lateral (
        values (persons.email_hash), (persons.phone_hash), (persons.external_id)
    ) as names (value)
    where
        persons.user_id = %(user_id)s
        and names.value is not null
        and not exists (
            select from raw.app_persons as others
            where
                others.user_id <> %(user_id)s
                and names.value
                    in (others.email_hash, others.phone_hash, others.external_id)
        )
    """,
    # What evidence made one person with the user, and nothing ties to anybody else.
    """
    {add}
    with mine as (
        select theirs.key, theirs.identifier
        from identity.persons as known
        inner join identity.persons as theirs using (person_key)
        where
            known.identifier_type = 'user'
            and known.identifier = %(user_id)s
            and theirs.identifier_type <> 'user'
            and not exists (
                select from identity.edges as edges
                inner join identity.persons as others
                    on others.key = edges.first_key or others.key = edges.second_key
                where
                    theirs.key in (edges.first_key, edges.second_key)
                    and others.person_key <> theirs.person_key
            )
    )

    select
        %(erasure_id)s::bigint, 'pseudonym', mine.identifier, null::timestamptz,
        null::timestamptz
    from mine
    union
    -- What the marts called them before they were the user's.
    select
        %(erasure_id)s::bigint, 'pseudonym', mine.key, null::timestamptz,
        null::timestamptz
    from mine
    """,
    # What the marts call the person: macro person_id.
    """
    {add}
    select %(erasure_id)s, 'pseudonym', left(encode(sha256(convert_to(
        jsonb_build_array('user', %(user_id)s::text)::text, 'UTF8'
    )), 'hex'), 32), null::timestamptz, null::timestamptz
    """,
    """
    {add}
    select %(erasure_id)s, 'interval', device_id,
        nullif(valid_from, '-infinity'), nullif(valid_to, 'infinity')
    from identity.device_owners
    where user_id = %(user_id)s
    """,
    # A device that the privacy officer knows to be the person's, and one that no
    # evidence speaks of, since all of its events are test traffic, bots and the like,
    # but on which only this person ever logged in.
    """
    {add}
    select
        %(erasure_id)s, 'interval', given.device_id, null::timestamptz,
        null::timestamptz
    from unnest(%(device_ids)s::text[]) as given (device_id)
    union
    select
        %(erasure_id)s, 'interval', events.device_id, null::timestamptz,
        null::timestamptz
    from raw.events as events
    where
        events.user_id is not null
        and events.device_id in (
            select device_id from raw.events where user_id = %(user_id)s
        )
        and not exists (
            select from identity.device_owners as owners
            where owners.device_id = events.device_id
        )
    group by events.device_id
    having bool_and(events.user_id = %(user_id)s)
    """,
    """
    {add}
    select
        %(erasure_id)s, 'device', mine.device_id, null::timestamptz,
        null::timestamptz
    from (
        select value as device_id from privacy.identifiers
        where erasure_id = %(erasure_id)s and kind = 'interval'
        union
        select device_id from raw.events
        where user_id = %(user_id)s and device_id is not null
    ) as mine
    where not exists (
        select from raw.events as events
        where events.device_id = mine.device_id and not {owned}
    )
    """,
    """
    {add}
    select distinct
        %(erasure_id)s::bigint, 'session', events.client_session_id,
        null::timestamptz, null::timestamptz
    from raw.events as events
    where
        length(events.client_session_id) >= 6
        and {owned}
        and events.client_session_id not in (
            select events.client_session_id from raw.events as events
            where events.client_session_id is not null and not {owned}
        )
    """,
    # What the marts call the devices.
    """
    {add}
    select erasure_id, 'pseudonym', left(encode(sha256(convert_to(
        jsonb_build_array('device', value)::text, 'UTF8'
    )), 'hex'), 32), null::timestamptz, null::timestamptz
    from privacy.identifiers
    where erasure_id = %(erasure_id)s and kind = 'device'
    """,
)


def identify(
    connection: psycopg.Connection,
    *,
    erasure_id: int,
    user_id: str,
    also: Sequence[str] = (),
    device_ids: Sequence[str] = (),
) -> None:
    """Write every name of the person to privacy.identifiers, once and for all.

    What an erasure deletes is also what tells whose a row is: a resumed one could not
    find the names again.
    """
    given = {
        "erasure_id": erasure_id,
        "user_id": user_id,
        "device_ids": list(device_ids),
    }
    connection.execute(
        "insert into privacy.identifiers (erasure_id, kind, value)"
        " values (%(erasure_id)s, 'user', %(user_id)s)",
        given,
    )
    for value in also:
        connection.execute(
            "insert into privacy.identifiers (erasure_id, kind, value)"
            " values (%s, 'pseudonym', %s)",
            (erasure_id, value),
        )
    for statement in _IDENTIFY:
        connection.execute(
            sql.SQL(statement).format(add=_ADD, owned=OWNED_EVENTS), given
        )


def read_subject(
    connection: psycopg.Connection, *, erasure_id: int, replacement_id: str
) -> Subject | None:
    """Return the person of a running erasure; None if it was not identified yet."""
    names: dict[str, list[str]] = {}
    intervals = []
    for kind, value, valid_from, valid_to in connection.execute(
        """
        select kind, value, valid_from, valid_to
        from privacy.identifiers
        where erasure_id = %s
        order by kind, value, valid_from
        """,
        (erasure_id,),
    ):
        names.setdefault(kind, []).append(value)
        if kind == "interval":
            intervals.append(Interval(value, valid_from, valid_to))
    if "user" not in names:
        return None
    return Subject(
        erasure_id=erasure_id,
        user_id=names["user"][0],
        replacement_id=replacement_id,
        pseudonyms=tuple(names.get("pseudonym", ())),
        device_ids=tuple(names.get("device", ())),
        intervals=tuple(intervals),
        session_ids=tuple(names.get("session", ())),
    )
