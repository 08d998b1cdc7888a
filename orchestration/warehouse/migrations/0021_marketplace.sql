-- What a night looks for among the app's rows: those of a day, and those of one booking.
create index app_bookings_starts on raw.app_bookings (starts_at);
create index app_booking_states_entered on raw.app_booking_states (entered_at);
create index app_booking_states_of_booking on raw.app_booking_states (booking_id) where valid_to is null;
create index app_availability_starts on raw.app_availability (starts_at);
create index app_availability_ends on raw.app_availability (ends_at) where valid_to is null;
create index app_reviews_created on raw.app_reviews (created_at) where valid_to is null;
create index app_tickets_issued on raw.app_tickets (issued_at);
create index app_tickets_of_occasion on raw.app_tickets (occasion_id) where valid_to is null;
create index app_attendance_recorded on raw.app_attendance (recorded_at);
create index app_attendance_of_occasion on raw.app_attendance (occasion_id) where valid_to is null;
create index app_attendance_of_ticket on raw.app_attendance (ticket_id) where valid_to is null and occasion_id is null;
create index app_occasions_starts on raw.app_occasions (starts_at);

-- One row: what the numbers of the marketplace share.
create view registry.marketplace as
select
    (body ->> 'small_number_k')::integer as small_number_k,
    (body ->> 'rating_prior_weight')::numeric as rating_prior_weight
from registry.in_force
where kind = 'defaults';

-- Who reads only what is about one provider: roles of the server, each a member of
-- provider_reader. Views named own_ show a reader the rows of its provider, and no others.
create table ops.provider_readers (
    role_name name primary key,
    provider_id text not null
);

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'provider_reader') then
        create role provider_reader nologin;
    end if;
exception
    -- Two databases migrated at once.
    when duplicate_object or unique_violation then null;
end
$$;

grant usage on schema published to provider_reader;
