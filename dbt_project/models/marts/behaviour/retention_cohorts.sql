{%- set key = ['retention_id', 'cohort_starts_at', 'breakdown', 'currency', 'period_index'] -%}

{{ config(
    unique_key=key,
    indexes=[
        {'columns': key, 'unique': true},
        {'columns': ['cohort_on']},
        {'columns': ['last_on']},
    ],
) }}

with

grids as (

    select
        *,
        {{ zone_of('listed') }} as zone
    from {{ source('registry', 'retention_grids') }} as listed

),

units as (

    select
        units.*,
        coalesce(units.breakdown, case when grids.has_breakdown then '(none)' else 'all' end)
            as split,
        grids.mode,
        grids.brackets,
        grids.is_zero_full,
        grids.period_count
    from {{ ref('retention_units') }} as units
    inner join grids on units.retention_id = grids.retention_id
    where {{ changed_days('units.cohort_on', ['retention_units']) }}

),

{{ retention_counts('units') }},

{{ retention_grid('grids') }}

select
    cells.retention_id,
    cells.cohort_on,
    cells.cohort_starts_at,
    cells.split as breakdown,
    cells.currency,
    cells.period_index,
    cells.mode,
    cells.clock,
    cells.period,
    cells.measure,
    cells.unit_count,
    coalesce(counted.unit_count, 0) as returned_count,
    {{ safe_divide('coalesce(counted.unit_count, 0)', 'cells.unit_count') }}::numeric(38, 12)
        as return_rate,
    coalesce(paid.amount, 0)::numeric(38, 6) as amount,
    sum(coalesce(paid.amount, 0)) over (
        partition by
            cells.retention_id, cells.cohort_starts_at, cells.split, cells.currency
        order by cells.period_index
    )::numeric(38, 6) as cumulative_amount,
    cells.period_ends_at,
    {{ reporting_day("(cells.period_ends_at - interval '1 microsecond')") }} as last_on
from cells
left join counted
    on
        cells.retention_id = counted.retention_id
        and cells.cohort_starts_at = counted.cohort_starts_at
        and cells.split = counted.split
        and cells.period_index = counted.period_index
left join paid
    on
        cells.retention_id = paid.retention_id
        and cells.cohort_starts_at = paid.cohort_starts_at
        and cells.split = paid.split
        and cells.currency = paid.currency
        and cells.period_index = paid.period_index
