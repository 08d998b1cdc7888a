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
    from {{ changed_units_of(
        ref('stg_app__payouts'), 'payout_id', ['raw.app_payouts']
    ) }} as told

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
    counted.movement_count,
    coalesce(payouts.charged_minor, 0)
    - coalesce(payouts.fee_minor, 0)
    - coalesce(payouts.refund_minor, 0)
    + coalesce(payouts.adjustment_minor, 0)
    = payouts.net_minor as is_consistent
from payouts
-- A payment or refund that names its payout belongs there, whatever its day. Looked up for
-- each payout: as a join, all that its provider ever earned would be compared.
cross join lateral (
    select
        count(*) as movement_count,
        sum(moved.charged_minor)::bigint as charged_minor,
        sum(moved.fee_minor)::bigint as fee_minor,
        sum(moved.refunded_minor)::bigint as refunded_minor
    from (
        select named.*
        from {{ ref('money_movements') }} as named
        where named.payout_id = payouts.payout_id and named.provider_id = payouts.provider_id
        union all
        select dated.*
        from {{ ref('money_movements') }} as dated
        where
            dated.payout_id is null
            and dated.provider_id = payouts.provider_id
            and dated.cash_on between payouts.period_starts_on and payouts.period_ends_on
    ) as moved
    where
        moved.currency = payouts.currency
        and moved.kind in ('payment', 'refund')
        and moved.set_aside_reason is null
) as counted
