{# What the claims of this build say of the app's rows. Those of extracts are found by their
   load, which history keeps on every version; all others by their days. Both as literals:
   of an array the planner would not know how few rows it has. #}
{% macro claimed_of_app(column, is_extract) -%}
    select distinct ({{ column }})::text as found
    from ops.touched_days as touched
    inner join ops.claimed_days as claimed using (touched_id)
    inner join ops.loads as loads on touched.load_id = loads.load_id
    where
        claimed.build_id = {{ build_id() }}
        and (
            starts_with(touched.event_name, 'app:')
            or touched.event_name in ('*', 'account')
        )
        and (loads.kind = 'extract' and starts_with(touched.event_name, 'app:'))
        = {{ is_extract }}
{%- endmacro %}

{# Versions that one of the claimed extracts opened or closed. #}
{% macro is_of_claimed_loads(rows) -%}
    {%- set found = run_query(claimed_of_app('touched.load_id', true)) -%}
    {%- set loads = found.columns[0].values() | map('int') | sort | join(', ') -%}
    {%- if loads -%}
        ({{ rows }}.load_id in ({{ loads }}) or {{ rows }}.closed_by in ({{ loads }}))
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# The days that something else touched: an erasure, an account, somebody by hand. #}
{% macro days_touched_otherwise() -%}
    {%- set found = run_query(claimed_of_app('touched.occurred_on', false)) -%}
    {{ return(found.columns[0].values()) }}
{%- endmacro %}

{# Holds where any of the columns is one of these days. #}
{% macro has_days_touched_otherwise(columns) -%}
    {%- set days = days_touched_otherwise() -%}
    {%- set conditions = [] -%}
    {%- for column in columns -%}
        {%- do conditions.append(is_one_of_days(column, days)) -%}
    {%- endfor -%}
    ({{ conditions | join(' or ') }})
{%- endmacro %}

{# These days, with the instants between which they lie. #}
{% macro instants_touched_otherwise() -%}
    select
        days.day,
        {{ day_start('days.day') }} as starts_at,
        {{ day_start('days.day + 1') }} as ends_at
    from unnest(array[{{ day_literals(days_touched_otherwise()) | join(', ') }}]::date[])
        as days (day)
{%- endmacro %}
