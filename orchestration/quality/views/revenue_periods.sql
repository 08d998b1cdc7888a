-- One row per ISO week or month, kind of date, provider, service and currency with revenue in minor
-- units, added up from days. The share that is still open belongs to what may yet be completed.
with

summed as (

    select
        periods.grain,
        periods.starts_on,
        revenue.basis,
        revenue.provider_id,
        revenue.service,
        revenue.currency,
        sum(revenue.list_minor) as list_minor,
        sum(revenue.discount_minor) as discount_minor,
        sum(revenue.platform_discount_minor) as platform_discount_minor,
        sum(revenue.charged_minor) as charged_minor,
        sum(revenue.refunded_minor) as refunded_minor,
        sum(revenue.net_minor) as net_minor,
        sum(revenue.tax_minor) as tax_minor,
        sum(revenue.fee_minor) as fee_minor,
        sum(revenue.open_minor) as open_minor,
        sum(revenue.payment_count)::bigint as payment_count,
        sum(revenue.refund_count)::bigint as refund_count
    from published_data.revenue_daily as revenue
    cross join lateral (
        values
        ('week', date_trunc('week', revenue.day)::date),
        ('month', date_trunc('month', revenue.day)::date)
    ) as periods (grain, starts_on)
    group by
        periods.grain,
        periods.starts_on,
        revenue.basis,
        revenue.provider_id,
        revenue.service,
        revenue.currency

)

select
    grain,
    starts_on,
    basis,
    provider_id,
    service,
    currency,
    list_minor,
    discount_minor,
    platform_discount_minor,
    charged_minor,
    refunded_minor,
    net_minor,
    tax_minor,
    fee_minor,
    open_minor,
    round(fee_minor / nullif(charged_minor, 0), 8) as take_rate,
    round(open_minor / nullif(charged_minor, 0), 8) as open_rate,
    payment_count,
    refund_count
from summed
