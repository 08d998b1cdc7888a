{# Event rows with the person they belong to: a user, or a device that nobody owns. An
   anonymous event belongs to the owner of its device at that instant. #}
{% macro owned_rows(relation, condition) -%}
    select
        anonymous.*,
        {{ person_key('coalesce(anonymous.user_id, owners.user_id)', 'anonymous.device_id') }}
            as person_key
    from {{ relation }} as anonymous
    left join {{ source('identity', 'device_owners') }} as owners
        on
            anonymous.user_id is null
            and owners.device_id = anonymous.device_id
            and anonymous.occurred_at >= owners.valid_from
            and anonymous.occurred_at < owners.valid_to
    where
        coalesce(anonymous.user_id, anonymous.device_id) is not null
        and {{ condition }}
{%- endmacro %}

{# What a person is called while rows are counted: hashing each row would cost more. #}
{% macro person_key(user_id, device_id) -%}
    coalesce('user ' || {{ user_id }}, 'device ' || {{ device_id }})
{%- endmacro %}

{# The user or the device behind a key; null for the other kind. #}
{% macro id_in_key(person_key, kind) -%}
    case
        when split_part({{ person_key }}, ' ', 1) = '{{ kind }}'
            then substr({{ person_key }}, {{ kind | length + 2 }})
    end
{%- endmacro %}

{# The person behind a key (MECHANICS 6): hash of the user id, or of the device id. #}
{% macro person_id(person_key) -%}
    {{ hashed_key([
        "split_part(" ~ person_key ~ ", ' ', 1)",
        "substr(" ~ person_key ~ ", strpos(" ~ person_key ~ ", ' ') + 1)",
    ]) }}
{%- endmacro %}
