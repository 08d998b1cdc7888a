-- One row per line of a comparison and its outcome: orders against payments, and payments against
-- payouts. A payment or refund lies in the line of the payout of its provider and period; without
-- one it is missing on the right once its provider's currency was paid out for later days.
select
    'orders and payments' as compared,
    movements.order_key as left_id,
    movements.payment_id as right_id,
    movements.moved_on as day,
    movements.provider_id,
    movements.currency,
    coalesce(movements.expected_minor, 0) as left_minor,
    movements.stated_minor as right_minor,
    movements.stated_minor - coalesce(movements.expected_minor, 0) as difference_minor,
    movements.order_outcome as outcome,
    movements.set_aside_reason
from published_data.money_movements as movements
where movements.order_outcome is not null

union all

select
    'payments and payouts' as compared,
    payouts.provider_id || ' ' || payouts.period_starts_on as left_id,
    payouts.payout_id as right_id,
    payouts.created_on as day,
    payouts.provider_id,
    payouts.currency,
    payouts.expected_minor as left_minor,
    payouts.net_minor as right_minor,
    payouts.difference_minor,
    payouts.outcome,
    null as set_aside_reason
from published.payouts_reconciliation as payouts

union all

select
    'payments and payouts' as compared,
    movements.movement_id as left_id,
    null as right_id,
    movements.cash_on as day,
    movements.provider_id,
    movements.currency,
    coalesce(movements.charged_minor - movements.fee_minor, -movements.refunded_minor)
        as left_minor,
    0 as right_minor,
    -coalesce(movements.charged_minor - movements.fee_minor, -movements.refunded_minor)
        as difference_minor,
    'missing_right' as outcome,
    null as set_aside_reason
from published_data.money_movements as movements
where
    movements.kind in ('payment', 'refund')
    and movements.set_aside_reason is null
    and movements.cash_on <= (
        select max(later.period_ends_on) from published_data.payouts_reconciled as later
        where later.currency = movements.currency
    )
    and not exists (
        select from published_data.payouts_reconciled as payouts
        where
            payouts.provider_id = movements.provider_id
            and payouts.currency = movements.currency
            and (
                payouts.payout_id = movements.payout_id
                or (
                    movements.payout_id is null
                    and movements.cash_on
                    between payouts.period_starts_on and payouts.period_ends_on
                )
            )
    )
