-- One row per movement of money that is in no sum, and why: a payment without an order, an
-- unknown currency, amounts that contradict each other.
select
    movements.movement_id,
    movements.kind,
    movements.order_key,
    movements.set_aside_reason,
    movements.cash_on,
    movements.currency,
    movements.stated_minor,
    movements.expected_minor,
    movements.provider_id,
    movements.payment_id,
    movements.payout_id,
    movements.exclusion
from published_data.money_movements as movements
where movements.set_aside_reason is not null
