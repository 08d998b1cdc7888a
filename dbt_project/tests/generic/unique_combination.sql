{# No two rows agree in these columns. #}
{% test unique_combination(model, columns, day) %}
    select {{ columns | join(', ') }}
    from {{ rows_in_build(model, day) }} as checked
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
