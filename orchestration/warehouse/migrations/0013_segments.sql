-- segments: who belonged to which segment, from which day to which.
create schema segments;

-- One row per stay of a person in a segment: a member on every evaluated day from entered_on
-- up to, and without, left_on. What an evaluation said of a day stays said: late data changes
-- the evaluations that follow.
create table segments.members (
    segment_id text not null,
    person_id text not null,
    entered_on date not null,
    -- Null while the person is a member.
    left_on date,
    -- Of the definition under which the person entered.
    definition_version integer not null,
    primary key (segment_id, person_id, entered_on),
    check (left_on > entered_on)
);

create unique index members_current on segments.members (segment_id, person_id)
where left_on is null;
create index members_left on segments.members (left_on) where left_on is not null;
create index members_entered on segments.members (entered_on);
create index members_by_person on segments.members (person_id);

create view segments.current as
select
    segment_id,
    person_id,
    entered_on,
    definition_version
from segments.members
where left_on is null;

-- One row per segment and evaluated day. Counts name nobody and outlive an erasure.
create table segments.sizes (
    segment_id text not null,
    day date not null,
    definition_version integer not null,
    member_count bigint not null,
    entered_count bigint not null,
    left_count bigint not null,
    primary key (segment_id, day)
);

-- One row per evaluated day. The newest may be evaluated again; its basis tells whether
-- that could say anything new.
create table segments.evaluations (
    day date primary key,
    basis text not null,
    evaluated_at timestamptz not null default clock_timestamp()
);

-- Bookings are counted over the last days only.
create index app_bookings_requested on raw.app_bookings (requested_at);
