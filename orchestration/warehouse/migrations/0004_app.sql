-- raw.app_*: the operational database, in canonical tables, with the history of every row.
--
-- The first column is the key. One row per key and version: [valid_from, valid_to), current where
-- valid_to is null. row_hash covers every column before changed_at; a version is written only
-- where it differs. Money is integer minor units and a currency. Ids are text, so that apps with
-- numbers, uuids and slugs meet the same tables.
-- The comment of a table names its business days: the days that a changed row touches.

-- Accounts of the app. Contact details only as keyed hashes, names never.
create table raw.app_persons (
    user_id text not null,
    role text not null,
    email_hash text,
    phone_hash text,
    external_id text,
    acquisition_channel text,
    region text,
    locale text,
    state text,
    is_internal boolean not null,
    is_test boolean not null,
    registered_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (user_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_persons_current on raw.app_persons (user_id) where valid_to is null;
create index app_persons_registered on raw.app_persons (registered_at);
comment on table raw.app_persons is 'days: registered_at';

-- Those who offer: teachers, accountants, therapists, organisers.
create table raw.app_providers (
    provider_id text not null,
    user_id text,
    provider_kind text not null,
    region text,
    state text,
    is_verified boolean,
    joined_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (provider_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_providers_current on raw.app_providers (provider_id) where valid_to is null;
comment on table raw.app_providers is 'days: joined_at';

-- Kinds of service a provider can be booked for.
create table raw.app_services (
    service_id text not null,
    category text not null,
    title text,
    duration_minutes integer,
    price_minor bigint,
    currency text,
    state text,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (service_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_services_current on raw.app_services (service_id) where valid_to is null;
comment on table raw.app_services is 'days: created_at';

-- What a provider offers.
create table raw.app_listings (
    listing_id text not null,
    provider_id text not null,
    service_id text,
    category text,
    title text,
    duration_minutes integer,
    price_minor bigint,
    currency text,
    state text,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (listing_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_listings_current on raw.app_listings (listing_id) where valid_to is null;
comment on table raw.app_listings is 'days: created_at';

-- Hours in which a provider can be booked.
create table raw.app_availability (
    availability_id text not null,
    provider_id text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (availability_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_availability_current on raw.app_availability (availability_id) where valid_to is null;
comment on table raw.app_availability is 'days: starts_at';

-- Requests, orders, registrations. Three dates: booked, service, cash (payments).
create table raw.app_bookings (
    booking_id text not null,
    user_id text not null,
    provider_id text,
    listing_id text,
    service_id text,
    occasion_id text,
    order_id text,
    state text not null,
    requested_at timestamptz not null,
    starts_at timestamptz,
    ends_at timestamptz,
    region text,
    utm_campaign text,
    list_minor bigint,
    discount_minor bigint,
    discount_funder text,
    charged_minor bigint,
    fee_minor bigint,
    tax_minor bigint,
    currency text,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (booking_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_bookings_current on raw.app_bookings (booking_id) where valid_to is null;
comment on table raw.app_bookings is 'days: requested_at, starts_at';

-- The log of state changes: what happened between two extracts.
create table raw.app_booking_states (
    booking_state_id text not null,
    booking_id text not null,
    state text not null,
    actor text,
    entered_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (booking_state_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_booking_states_current on raw.app_booking_states (booking_state_id) where valid_to is null;
comment on table raw.app_booking_states is 'days: entered_at';

-- Ticketed or scheduled happenings: concerts, classes, club sessions.
create table raw.app_occasions (
    occasion_id text not null,
    provider_id text,
    listing_id text,
    resource_id text,
    category text,
    title text,
    state text,
    capacity integer,
    price_minor bigint,
    currency text,
    starts_at timestamptz not null,
    ends_at timestamptz,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (occasion_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_occasions_current on raw.app_occasions (occasion_id) where valid_to is null;
comment on table raw.app_occasions is 'days: starts_at';

-- One seat or place at an occasion.
create table raw.app_tickets (
    ticket_id text not null,
    occasion_id text not null,
    booking_id text,
    order_id text,
    user_id text,
    ticket_type text,
    state text not null,
    price_minor bigint,
    fee_minor bigint,
    currency text,
    issued_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (ticket_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_tickets_current on raw.app_tickets (ticket_id) where valid_to is null;
comment on table raw.app_tickets is 'days: issued_at';

-- Who came, and for how long.
create table raw.app_attendance (
    attendance_id text not null,
    occasion_id text,
    booking_id text,
    ticket_id text,
    user_id text,
    state text not null,
    duration_minutes integer,
    recorded_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (attendance_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_attendance_current on raw.app_attendance (attendance_id) where valid_to is null;
comment on table raw.app_attendance is 'days: recorded_at';

-- Money charged. The date is the cash date.
create table raw.app_payments (
    payment_id text not null,
    booking_id text,
    order_id text,
    user_id text,
    provider_id text,
    state text not null,
    method text,
    amount_minor bigint not null,
    fee_minor bigint,
    tax_minor bigint,
    currency text not null,
    payout_id text,
    paid_at timestamptz,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (payment_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_payments_current on raw.app_payments (payment_id) where valid_to is null;
comment on table raw.app_payments is 'days: created_at, paid_at';

-- Money given back, on its own date, linked to its payment.
create table raw.app_refunds (
    refund_id text not null,
    payment_id text not null,
    booking_id text,
    state text,
    reason text,
    amount_minor bigint not null,
    currency text not null,
    payout_id text,
    refunded_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (refund_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_refunds_current on raw.app_refunds (refund_id) where valid_to is null;
comment on table raw.app_refunds is 'days: refunded_at';

-- Money handed to providers: charged - fees - refunds + adjustments = net.
create table raw.app_payouts (
    payout_id text not null,
    provider_id text not null,
    state text,
    charged_minor bigint,
    fee_minor bigint,
    refund_minor bigint,
    adjustment_minor bigint,
    net_minor bigint not null,
    currency text not null,
    period_starts_on date,
    period_ends_on date,
    paid_at timestamptz,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (payout_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_payouts_current on raw.app_payouts (payout_id) where valid_to is null;
comment on table raw.app_payouts is 'days: created_at, paid_at';

-- Ratings; the words of a review are never taken.
create table raw.app_reviews (
    review_id text not null,
    booking_id text,
    provider_id text not null,
    user_id text,
    rating integer not null,
    state text,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (review_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_reviews_current on raw.app_reviews (review_id) where valid_to is null;
comment on table raw.app_reviews is 'days: created_at';

-- That a message was sent; its words are never taken.
create table raw.app_messages (
    message_id text not null,
    conversation_id text,
    booking_id text,
    sender_id text,
    recipient_id text,
    sender_role text,
    character_count integer,
    has_attachment boolean,
    sent_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (message_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_messages_current on raw.app_messages (message_id) where valid_to is null;
comment on table raw.app_messages is 'days: sent_at';

-- Paid and owned campaigns, by the name that links carry.
create table raw.app_campaigns (
    campaign_id text not null,
    title text,
    channel text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    budget_minor bigint,
    currency text,
    starts_on date,
    ends_on date,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (campaign_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_campaigns_current on raw.app_campaigns (campaign_id) where valid_to is null;
comment on table raw.app_campaigns is 'days: created_at';

-- What a campaign cost on a day.
create table raw.app_campaign_spend (
    campaign_spend_id text not null,
    campaign_id text not null,
    spent_on date not null,
    spend_minor bigint not null,
    currency text not null,
    impression_count bigint,
    click_count bigint,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (campaign_spend_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_campaign_spend_current on raw.app_campaign_spend (campaign_spend_id) where valid_to is null;
comment on table raw.app_campaign_spend is 'days: spent_on';

-- Articles, pages, posts and materials that can be viewed.
create table raw.app_content (
    content_id text not null,
    content_kind text,
    provider_id text,
    category text,
    title text,
    state text,
    version integer,
    published_at timestamptz,
    created_at timestamptz not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (content_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_content_current on raw.app_content (content_id) where valid_to is null;
comment on table raw.app_content is 'days: created_at, published_at';

-- What one unit of a currency was worth in another from a day on.
create table raw.app_exchange_rates (
    exchange_rate_id text not null,
    currency text not null,
    quoted_currency text not null,
    rate numeric not null,
    valid_on date not null,
    changed_at timestamptz,
    row_hash bytea not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    load_id bigint not null,
    closed_by bigint,
    primary key (exchange_rate_id, valid_from),
    check (valid_to > valid_from)
);

create unique index app_exchange_rates_current on raw.app_exchange_rates (exchange_rate_id) where valid_to is null;
comment on table raw.app_exchange_rates is 'days: valid_on';

-- What happened on a day that changed.
create index app_payments_paid on raw.app_payments (paid_at) where valid_to is null;
create index app_refunds_refunded on raw.app_refunds (refunded_at) where valid_to is null;
create index app_messages_sent on raw.app_messages (sent_at) where valid_to is null;

-- An order's payments, its refunds and its tickets; a provider's payouts.
create index app_payments_of_booking on raw.app_payments (booking_id);
create index app_payments_of_order on raw.app_payments (order_id);
create index app_refunds_of_payment on raw.app_refunds (payment_id);
create index app_tickets_of_order on raw.app_tickets (order_id);
create index app_payouts_of_provider on raw.app_payouts (provider_id, period_ends_on) where valid_to is null;

-- What one load opened or closed.
create index app_bookings_opened on raw.app_bookings (load_id);
create index app_bookings_closed on raw.app_bookings (closed_by) where closed_by is not null;
create index app_booking_states_opened on raw.app_booking_states (load_id);
create index app_booking_states_closed on raw.app_booking_states (closed_by) where closed_by is not null;
create index app_occasions_opened on raw.app_occasions (load_id);
create index app_occasions_closed on raw.app_occasions (closed_by) where closed_by is not null;
create index app_tickets_opened on raw.app_tickets (load_id);
create index app_tickets_closed on raw.app_tickets (closed_by) where closed_by is not null;
create index app_payments_opened on raw.app_payments (load_id);
create index app_payments_closed on raw.app_payments (closed_by) where closed_by is not null;
create index app_refunds_opened on raw.app_refunds (load_id);
create index app_refunds_closed on raw.app_refunds (closed_by) where closed_by is not null;
create index app_payouts_opened on raw.app_payouts (load_id);
create index app_payouts_closed on raw.app_payouts (closed_by) where closed_by is not null;

-- How far each table was extracted: the newest change stamp seen, but not beyond the source's own
-- clock, and the mapping it was read under. An app's stamps may run behind its clock; one stamp from
-- the future must not hide the changes before it.
create table ops.app_extracts (
    source text not null,
    table_name text not null,
    mapping_hash text not null,
    extracted_through timestamptz,
    swept_at timestamptz not null,
    primary key (source, table_name)
);
