{# Inside each group the positions are 1, 2, 3 and so on, without gap or repeat. #}
{% test sequential(model, position, group_by, day) %}
    select {{ group_by | join(', ') }}
    from {{ rows_in_build(model, day) }} as checked
    group by {{ group_by | join(', ') }}
    having
        min({{ position }}) <> 1
        or max({{ position }}) <> count(*)
        or count(distinct {{ position }}) <> count(*)
{% endtest %}
