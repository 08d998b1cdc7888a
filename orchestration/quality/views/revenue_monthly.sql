-- One row per month, kind of date, provider, service and currency with revenue in minor units,
-- added up from days. The share that is still open belongs to what may yet be completed.
select
    date_trunc('month', revenue.day)::date as month_starts_on,
    to_char(revenue.day, 'YYYY-MM') as month,
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
    sum(revenue.fee_minor) / nullif(sum(revenue.charged_minor), 0) as take_rate,
    sum(revenue.open_minor) / nullif(sum(revenue.charged_minor), 0) as open_rate,
    sum(revenue.payment_count)::bigint as payment_count,
    sum(revenue.refund_count)::bigint as refund_count
from published_data.revenue_daily as revenue
group by
    date_trunc('month', revenue.day)::date,
    to_char(revenue.day, 'YYYY-MM'),
    revenue.basis,
    revenue.provider_id,
    revenue.service,
    revenue.currency
