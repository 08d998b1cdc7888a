{# Before models of experiments: the persons, as experiments count them, of whom an event
   came or went, and those who gained a device or a name or lost one, as they were and as
   they are. #}
{% macro record_changed_persons() -%}
    {%- if is_partial() -%}
        {%- set parents = ['int_events_matched'] -%}
        {%- do parents.append('int_funnel_rows') if goals_through_funnels() -%}
        {%- set seen -%}
            (
                select
                    units.unit_key::jsonb ->> 0 as user_id,
                    units.unit_key::jsonb ->> 1 as device_id
                from ops.changed_units as units
                where
                    units.build_id = {{ build_id() }}
                    and units.model in ('{{ parents | join("', '") }}')
            )
        {%- endset -%}
        insert into ops.changed_units (build_id, model, unit_key)
        select
            {{ build_id() }},
            'experiments.persons',
            seen.person_key
        from ({{ unit_rows(seen, 'true') }}) as seen
        union
        select
            {{ build_id() }},
            'experiments.persons',
            moved.unit_key
        from ops.changed_units as moved
        where
            moved.build_id = {{ build_id() }}
            and moved.model = 'identity.device_owners'
        on conflict do nothing;

        insert into ops.changed_units (build_id, model, unit_key)
        select
            {{ build_id() }},
            'experiments.person_ids',
            {{ person_id('persons.unit_key') }}
        from ops.changed_units as persons
        where
            persons.build_id = {{ build_id() }}
            and persons.model = 'experiments.persons'
        on conflict do nothing;

        analyze ops.changed_units
    {%- endif -%}
{%- endmacro %}

{# All rows that may be of persons with news: those of their users, and what is anonymous
   on devices that any of them ever owned. Every row outside of builds. #}
{% macro rows_of_changed_persons(relation) -%}
    {%- if is_partial() -%}
        (
            select found.*
            from (
                {{ ids_of_changed_persons('user') }}
                union
                {{ names_of_changed_persons(
                    'identity.persons', 'identifier', "named.identifier_type = 'user'"
                ) }}
            ) as users (user_id)
            cross join lateral (
                select candidates.*
                from {{ relation }} as candidates
                where
                    candidates.user_id = users.user_id
                    and not {{ is_anonymous('candidates') }}
                offset 0
            ) as found
            union all
            select found.*
            from (
                {{ ids_of_changed_persons('device') }}
                union
                {{ names_of_changed_persons(
                    source('identity', 'device_owners'), 'device_id', 'true'
                ) }}
            ) as devices (device_id)
            cross join lateral (
                select candidates.*
                from {{ relation }} as candidates
                where
                    candidates.device_id = devices.device_id
                    and {{ is_anonymous('candidates') }}
                offset 0
            ) as found
        )
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro ids_of_changed_persons(kind) -%}
    select {{ id_in_key('persons.unit_key', kind) }}
    from ops.changed_units as persons
    where
        persons.build_id = {{ build_id() }}
        and persons.model = 'experiments.persons'
        and starts_with(persons.unit_key, '{{ kind }} ')
{%- endmacro %}

{# Looked up one by one, also where the planner is told to hash what it joins. #}
{% macro names_of_changed_persons(relation, column, condition) -%}
    select found.{{ column }}
    from ops.changed_units as persons
    cross join lateral (
        select named.{{ column }}
        from {{ relation }} as named
        where named.person_key = persons.unit_key and {{ condition }}
        offset 0
    ) as found
    where
        persons.build_id = {{ build_id() }}
        and persons.model = 'experiments.persons'
{%- endmacro %}

{# The exposures of persons with news; all outside of builds. #}
{% macro changed_exposures() -%}
    {{ changed_units_of(
        ref('experiment_exposures'), 'person_id', ['experiments.person_ids']
    ) }}
{%- endmacro %}

{# Lets single persons be found among rows of funnels: an index that is made where an
   experiment asks for it, since those rows are many. #}
{% macro index_for_experiments() -%}
    {%- if execute and goals_through_funnels() -%}
        {%- for column in ['user_id', 'device_id'] -%}
            do $$
            begin
                if not exists (
                    select from pg_index as known
                    inner join pg_attribute as indexed
                        on known.indrelid = indexed.attrelid and known.indkey[0] = indexed.attnum
                    where
                        known.indrelid = '{{ this }}'::regclass
                        and indexed.attname = '{{ column }}'
                ) then
                    create index on {{ this }} ({{ column }});
                end if;
            end
            $$;
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
