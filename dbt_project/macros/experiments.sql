{# Whether an event lies in the history of a metric, before exposure, or strictly after it and
   inside the window. What reverses may come so much later than what it reverses; what looks back
   from the end of the experiment counts until then. #}
{% macro is_in_window(event, exposure, metric) -%}
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
                    hours => {{ metric }}.within_hours + case {{ event }}.what
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
    {%- set counts = {'unit_count': 'true', 'conversion_count': 'value <> 0',
        'history_unit_count': 'has_history'} -%}
    {%- set sums = {
        'value_sum': 'value', 'value_square_sum': 'value * value',
        'denominator_sum': 'denominator',
        'denominator_square_sum': 'denominator * denominator',
        'denominator_product_sum': 'value * denominator',
        'covariate_sum': 'covariate', 'covariate_square_sum': 'covariate * covariate',
        'covariate_product_sum': 'value * covariate',
        'history_product_sum': 'case when has_history then value else 0 end',
        'denominator_covariate_sum': 'denominator * covariate',
        'history_denominator_sum': 'case when has_history then denominator else 0 end',
        'earlier_denominator_sum': 'earlier_denominator',
        'earlier_denominator_square_sum': 'earlier_denominator * earlier_denominator',
        'earlier_denominator_value_sum': 'earlier_denominator * value',
        'earlier_denominator_product_sum': 'earlier_denominator * denominator',
        'earlier_denominator_covariate_sum': 'earlier_denominator * covariate',
    } -%}
    {%- set columns = ["count(*) filter (where is_multi_arm) as multi_arm_unit_count"] -%}
    {%- for name, condition in counts.items() -%}
        {%- do columns.append(
            "count(*) filter (where not is_multi_arm and " ~ condition ~ ") as " ~ name
        ) -%}
    {%- endfor -%}
    {%- for name, summand in sums.items() -%}
        {%- do columns.append(
            "coalesce(sum(" ~ summand ~ ") filter (where not is_multi_arm), 0) as " ~ name
        ) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
