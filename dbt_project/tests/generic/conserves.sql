{# Day by day, what the model sums up to is what its parent sums up to. #}
{% test conserves(
    model, amount, day, parent, parent_amount, parent_day, condition='true',
    parent_condition='true'
) %}
    with

    given as (

        select
            {{ parent_day }} as day,
            sum({{ parent_amount }}) as amount
        from {{ rows_in_build(parent, parent_day) }} as parents
        where {{ parent_condition }}
        group by {{ parent_day }}

    ),

    kept as (

        select
            {{ day }} as day,
            sum({{ amount }}) as amount
        from {{ rows_in_build(model, day, parent.name) }} as checked
        where {{ condition }}
        group by {{ day }}

    )

    select day
    from given
    full join kept using (day)
    where coalesce(given.amount, 0) <> coalesce(kept.amount, 0)
{% endtest %}
