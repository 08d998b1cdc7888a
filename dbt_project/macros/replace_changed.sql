{# Replace exactly what changed: inside the scope of this build, rows that are no longer
   produced go, new ones come, equal ones stay untouched. Merge and delete+insert keep the
   rows of a day whose events are gone. Two statements, since an insert beside a delete in
   one statement may meet the old key. #}
{% macro get_incremental_replace_changed_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set fresh = arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | list -%}
    analyze {{ fresh }};

    {{ record_touched_units(target) }}

    with removed as (
        delete from {{ target }} as old_rows
        where
            ({{ replaced_scope('old_rows') }})
            and not exists ({{ same_row(fresh, 'old_rows', columns) }})
        returning {{ recorded_columns() }}{{ replaced_keys() }}
    ){{ record_units('removed') }}

    {{ log_replaced_keys('removed', fresh) }}
    {{ record_changed('removed') }};

    with added as (
        insert into {{ target }} ({{ columns | join(', ') }})
        select {{ columns | join(', ') }}
        from {{ fresh }} as new_rows
        where not exists ({{ same_row(target, 'new_rows', columns) }}{{ scope_again() }})
        returning {{ recorded_columns() }}
    ){{ record_units('added') }}

    {{ record_changed('added') }}
{% endmacro %}

{# The scope said again, or the days of this build would be looked for in all. #}
{% macro scope_again() -%}
    {{ ' and (' ~ replaced_scope('same_rows') ~ ')'
        if config.require('meta')['rebuild'] in ['days', 'extents', 'attempts', 'keys', 'statistics'] }}
{%- endmacro %}

{# Columns by which a model logs the keys that it replaced, if it does. #}
{% macro replaced_keys() -%}
    {%- if 'session_changes' == config.require('meta').get('logs') -%}
        , {{ session_key_columns() | join(', ') }}
    {%- endif -%}
{%- endmacro %}

{% macro log_replaced_keys(removed, fresh) -%}
    {%- if replaced_keys() and build_id() > 0 -%}
        {{ log_session_changes(removed, fresh) }}
    {%- endif -%}
{%- endmacro %}

{% macro same_row(relation, other, columns) -%}
    {%- set ours = [] -%}
    {%- set theirs = [] -%}
    {%- for column in columns -%}
        {%- do ours.append('same_rows.' ~ column) -%}
        {%- do theirs.append(other ~ '.' ~ column) -%}
    {%- endfor -%}
    {%- set keys = [] -%}
    {%- for key in config.require('unique_key') -%}
        {%- do keys.append('same_rows.' ~ key ~ ' = ' ~ other ~ '.' ~ key) -%}
    {%- endfor -%}
    select from {{ relation }} as same_rows
    where
        {{ keys | join(' and ') }}
        and ({{ ours | join(', ') }}) is not distinct from ({{ theirs | join(', ') }})
{%- endmacro %}

{# Rows of one day may come from different parents, each with days of its own, and of a
   parent that moves persons' events only theirs be made anew. #}
{% macro changed_parts(rows, meta) -%}
    {%- set scope = rows ~ '.' ~ meta.get('scope', day_column()) -%}
    {%- set conditions = [] -%}
    {%- for part in meta.get('parts', [{'rows': 'true', 'parents': meta['parents']}]) -%}
        {%- set days = changed_days(
            scope, part['parents'], before=meta.get('spread', 0),
            after=meta.get('spread_after', 0)
        ) -%}
        {%- set told = is_of_moved_person(rows ~ '.' ~ part['moved']) if 'moved' in part
            else part['rows'] -%}
        {%- do conditions.append('(' ~ told ~ ' and ' ~ days ~ ')') -%}
    {%- endfor -%}
    {{ conditions | join(' or ') }}
{%- endmacro %}

{# The rows of the model that this build may replace, by `meta.rebuild`. #}
{% macro replaced_scope(rows) -%}
    {%- set meta = config.require('meta') -%}
    {%- if build_id() == 0 -%}
        true
    {%- elif meta['rebuild'] == 'extents' -%}
        {{ claimed_days(rows ~ '.' ~ day_column()) }}
        and exists (
            select from ops.build_extents as extents
            where
                extents.build_id = {{ build_id() }}
                and extents.device_id = {{ rows }}.device_id
                and {{ rows }}.started_at between extents.from_at and extents.to_at
        )
    {%- elif meta['rebuild'] == 'days' -%}
        {{ changed_parts(rows, meta) }}
        {{- ' or ' ~ replaced_funnels(rows, meta['of_funnel']) if 'of_funnel' in meta }}
    {%- elif meta['rebuild'] == 'attempts' -%}
        {{ replaced_attempts(rows) }}
    {%- elif meta['rebuild'] == 'keys' -%}
        {{ is_changed_key(rows ~ '.' ~ meta['unit'], meta['parents']) }}
        {{- ' or ' ~ replaced_funnels(rows, meta['of_funnel']) if 'of_funnel' in meta }}
    {%- elif meta['rebuild'] == 'statistics' -%}
        {{ is_counted_anew(rows) }}
    {%- elif meta['rebuild'] == 'ranges' -%}
        {{ rests_on_changed(
            'old_rows.' ~ meta['range'][0], 'old_rows.' ~ meta['range'][1], meta['parents']
        ) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{% macro day_column() -%}
    {{ return(config.require('meta')['day']) }}
{%- endmacro %}

{# What is told of a row that came or went: its day, the other days on which children
   count it and, where they follow single units, its unit. #}
{% macro recorded_columns() -%}
    {%- set unit = config.require('meta').get('unit') -%}
    {%- set also_days = config.require('meta').get('also_days') -%}
    {{ day_column() }} as day{{ ', ' ~ also_days ~ ' as also_days' if also_days }}
    {{- ', ' ~ unit ~ ' as unit_key' if unit }}
{%- endmacro %}

{# On days touched by hand, every unit counts as changed. #}
{% macro record_touched_units(target) -%}
    {%- set unit = config.require('meta').get('unit') -%}
    {%- if build_id() > 0 and unit -%}
        insert into ops.changed_units (build_id, model, unit_key)
        select distinct
            {{ build_id() }},
            '{{ this.name }}',
            {{ unit }}
        from {{ target }}
        where {{ changed_days(day_column(), []) }}
        on conflict do nothing;
    {%- endif -%}
{%- endmacro %}

{% macro record_units(rows) -%}
    {%- if build_id() > 0 and config.require('meta').get('unit') -%}
    ,

    {{ rows }}_units as (
        insert into ops.changed_units (build_id, model, unit_key)
        select distinct
            {{ build_id() }},
            '{{ this.name }}',
            unit_key
        from {{ rows }}
        on conflict do nothing
    )
    {%- endif -%}
{%- endmacro %}

{# Write the days of removed or added rows to the ledger that children read. #}
{% macro record_changed(rows) -%}
    {%- if build_id() > 0 -%}
        insert into ops.changed (build_id, model, day)
        select distinct
            {{ build_id() }},
            '{{ this.name }}',
            day
        from {{ rows }}
        {{- also_recorded(rows) }}
        on conflict do nothing
    {%- else -%}
        select count(*) from {{ rows }}
    {%- endif -%}
{%- endmacro %}

{% macro also_recorded(rows) -%}
    {%- if rows != 'rebuilt' and config.require('meta').get('also_days') %}
        union
        select
            {{ build_id() }},
            '{{ this.name }}',
            also.day
        from {{ rows }}
        cross join lateral unnest({{ rows }}.also_days) as also (day)
        where also.day is not null
    {%- endif -%}
{%- endmacro %}

{# A model built anew changed every day that it has or had; its children are built anew,
   too. They plan by its statistics, which a new table lacks. #}
{% macro record_rebuilt() -%}
    {%- if execute and not is_incremental() -%}
        analyze {{ this }};
        {%- if build_id() > 0 %}
        with rebuilt as (select distinct {{ day_column() }} as day from {{ this }})

        {{ record_changed('rebuilt') }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
