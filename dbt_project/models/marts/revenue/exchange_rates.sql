{{ config(
    unique_key=['currency', 'valid_from'],
    indexes=[{'columns': ['currency', 'valid_from'], 'unique': true}],
) }}

with

-- A rate told twice is the one told last.
told as (

    select distinct on (currency, valid_on)
        currency,
        valid_on,
        rate
    from {{ ref('stg_app__exchange_rates') }}
    where
        quoted_currency = {{ reporting_currency() }}
        and currency <> {{ reporting_currency() }}
        and rate > 0
    order by
        currency asc,
        valid_on asc,
        changed_at desc nulls last,
        exchange_rate_id collate "C" asc

)

select
    currency,
    valid_on as valid_from,
    coalesce(
        lead(valid_on) over (partition by currency order by valid_on), '9999-12-31'
    ) as valid_to,
    {{ reporting_currency() }}::text as reporting_currency,
    rate::numeric as rate
from told

union all

select
    {{ reporting_currency() }}::text as currency,
    date '1970-01-01' as valid_from,
    date '9999-12-31' as valid_to,
    {{ reporting_currency() }}::text as reporting_currency,
    1::numeric as rate
