{# What a period says of the one before is what that one says of itself. #}
{% test lifecycle_chain(model) %}
    select 1 as failed
    from {{ rows_in_build(model, 'last_on') }} as later
    left join {{ model }} as earlier
        on
            later.lifecycle_id = earlier.lifecycle_id
            and later.period = earlier.period
            and later.previous_first_on = earlier.first_on
    where later.previous_active_count <> coalesce(earlier.active_count, 0)
{% endtest %}
