-- One row per payout and how it agrees with the payments and refunds of its provider and period:
-- matched, missing_left (nothing to pay out), amount_mismatch, duplicate, or timing where one
-- movement within three days of the edge of the period explains two neighbours.
with

placed as (

    select
        payouts.*,
        payouts.ledger_charged_minor
        - payouts.ledger_fee_minor
        - payouts.ledger_refunded_minor
        + payouts.adjustment_minor as expected_minor,
        row_number() over (
            partition by
                payouts.provider_id,
                payouts.currency,
                payouts.period_starts_on,
                payouts.period_ends_on
            order by payouts.created_on, payouts.payout_id collate "C"
        ) as place
    from published_data.payouts_reconciled as payouts

)

select
    placed.payout_id,
    placed.provider_id,
    placed.currency,
    placed.state,
    placed.created_on,
    placed.paid_on,
    placed.period_starts_on,
    placed.period_ends_on,
    placed.expected_minor,
    placed.net_minor,
    placed.net_minor - placed.expected_minor as difference_minor,
    placed.is_consistent,
    case
        when placed.place > 1 and placed.period_starts_on is not null then 'duplicate'
        when placed.movement_count = 0 and placed.net_minor <> 0 then 'missing_left'
        when placed.net_minor = placed.expected_minor and placed.is_consistent then 'matched'
        when
            placed.is_consistent
            and exists (
                select from placed as neighbours
                inner join published_data.money_movements as moved
                    on neighbours.provider_id = moved.provider_id
                where
                    neighbours.provider_id = placed.provider_id
                    and neighbours.currency = placed.currency
                    and neighbours.place = 1
                    and neighbours.net_minor - neighbours.expected_minor
                    = placed.expected_minor - placed.net_minor
                    and (
                        neighbours.period_starts_on = placed.period_ends_on + 1
                        or neighbours.period_ends_on = placed.period_starts_on - 1
                    )
                    and moved.currency = placed.currency
                    and moved.kind in ('payment', 'refund')
                    and moved.cash_on
                    between greatest(placed.period_starts_on, neighbours.period_starts_on) - 3
                    and greatest(placed.period_starts_on, neighbours.period_starts_on) + 2
                    and abs(
                        coalesce(moved.charged_minor - moved.fee_minor, -moved.refunded_minor)
                    ) = abs(placed.net_minor - placed.expected_minor)
            )
            then 'timing'
        else 'amount_mismatch'
    end as outcome
from placed
