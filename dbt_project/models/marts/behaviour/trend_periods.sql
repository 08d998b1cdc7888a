{%- set parents = ['int_events_valued', 'identity.device_owners', 'person_firsts', 'days'] -%}

{{ config(
    unique_key=['trend_id', 'period_starts_at'],
    indexes=[
        {'columns': ['trend_id', 'period_starts_at'], 'unique': true},
        {'columns': ['last_on']},
    ],
) }}

with

trends as (

    select
        *,
        {{ zone_of('listed') }} as zone
    from {{ source('registry', 'trends') }} as listed

),

{{ trend_measures('trends', parents) }}

select
    spine.trend_id,
    spine.period,
    spine.period_on,
    spine.period_starts_at,
    spine.period_ends_at,
    spine.first_on,
    spine.last_on,
    coalesce(
        case spine.math
            when 'total' then coalesce(measured.event_count, 0)
            when 'dau' then coalesce(measured.person_count, 0)
            when 'sum' then coalesce(measured.amount, 0)
            when 'avg' then {{ safe_divide('measured.amount', 'measured.amount_count') }}
            when 'min' then measured.lowest
            when 'max' then measured.highest
            when 'median' then (measured.lower_median + measured.upper_median) / 2
            when 'percentile' then measured.percentile
            when 'ratio' then {{ safe_divide('measured.numerator', 'measured.denominator') }}
        end,
        case when spine.when_empty = 'zero' then 0 end
    )::numeric(38, 12) as value,
    case spine.math
        when 'avg' then coalesce(measured.amount, 0)
        when 'ratio' then coalesce(measured.numerator, 0)
    end::numeric(38, 6) as numerator,
    case spine.math
        when 'avg' then coalesce(measured.amount_count, 0)
        when 'ratio' then coalesce(measured.denominator, 0)
    end::numeric(38, 6) as denominator,
    coalesce(measured.event_count, 0) as event_count,
    coalesce(measured.person_count, 0) as person_count,
    case
        when not spine.is_cumulative then null
        when spine.math = 'dau' then coalesce(firsts.person_count, 0)
        when spine.math = 'total' then coalesce(measured.event_count, 0)
        else coalesce(measured.amount, 0)
    end::numeric(38, 12) as added_value
from spine
left join measured
    on
        spine.trend_id = measured.trend_id
        and spine.period_starts_at = measured.period_starts_at
left join firsts
    on
        spine.trend_id = firsts.trend_id
        and spine.period_starts_at = firsts.period_starts_at
where {{ rests_on_changed('spine.first_on', 'spine.last_on', parents) }}
