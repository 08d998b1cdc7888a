-- The operational database of the simulated marketplace, as its own developers would
-- have named it: not Daybook's words. Every table that changes carries a change stamp.
-- Money is numeric in major units with an ISO currency; times are timestamptz.

create table users (
    id text primary key,
    email text not null,
    phone text,
    full_name text not null,
    role text not null check (role in ('customer', 'provider', 'admin')),
    external_ref text,
    country text not null,
    locale text not null,
    signup_site text not null,
    signup_source text,
    marketing_opt_in boolean not null,
    is_test_account boolean not null default false,
    status text not null check (status in ('active', 'suspended', 'closed')),
    last_login_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- One per person who offers something: teacher, accountant, therapist, organiser, club.
create table providers (
    id text primary key,
    user_id text not null references users (id),
    vertical text not null check (
        vertical in ('tutoring', 'accountancy', 'events', 'massage', 'club')
    ),
    display_name text not null,
    city text not null,
    currency text not null,
    fee_percent numeric(5, 2) not null,
    headline text,
    verified_at timestamptz,
    status text not null check (status in ('onboarding', 'active', 'paused', 'closed')),
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- What is offered in general (the price list of a site): service types.
create table services (
    id text primary key,
    vertical text not null,
    name text not null,
    duration_minutes integer,
    is_active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- A service offered by one provider at a price.
create table listings (
    id text primary key,
    provider_id text not null references providers (id),
    service_id text not null references services (id),
    title text not null,
    price numeric(14, 2) not null,
    currency text not null,
    duration_minutes integer,
    status text not null check (status in ('draft', 'published', 'archived')),
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- When a provider can be booked. Rows may overlap, and are deleted when withdrawn.
create table availability_slots (
    id text primary key,
    provider_id text not null references providers (id),
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table bookings (
    id text primary key,
    customer_id text not null references users (id),
    provider_id text not null references providers (id),
    listing_id text not null references listings (id),
    status text not null check (
        status in (
            'requested', 'accepted', 'declined', 'expired', 'paid', 'completed',
            'cancelled_by_customer', 'cancelled_by_provider', 'no_show'
        )
    ),
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    list_price numeric(14, 2) not null,
    discount numeric(14, 2) not null default 0,
    discount_funded_by text check (discount_funded_by in ('platform', 'provider')),
    total_price numeric(14, 2) not null,
    tax numeric(14, 2) not null default 0,
    platform_fee numeric(14, 2) not null,
    currency text not null,
    city text,
    campaign_code text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- Log of booking status changes: append-only, except that a hard-deleted booking takes
-- its rows with it. changed_at is when it happened.
create table booking_events (
    id bigint primary key,
    booking_id text not null references bookings (id) on delete cascade,
    old_status text,
    new_status text not null,
    changed_by text check (changed_by in ('customer', 'provider', 'system')),
    changed_at timestamptz not null,
    updated_at timestamptz not null
);

-- Concerts, workshops, club sessions: something that happens once, with places.
create table occasions (
    id text primary key,
    organiser_id text not null references providers (id),
    site text not null,
    title text not null,
    category text not null,
    venue text,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    capacity integer not null,
    price numeric(14, 2) not null,
    currency text not null,
    status text not null check (
        status in ('draft', 'on_sale', 'sold_out', 'cancelled', 'finished')
    ),
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- One place at one occasion; a club registration is a ticket at price 0.
create table tickets (
    id text primary key,
    order_number text not null,
    occasion_id text not null references occasions (id),
    buyer_id text not null references users (id),
    tier text not null,
    price numeric(14, 2) not null,
    platform_fee numeric(14, 2) not null default 0,
    currency text not null,
    status text not null check (status in ('valid', 'refunded', 'cancelled')),
    purchased_at timestamptz not null,
    updated_at timestamptz not null
);

create table attendance (
    id text primary key,
    ticket_id text not null references tickets (id),
    occasion_id text not null references occasions (id),
    outcome text not null check (outcome in ('checked_in', 'absent')),
    checked_in_at timestamptz,
    updated_at timestamptz not null
);

-- Money in. Exactly one of booking_id and order_number is set.
create table payments (
    id text primary key,
    booking_id text references bookings (id) on delete set null,
    order_number text,
    payer_id text not null references users (id),
    amount numeric(14, 2) not null,
    currency text not null,
    method text not null check (method in ('card', 'cash', 'transfer', 'wallet')),
    status text not null check (status in ('captured', 'failed')),
    processor_reference text not null,
    captured_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table refunds (
    id text primary key,
    payment_id text not null references payments (id),
    amount numeric(14, 2) not null,
    currency text not null,
    reason text not null,
    refunded_at timestamptz not null,
    updated_at timestamptz not null
);

-- Money out, one per provider and week: gross - fees - refunds + adjustments = net.
create table payouts (
    id text primary key,
    provider_id text not null references providers (id),
    period_start date not null,
    period_end date not null,
    gross numeric(14, 2) not null,
    fees numeric(14, 2) not null,
    refunds numeric(14, 2) not null,
    adjustments numeric(14, 2) not null,
    net numeric(14, 2) not null,
    currency text not null,
    status text not null check (status in ('pending', 'paid', 'failed')),
    paid_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table reviews (
    id text primary key,
    booking_id text not null references bookings (id) on delete cascade,
    author_id text not null references users (id),
    provider_id text not null references providers (id),
    rating integer not null check (rating between 1 and 5),
    is_hidden boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- Chat. The text itself lives elsewhere.
create table messages (
    id text primary key,
    conversation_id text not null,
    sender_id text not null references users (id),
    recipient_id text not null references users (id),
    body_length integer not null,
    has_attachment boolean not null,
    sent_at timestamptz not null,
    read_at timestamptz,
    updated_at timestamptz not null
);

create table campaigns (
    code text primary key,
    name text not null,
    utm_source text not null,
    utm_medium text not null,
    starts_on date not null,
    ends_on date,
    budget numeric(14, 2),
    currency text not null,
    is_active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table campaign_spend (
    campaign_code text not null references campaigns (code),
    spent_on date not null,
    impressions bigint not null,
    clicks bigint not null,
    amount numeric(14, 2) not null,
    currency text not null,
    updated_at timestamptz not null,
    primary key (campaign_code, spent_on)
);

-- What one unit of a currency was worth in another, on working days.
create table fx_rates (
    currency text not null,
    quoted_in text not null,
    valid_on date not null,
    rate numeric(18, 9) not null,
    updated_at timestamptz not null,
    primary key (currency, quoted_in, valid_on)
);

-- Content: articles and downloadable resources, with every published version.
create table articles (
    id text primary key,
    site text not null,
    kind text not null check (kind in ('article', 'resource', 'page')),
    slug text not null,
    title text not null,
    author_id text references users (id),
    current_version integer not null,
    status text not null check (status in ('draft', 'published', 'archived')),
    published_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table article_versions (
    article_id text not null references articles (id),
    version integer not null,
    word_count integer not null,
    checksum text not null,
    resources jsonb not null,
    published_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (article_id, version)
);
