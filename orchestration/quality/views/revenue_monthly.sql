-- One row per month, kind of date, provider, service and currency with revenue in minor units,
-- added up from days. The share that is still open belongs to what may yet be completed.
select
    revenue.starts_on as month_starts_on,
    to_char(revenue.starts_on, 'YYYY-MM') as month,
    revenue.basis,
    revenue.provider_id,
    revenue.service,
    revenue.currency,
    revenue.list_minor,
    revenue.discount_minor,
    revenue.platform_discount_minor,
    revenue.charged_minor,
    revenue.refunded_minor,
    revenue.net_minor,
    revenue.tax_minor,
    revenue.fee_minor,
    revenue.open_minor,
    revenue.take_rate,
    revenue.open_rate,
    revenue.payment_count,
    revenue.refund_count
from published.revenue_periods as revenue
where revenue.grain = 'month'
