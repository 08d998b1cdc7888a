-- One row per customer and currency with what they brought so far: net revenue, since what an
-- order costs us is unknown, and the fees that the platform kept of it.
select
    movements.user_id,
    movements.currency,
    min(movements.cash_on) filter (where movements.kind = 'payment') as first_paid_on,
    max(movements.cash_on) filter (where movements.kind = 'payment') as last_paid_on,
    count(distinct movements.order_key) filter (where movements.kind = 'payment') as order_count,
    coalesce(sum(movements.charged_minor), 0) as charged_minor,
    coalesce(sum(movements.refunded_minor), 0) as refunded_minor,
    coalesce(sum(movements.charged_minor), 0) - coalesce(sum(movements.refunded_minor), 0)
        as net_revenue_minor,
    coalesce(sum(movements.fee_minor), 0) as fee_minor
from published_data.money_movements as movements
where
    movements.kind in ('payment', 'refund')
    and movements.set_aside_reason is null
    and movements.exclusion is null
    and movements.user_id is not null
group by movements.user_id, movements.currency
