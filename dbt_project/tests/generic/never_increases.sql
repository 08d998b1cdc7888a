{# Inside each group the value never grows from one position to the next. #}
{% test never_increases(model, value, position, group_by, day) %}
    select 1 as failed
    from (
        select
            {{ value }} as value,
            lag({{ value }}) over (
                partition by {{ group_by | join(', ') }} order by {{ position }}
            ) as previous_value
        from {{ rows_in_build(model, day) }} as checked
    ) as compared
    where value > previous_value
{% endtest %}
