-- One row per movement of money and what it is: charge, discount, refund, fee, tax, payout or
-- adjustment, in minor units of its currency. Discounts and refunds are negative; fee and tax
-- are parts of the charge, an adjustment is part of the payout. What is set aside is not here.
select
    movements.movement_id,
    entries.kind,
    movements.order_key,
    movements.booked_on,
    movements.service_on,
    movements.cash_on,
    movements.currency,
    movements.provider_id,
    movements.service,
    movements.user_id,
    movements.payment_id,
    movements.payout_id,
    movements.exclusion,
    entries.amount_minor
from published_data.money_movements as movements
cross join
    lateral (
        values
        ('charge', movements.charged_minor),
        ('discount', -movements.discount_minor),
        ('refund', -movements.refunded_minor),
        ('fee', movements.fee_minor),
        ('tax', movements.tax_minor),
        ('payout', movements.paid_out_minor),
        ('adjustment', movements.adjustment_minor)
    ) as entries (kind, amount_minor)
where entries.amount_minor <> 0
