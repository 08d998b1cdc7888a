-- One row per day and kind of date with revenue in the reporting currency, in its minor units,
-- at the rates of the day. Days to come take the rate known last. Null where a rate is missing.
with

converted as (

    select
        totals.day,
        totals.basis,
        totals.currency,
        rates.reporting_currency,
        totals.day - rates.valid_from as rate_age_days,
        round(totals.list_minor * factors.factor) as list_minor,
        round(totals.discount_minor * factors.factor) as discount_minor,
        round(totals.refunded_minor * factors.factor) as refunded_minor,
        round(totals.tax_minor * factors.factor) as tax_minor,
        round(totals.fee_minor * factors.factor) as fee_minor,
        round(totals.open_minor * factors.factor) as open_minor
    from published_data.revenue_totals_daily as totals
    left join published_data.exchange_rates as rates
        on
            totals.currency = rates.currency
            and totals.day >= rates.valid_from
            and totals.day < rates.valid_to
    left join published.currency_exponents as ours on totals.currency = ours.currency
    left join published.currency_exponents as theirs on rates.reporting_currency = theirs.currency
    cross join
        lateral (
            select
                rates.rate
                * power(10::numeric, coalesce(theirs.exponent, 2) - coalesce(ours.exponent, 2))
                as factor
        ) as factors

),

summed as (

    select
        day,
        basis,
        max(reporting_currency) as currency,
        count(*) filter (where reporting_currency is null) as missing_rate_count,
        max(rate_age_days) filter (where currency <> reporting_currency) as oldest_rate_days,
        sum(list_minor) as list_minor,
        sum(discount_minor) as discount_minor,
        sum(refunded_minor) as refunded_minor,
        sum(tax_minor) as tax_minor,
        sum(fee_minor) as fee_minor,
        sum(open_minor) as open_minor
    from converted
    group by day, basis

)

select
    day,
    basis,
    currency,
    missing_rate_count,
    oldest_rate_days,
    case when missing_rate_count = 0 then list_minor end as list_minor,
    case when missing_rate_count = 0 then discount_minor end as discount_minor,
    case when missing_rate_count = 0 then list_minor - discount_minor end as charged_minor,
    case when missing_rate_count = 0 then refunded_minor end as refunded_minor,
    case
        when missing_rate_count = 0 then list_minor - discount_minor - refunded_minor
    end as net_minor,
    case when missing_rate_count = 0 then tax_minor end as tax_minor,
    case when missing_rate_count = 0 then fee_minor end as fee_minor,
    case when missing_rate_count = 0 then round(fee_minor / nullif(list_minor - discount_minor, 0), 8) end
        as take_rate,
    case when missing_rate_count = 0 then round(open_minor / nullif(list_minor - discount_minor, 0), 8) end
        as open_rate
from summed
