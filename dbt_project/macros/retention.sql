{# The CTE `starts`: who started when, in which cohort, with the settings of the grid. #}
{% macro retention_starts(days, parents) -%}
    grids as (

        select
            *,
            {{ zone_of('listed') }} as zone,
            case when listed.clock = 'rolling' then 'day' else listed.period end
                as cohort_period
        from {{ source('registry', 'retention_grids') }} as listed

    ),

    first_starts as (

        select
            grids.retention_id,
            firsts.unit_id,
            firsts.first_at as started_at,
            firsts.breakdown
        from grids
        inner join {{ changed_units_of(ref('person_firsts'), 'unit_id', parents) }} as firsts
            on
                grids.start_kind = firsts.kind
                and grids.start_id = firsts.id
                and grids.start_part = firsts.part
        where grids.is_first_ever

    ),

    each_start as (

        select
            grids.retention_id,
            days.unit_id,
            done.moment as started_at,
            done.breakdown
        from grids
        inner join {{ days }} as days
            on
                grids.start_kind = days.kind
                and grids.start_id = days.id
                and grids.start_part = days.part
        cross join lateral unnest(days.moments, days.breakdowns) as done (
            moment, breakdown
        )
        where not grids.is_first_ever

    ),

    placed as (

        select
            begun.retention_id,
            begun.unit_id,
            begun.started_at,
            begun.breakdown,
            local.day as cohort_on,
            case
                when grids.cohort_period = 'hour'
                    then date_trunc('hour', begun.started_at, grids.zone)
                else ops.day_start(local.day, grids.zone)
            end as cohort_starts_at
        from (
            select * from first_starts
            union all
            select * from each_start
        ) as begun
        inner join grids on begun.retention_id = grids.retention_id
        cross join lateral (
            select
                {{ period_first_day('grids.cohort_period',
                    '(begun.started_at at time zone grids.zone)::date',
                    'grids.week_starts') }} as day
        ) as local

    ),

    -- The first start of a cohort is the one that counts.
    starts as (

        select
            distinct on (placed.retention_id, placed.unit_id, placed.cohort_starts_at)
            placed.*,
            grids.is_zero_full,
            grids.clock,
            grids.period,
            grids.period_hours,
            grids.period_count,
            grids.week_starts,
            grids.zone,
            grids.return_kind,
            grids.return_id,
            grids.return_part
        from placed
        inner join grids on placed.retention_id = grids.retention_id
        order by
            placed.retention_id asc,
            placed.unit_id asc,
            placed.cohort_starts_at asc,
            placed.started_at asc

    )
{%- endmacro %}

{# The CTE `collected`: in which periods since its start each unit came back, and with
   which amounts. The start itself is no return, but its amount counts. #}
{% macro retention_returns(days) -%}
    came as (

        select
            starts.retention_id,
            starts.unit_id,
            starts.cohort_starts_at,
            starts.period_count,
            done.moment > starts.started_at as is_return,
            done.amount,
            coalesce(done.currency, '') as currency,
            case
                when starts.clock = 'rolling'
                    then floor(
                        extract(epoch from done.moment - starts.started_at)
                        / (3600 * starts.period_hours)
                    )::integer
                when starts.period = 'hour'
                    then floor(
                        extract(epoch from done.moment - starts.cohort_starts_at) / 3600
                    )::integer
                else {{ periods_between('starts.period', 'starts.cohort_on', 'local.day') }}
            end as period_index
        from starts
        inner join {{ days }} as days
            on
                starts.return_kind = days.kind
                and starts.return_id = days.id
                and starts.return_part = days.part
                and starts.unit_id = days.unit_id
        cross join lateral unnest(days.moments, days.amounts, days.currencies) as done (
            moment, amount, currency
        )
        cross join lateral (
            select
                {{ period_first_day('starts.period',
                    '(done.moment at time zone starts.zone)::date',
                    'starts.week_starts') }} as day
        ) as local
        where done.moment >= starts.started_at

    ),

    summed as (

        select
            retention_id,
            unit_id,
            cohort_starts_at,
            period_count,
            period_index,
            currency,
            bool_or(is_return) as is_return,
            sum(amount) as amount
        from came
        group by
            retention_id, unit_id, cohort_starts_at, period_count, period_index, currency

    ),

    collected as (

        select
            retention_id,
            unit_id,
            cohort_starts_at,
            array_agg(distinct period_index order by period_index) filter (
                where is_return and period_index <= period_count
            ) as periods,
            max(period_index) filter (where is_return) as last_period,
            jsonb_agg(
                jsonb_build_array(period_index, currency, amount)
                order by period_index, currency collate "C"
            ) filter (where amount is not null and period_index <= period_count)
                as amounts
        from summed
        group by retention_id, unit_id, cohort_starts_at

    )
{%- endmacro %}

{# In which cells of its grid a unit counts, by the mode: rows of one column. #}
{% macro retention_cells(units) -%}
    select returned.period as cell_index
    from unnest({{ units }}.returned_periods) as returned (period)
    where {{ units }}.mode = 'on'

    union all

    select generate_series(
        0, least(coalesce({{ units }}.last_period, 0), {{ units }}.period_count)
    )
    where
        {{ units }}.mode = 'on_or_after'
        and (0 = any({{ units }}.returned_periods) or {{ units }}.last_period is not null)

    union all

    -- Where everybody counts for the period of the start, later ones ask for a return.
    select generate_series(min(returned.period), {{ units }}.period_count)
    from unnest({{ units }}.returned_periods) as returned (period)
    where
        {{ units }}.mode = 'on_or_before'
        and (returned.period > 0 or not {{ units }}.is_zero_full)
    having min(returned.period) is not null

    union all

    select 0
    where {{ units }}.mode = 'on_or_before' and {{ units }}.is_zero_full

    union all

    -- Sorted without repeats, the unbroken run from 1 is where place and value agree.
    select returned.period
    from unnest(array_remove({{ units }}.returned_periods, 0))
        with ordinality as returned (period, place)
    where {{ units }}.mode = 'streak' and returned.period = returned.place

    union all

    select 0
    where {{ units }}.mode = 'streak' and 0 = any({{ units }}.returned_periods)

    union all

    select brackets.place::integer - 1
    from jsonb_array_elements({{ units }}.brackets)
        with ordinality as brackets (ends, place)
    where
        {{ units }}.mode = 'brackets'
        and exists (
            select from unnest({{ units }}.returned_periods) as returned (period)
            where
                returned.period
                between (brackets.ends ->> 0)::integer and (brackets.ends ->> 1)::integer
        )
{%- endmacro %}

{# The CTEs `cohorts`, `counted` and `paid`: how many started, how many of them count for
   each cell, and what they brought, by currency. #}
{% macro retention_counts(units) -%}
    cohorts as (

        select
            retention_id,
            cohort_on,
            cohort_starts_at,
            split,
            count(*) as unit_count
        from {{ units }}
        group by retention_id, cohort_on, cohort_starts_at, split

    ),

    counted as (

        select
            {{ units }}.retention_id,
            {{ units }}.cohort_starts_at,
            {{ units }}.split,
            cells.cell_index as period_index,
            count(*) as unit_count
        from {{ units }}
        cross join lateral (
            {{ retention_cells(units) }}
        ) as cells
        group by 1, 2, 3, 4

    ),

    paid as (

        select
            {{ units }}.retention_id,
            {{ units }}.cohort_starts_at,
            {{ units }}.split,
            amounts.listed ->> 1 as currency,
            (amounts.listed ->> 0)::integer as period_index,
            sum((amounts.listed ->> 2)::numeric) as amount
        from {{ units }}
        cross join lateral jsonb_array_elements({{ units }}.amounts) as amounts (listed)
        group by 1, 2, 3, 4, 5

    )
{%- endmacro %}

{# The CTE `cells`: every cell of every cohort, those that nobody reached included. #}
{% macro retention_grid(grids) -%}
    cells as (

        select
            cohorts.*,
            coalesce(currencies.currency, '') as currency,
            spans.period_index,
            {{ grids }}.mode,
            {{ grids }}.clock,
            {{ grids }}.period,
            {{ grids }}.measure,
            case
                when {{ grids }}.clock = 'rolling'
                    then
                        ops.day_start(cohorts.cohort_on + 1, {{ grids }}.zone)
                        + make_interval(
                            hours => (spans.last_period + 1) * {{ grids }}.period_hours
                        )
                when {{ grids }}.period = 'hour'
                    then
                        cohorts.cohort_starts_at
                        + make_interval(hours => spans.last_period + 1)
                else
                    ops.day_start(
                        {{ period_after(grids ~ '.period', 'cohorts.cohort_on',
                            'spans.last_period + 1') }},
                        {{ grids }}.zone
                    )
            end as period_ends_at
        from cohorts
        inner join {{ grids }} on cohorts.retention_id = {{ grids }}.retention_id
        left join (
            select distinct retention_id, cohort_starts_at, split, currency from paid
        ) as currencies
            on
                cohorts.retention_id = currencies.retention_id
                and cohorts.cohort_starts_at = currencies.cohort_starts_at
                and cohorts.split = currencies.split
        cross join lateral (
            select
                each_period.place as period_index,
                each_period.place as last_period
            from generate_series(0, {{ grids }}.period_count) as each_period (place)
            where {{ grids }}.mode <> 'brackets'
            union all
            select
                brackets.place::integer - 1,
                (brackets.ends ->> 1)::integer
            from jsonb_array_elements({{ grids }}.brackets)
                with ordinality as brackets (ends, place)
            where {{ grids }}.mode = 'brackets'
        ) as spans

    )
{%- endmacro %}
