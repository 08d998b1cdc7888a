{# The expression holds for every row; unknown is not true. #}
{% test expression_is_true(model, expression, day) %}
    select 1 as failed
    from {{ rows_in_build(model, day) }} as checked
    where ({{ expression }}) is not true
{% endtest %}
