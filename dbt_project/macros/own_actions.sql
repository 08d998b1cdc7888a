{# What people did in the app themselves; it makes them active without any event. #}
{% macro own_actions() -%}
    {%- set actions = {
        'stg_app__bookings': ['user_id', 'requested_at'],
        'stg_app__reviews': ['user_id', 'created_at'],
        'stg_app__messages': ['sender_id', 'sent_at'],
    } -%}
    {%- for relation, (user_id, instant) in actions.items() %}
    select
        {{ reporting_day('acted.' ~ instant) }} as day,
        acted.{{ user_id }} as user_id,
        acted.{{ instant }} as occurred_at,
        coalesce(aliases.person_key, 'user ' || acted.{{ user_id }}) as person_key,
        true as is_interactive,
        'operation' as counted_class
    from {{ ref(relation) }} as acted
    {{ joined_aliases('acted.' ~ user_id) }}
    where acted.{{ user_id }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Those of them that count, as person_days needs them: not of own people or tests. #}
{% macro counted_actions(condition) -%}
    select
        acted.day,
        acted.occurred_at,
        acted.person_key,
        acted.is_interactive,
        acted.counted_class
    from ({{ own_actions() }}) as acted
    where {{ condition }} and {{ is_counted_account('acted.user_id') }}
{%- endmacro %}
