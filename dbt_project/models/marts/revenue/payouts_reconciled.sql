{{ config(
    unique_key=['payout_id'],
    indexes=[{'columns': ['payout_id'], 'unique': true}, {'columns': ['created_on']}],
) }}

with

payouts as (

    select
        told.*,
        {{ reporting_day('told.paid_at') }} as paid_on,
        {{ reporting_day('told.created_at') }} as created_on
    from {{ ref('stg_app__payouts') }} as told
    where {{ is_changed_unit('told.payout_id', ['raw.app_payouts']) }}

),

-- A payment or refund that names its payout belongs there, whatever its day.
counted as (

    select
        payouts.payout_id,
        count(*) as movement_count,
        sum(moved.charged_minor)::bigint as charged_minor,
        sum(moved.fee_minor)::bigint as fee_minor,
        sum(moved.refunded_minor)::bigint as refunded_minor
    from payouts
    inner join {{ ref('money_movements') }} as moved
        on
            payouts.provider_id = moved.provider_id
            and payouts.currency = moved.currency
            and moved.kind in ('payment', 'refund')
            and moved.set_aside_reason is null
            and (
                payouts.payout_id = moved.payout_id
                or (
                    moved.payout_id is null
                    and moved.cash_on
                    between payouts.period_starts_on and payouts.period_ends_on
                )
            )
    group by payouts.payout_id

)

select
    payouts.payout_id,
    payouts.provider_id,
    payouts.currency,
    payouts.state,
    payouts.created_on,
    payouts.paid_on,
    payouts.period_starts_on,
    payouts.period_ends_on,
    payouts.charged_minor,
    payouts.fee_minor,
    payouts.refund_minor as refunded_minor,
    coalesce(payouts.adjustment_minor, 0) as adjustment_minor,
    payouts.net_minor,
    coalesce(counted.charged_minor, 0) as ledger_charged_minor,
    coalesce(counted.fee_minor, 0) as ledger_fee_minor,
    coalesce(counted.refunded_minor, 0) as ledger_refunded_minor,
    coalesce(counted.movement_count, 0) as movement_count,
    coalesce(payouts.charged_minor, 0)
    - coalesce(payouts.fee_minor, 0)
    - coalesce(payouts.refund_minor, 0)
    + coalesce(payouts.adjustment_minor, 0)
    = payouts.net_minor as is_consistent
from payouts
left join counted on payouts.payout_id = counted.payout_id
