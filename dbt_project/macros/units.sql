{# Event rows with the person whom an experiment counts: as `owned_rows`, but a device
   stands for one person only, in all of history, or a unit would leave its arm when
   somebody logs in. registry/identity.yml says which. #}
{% macro unit_rows(relation, condition, is_changed=false) -%}
    {%- set found = registry_rows("select experiment_mapping from identity.rules") -%}
    {%- set mapping = found[0][0] if found else 'first_touch' -%}
    {%- set person_key -%}
        coalesce(
            case
                when not {{ is_anonymous('anonymous') }}
                    then coalesce(aliases.person_key, 'user ' || anonymous.user_id)
            end,
            owners.person_key,
            'device ' || anonymous.device_id
        )
    {%- endset -%}
    select
        anonymous.*,
        {{ person_key }} as person_key
    from {{ rows_of_changed_persons(relation) if is_changed else relation }} as anonymous
    left join lateral (
        select
            touched.person_key,
            touched.user_id
        from {{ source('identity', 'device_owners') }} as touched
        where
            {{ is_anonymous('anonymous') }}
            and touched.device_id = anonymous.device_id
        order by touched.valid_from {{ 'desc' if mapping == 'last_touch' else 'asc' }}
        limit 1
    ) as owners on true
    {{ joined_aliases('anonymous.user_id') }}
    where
        (not {{ is_anonymous('anonymous') }} or anonymous.device_id is not null)
        and {{ is_counted_account('owners.user_id') }}
        and {{ condition }}
        and {{ is_strict_unit(mapping, person_key) }}
        and {{ is_changed_unit(person_key, ['experiments.persons']) if is_changed
            else 'true' }}
{%- endmacro %}

{# Holds for a row whose user id, if it has one, identifies nobody. #}
{% macro is_anonymous(rows) -%}
    ({{ rows }}.user_id is null or {{ is_blocked_user(rows ~ '.user_id') }})
{%- endmacro %}

{# Holds for every unit, or in the strict mapping for those of one device and one person. #}
{% macro is_strict_unit(mapping, person_key) -%}
    {%- if mapping == 'strict' -%}
        (
            {{ has_at_most_one('person_key', 'device_id', 'anonymous.device_id') }}
            and {{ has_at_most_one('device_id', 'person_key', person_key) }}
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Holds where the owners of devices tie something to one other or to none. #}
{% macro has_at_most_one(counted, column, value) -%}
    not exists (
        select from {{ source('identity', 'device_owners') }} as tied
        where tied.{{ column }} = {{ value }}
        having count(distinct tied.{{ counted }}) > 1
    )
{%- endmacro %}
