{# Event rows with the person they belong to: a user, or a device that nobody owns. #}
{% macro owned_rows(relation, condition) -%}
    select
        owned.*,
        {{ person_id('owned.owner_id', 'owned.device_id') }} as person_id
    from (
        select
            anonymous.*,
            coalesce(anonymous.user_id, owners.user_id) as owner_id
        from {{ relation }} as anonymous
        left join {{ source('identity', 'device_owners') }} as owners
            on
                anonymous.user_id is null
                and owners.device_id = anonymous.device_id
                and anonymous.occurred_at >= owners.valid_from
                and anonymous.occurred_at < owners.valid_to
        where {{ condition }}
    ) as owned
{%- endmacro %}
