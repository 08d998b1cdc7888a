-- One row per ISO week of registration, role, channel and region: how many accounts were made, and
-- how many of them converted within 30 days. A customer converts by paying, a provider by earning.
with

accounts as (

    select
        persons.user_id,
        persons.role,
        coalesce(persons.acquisition_channel, 'unknown') as acquisition_channel,
        coalesce(persons.region, 'unknown') as region,
        (persons.registered_at at time zone status.timezone)::date as registered_on
    from raw.app_persons as persons
    cross join published.status as status
    where persons.valid_to is null and not persons.is_internal and not persons.is_test

),

paid as (

    select
        movements.user_id,
        'customer' as role,
        movements.cash_on
    from published_data.money_movements as movements
    where movements.kind = 'payment' and movements.set_aside_reason is null

    union all

    select
        providers.user_id,
        'provider' as role,
        movements.cash_on
    from published_data.money_movements as movements
    inner join raw.app_providers as providers
        on movements.provider_id = providers.provider_id and providers.valid_to is null
    where movements.kind = 'payment' and movements.set_aside_reason is null

),

firsts as (

    select
        accounts.user_id,
        min(paid.cash_on) as converted_on
    from accounts
    inner join paid
        on
            accounts.user_id = paid.user_id
            and accounts.role = paid.role
            and paid.cash_on >= accounts.registered_on
    group by accounts.user_id

)

select
    date_trunc('week', accounts.registered_on)::date as registered_week,
    accounts.role,
    accounts.acquisition_channel,
    accounts.region,
    count(*) as account_count,
    count(*) filter (where firsts.converted_on < accounts.registered_on + 30) as converted_count,
    round(
        count(*) filter (where firsts.converted_on < accounts.registered_on + 30)::numeric
        / count(*),
        8
    ) as conversion_rate,
    coalesce(
        (date_trunc('week', accounts.registered_on)::date + 37)::timestamp
        at time zone max(status.timezone)
        <= max((status.watermarks ->> 'money_movements')::timestamptz),
        false
    ) as is_mature
from accounts
left join firsts on accounts.user_id = firsts.user_id
cross join published.status as status
group by
    date_trunc('week', accounts.registered_on)::date,
    accounts.role,
    accounts.acquisition_channel,
    accounts.region
