{# Whether an event lies in the history of a metric, before exposure, or strictly after it and
   inside the window. What reverses may come so much later than what it reverses; what looks back
   from the end of the experiment counts until then. #}
{% macro is_in_window(event, exposure, metric, goal) -%}
    (
        (
            {{ exposure }}.exposed_at > {{ event }}.occurred_at
            and {{ exposure }}.exposed_at - make_interval(days => {{ metric }}.history_days)
            <= {{ event }}.occurred_at
        )
        or (
            {{ exposure }}.exposed_at
            + make_interval(hours => coalesce({{ metric }}.after_hours, 0))
            < {{ event }}.occurred_at
            and coalesce(
                {{ exposure }}.exposed_at + make_interval(
                    hours => {{ metric }}.within_hours + case {{ goal }}.what
                        when 'reverses' then {{ metric }}.reversal_hours
                        else 0
                    end
                ),
                'infinity'
            ) >= {{ event }}.occurred_at
            and (
                {{ metric }}.lookback_hours is null
                or (
                    {{ metric }}.ends_at - make_interval(hours => {{ metric }}.lookback_hours)
                    < {{ event }}.occurred_at
                    and {{ metric }}.ends_at >= {{ event }}.occurred_at
                )
            )
        )
    )
{%- endmacro %}

{# The value of a unit before exposure or after, by the type of its metric: the sum of what
   events add, or whether more happened than was reversed. A reversal takes away whatever its
   sign. #}
{% macro unit_value(condition) -%}
    case
        when metric_type <> 'proportion'
            then coalesce(
                sum(case what when 'counts' then amount when 'reverses' then -abs(amount) end)
                    filter (where {{ condition }}),
                0
            )
        when
            count(*) filter (where {{ condition }} and what = 'counts')
            > count(*) filter (where {{ condition }} and what = 'reverses')
            then 1
        else 0
    end::numeric
{%- endmacro %}

{# The dimension of a row of grouping sets of one column each, and its value; all where no
   column is grouped by. #}
{% macro grouped_dimension(columns) -%}
    {%- set names = [] -%}
    {%- set values = [] -%}
    {%- for column in columns -%}
        {%- set grouped = "when grouping(" ~ column ~ ") = 0 then " -%}
        {%- do names.append(grouped ~ "'" ~ column ~ "'") -%}
        {%- do values.append(grouped ~ column) -%}
    {%- endfor -%}
    case {{ names | join(' ') }} else 'all' end as dimension,
    case {{ values | join(' ') }} else 'all' end as dimension_value
{%- endmacro %}

{# All that any comparison of arms needs, each a sum, so that days add up: of units of one arm
   alone. A covariate other than 0 is history, and so is a denominator before exposure, so that
   their products with history are themselves. #}
{% macro arm_statistics() -%}
    {%- set sums = {
        'value_sum': 'value', 'value_square_sum': 'value * value',
        'denominator_sum': 'denominator',
        'denominator_square_sum': 'denominator * denominator',
        'denominator_product_sum': 'value * denominator',
        'covariate_sum': 'covariate', 'covariate_square_sum': 'covariate * covariate',
        'covariate_product_sum': 'value * covariate',
        'history_product_sum': 'case when has_history then value end',
        'denominator_covariate_sum': 'denominator * covariate',
        'history_denominator_sum': 'case when has_history then denominator end',
        'earlier_denominator_sum': 'earlier_denominator',
        'earlier_denominator_square_sum': 'earlier_denominator * earlier_denominator',
        'earlier_denominator_value_sum': 'earlier_denominator * value',
        'earlier_denominator_product_sum': 'earlier_denominator * denominator',
        'earlier_denominator_covariate_sum': 'earlier_denominator * covariate',
    } -%}
    {%- set columns = [
        'sum(multi_arm_unit_count)::bigint as multi_arm_unit_count',
        'sum(unit_count)::bigint as unit_count',
        'count(*) filter (where value <> 0) as conversion_count',
        'count(*) filter (where has_history) as history_unit_count',
    ] -%}
    {%- for name, summand in sums.items() -%}
        {%- do columns.append('coalesce(sum(' ~ summand ~ '), 0) as ' ~ name) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{# Units of whom anything counts, each with what it adds to the statistics of its arm. #}
{% macro valued_units() -%}
    select
        {{ columns_of_arms('exposures') | join(', ') }},
        0 as multi_arm_unit_count,
        0 as unit_count,
        units.metric_name,
        least(units.value, coalesce(metrics.cap_value, caps.cap)) as value,
        least(units.covariate, coalesce(metrics.cap_value, caps.cap)) as covariate,
        units.denominator,
        units.earlier_denominator,
        units.has_history
    from {{ ref('experiment_units') }} as units
    inner join {{ ref('experiment_exposures') }} as exposures
        on
            units.experiment_id = exposures.experiment_id
            and units.phase = exposures.phase
            and units.person_id = exposures.person_id
            and units.exposed_on = exposures.exposed_on
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on
            units.experiment_id = metrics.experiment_id
            and units.metric_name = metrics.metric_name
    left join ({{ frozen_caps() }}) as caps
        on
            units.experiment_id = caps.experiment_id
            and units.phase = caps.phase
            and units.metric_name = caps.metric_name
    where {{ is_counted_anew('units') }} and {{ is_counted_anew('exposures', false) }}
{%- endmacro %}

{# Quantiles that cap values: of the units exposed before a day that stays, so that a cap
   stays what it was. #}
{% macro frozen_caps() -%}
    select
        units.experiment_id,
        units.phase,
        units.metric_name,
        percentile_disc(metrics.cap_quantile::float8) within group (
            order by units.value
        ) as cap
    from {{ ref('experiment_units') }} as units
    inner join {{ source('registry', 'experiment_metrics') }} as metrics
        on
            units.experiment_id = metrics.experiment_id
            and units.metric_name = metrics.metric_name
    where
        units.value <> 0
        and units.exposed_on < metrics.cap_frozen_on
        and {{ is_one_of_metrics('units.', capped_metrics()) }}
    group by
        units.experiment_id, units.phase, units.metric_name, metrics.cap_quantile
{%- endmacro %}

{# What units are split by, before they are counted. #}
{% macro columns_of_arms(rows=none) -%}
    {%- set columns = [] -%}
    {%- for name in ['experiment_id', 'phase', 'variant', 'is_control', 'browser_family',
        'device_class', 'exposed_on'] -%}
        {%- do columns.append((rows ~ '.' if rows else '') ~ name) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{# Statistics that a build makes anew: of days on which exposed units changed, and of
   metrics with a cap that such units may have moved, of every day. #}
{% macro is_counted_anew(rows=none, of_metric=true) -%}
    {%- set prefix = rows ~ '.' if rows else '' -%}
    {%- set days = changed_days(
        prefix ~ 'exposed_on', ['experiment_exposures', 'experiment_units']
    ) -%}
    {%- set moved = capped_metrics(is_moved=true) if is_partial() else [] -%}
    ({{ days }} or {{ is_one_of_metrics(prefix, moved, of_metric) }})
{%- endmacro %}

{% macro is_one_of_metrics(prefix, metrics, of_metric=true) -%}
    {%- set conditions = ['false'] -%}
    {%- for metric in metrics -%}
        {%- do conditions.append(
            '(' ~ prefix ~ "experiment_id = '" ~ metric.experiment_id ~ "'"
            ~ (' and ' ~ prefix ~ "metric_name = '" ~ metric.metric_name ~ "'"
            if of_metric else '') ~ ')'
        ) -%}
    {%- endfor -%}
    ({{ conditions | join(' or ') }})
{%- endmacro %}

{# The metrics whose cap is a quantile of units; or of them, those of which units exposed
   before it was frozen may have changed in this build. #}
{% macro capped_metrics(is_moved=false) -%}
    {%- set moved -%}
        and exists (
            select from ops.changed as changed
            where
                changed.build_id = {{ build_id() }}
                and changed.model in ('*', 'experiment_units')
                and changed.day < metrics.cap_frozen_on
        )
    {%- endset -%}
    {{ return(registry_rows(
        "select experiment_id, metric_name from registry.experiment_metrics as metrics "
        "where cap_quantile is not null " ~ (moved if is_moved else '')
        ~ " order by experiment_id, metric_name"
    )) }}
{%- endmacro %}
