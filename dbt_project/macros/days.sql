{# A list of date literals: only literals prune the partitions of raw.events. #}
{% macro day_literals(days) -%}
    {%- set literals = [] -%}
    {%- for day in days | map('string') | unique | sort -%}
        {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', day) -%}
            {{ exceptions.raise_compiler_error('a day is written yyyy-mm-dd') }}
        {%- endif -%}
        {%- do literals.append("date '" ~ day ~ "'") -%}
    {%- endfor -%}
    {{ return(literals) }}
{%- endmacro %}

{# Holds on the given days, and on none when there are none. #}
{% macro is_one_of_days(column, days) -%}
    {%- set literals = day_literals(days) -%}
    {%- if literals -%}
        {{ column }} in ({{ literals | join(', ') }})
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# The days of raw.events that this build may read; every day outside of builds. #}
{% macro claimed_days(column) -%}
    {%- if is_partial() -%}
        {{ is_one_of_days(column, running_build()['days']) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# The days that any of the parents changed in this build, and so many days before and
   after each. #}
{% macro changed_days(column, parents, before=0, after=0) -%}
    {%- if execute and is_partial() -%}
        {%- set found = run_query(changed_days_query(parents, before, after)) -%}
        {{ is_one_of_days(column, found.columns[0].values()) }}
    {%- elif is_partial() -%}
        false
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{% macro changed_days_query(parents, before, after) -%}
    select distinct (changed.day + around.day_count)::text as day
    from ops.changed as changed
    cross join generate_series(-{{ before }}, {{ after }}) as around (day_count)
    where
        changed.build_id = {{ build_id() }}
        and changed.model in ('*', '{{ parents | join("', '") }}')
{%- endmacro %}

{# Units whose rows any of the parents changed in this build; every unit outside of builds.
   A parent built from nothing has its children built from nothing, too. #}
{% macro is_changed_unit(column, parents) -%}
    {%- if is_partial() -%}
        {{ column }} in (
            select changed.unit_key
            from ops.changed_units as changed
            where
                changed.build_id = {{ build_id() }}
                and changed.model in ('{{ parents | join("', '") }}')
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Rows that rest on a range of days of which any of the parents changed one. #}
{% macro rests_on_changed(first_day, last_day, parents) -%}
    {%- if execute and is_partial() -%}
        {%- set found = run_query(changed_ranges_query(parents)) -%}
        {{ overlaps_ranges(first_day, last_day, found.rows) }}
    {%- elif is_partial() -%}
        false
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Holds for a range of days that shares one with any of the given ranges. #}
{% macro overlaps_ranges(first_day, last_day, ranges) -%}
    {%- set parts = ['false'] -%}
    {%- for first_changed, last_changed in ranges -%}
        {%- do parts.append(
            '(' ~ first_day ~ ') <= ' ~ day_literals([last_changed])[0]
            ~ ' and (' ~ last_day ~ ') >= ' ~ day_literals([first_changed])[0]
        ) -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' or ') ~ ')') }}
{%- endmacro %}

{# The first and the last of every row of successive days that parents changed, or that lie
   so many days around one. #}
{% macro changed_ranges_query(parents, before=0, after=0) -%}
    select
        min(day)::text,
        max(day)::text
    from (
        select
            day::date as day,
            day::date - (row_number() over (order by day::date))::integer as before_first
        from ({{ changed_days_query(parents, before, after) }}) as changed_days
    ) as listed
    group by before_first
    order by 1
{%- endmacro %}

{# One row per day from the first to the last of a query of days. #}
{% macro calendar_spine(days) -%}
    select spine.day::date as day
    from (select min(day) as first_day, max(day) as last_day from {{ days }}) as ends
    cross join
        generate_series(
            ends.first_day::timestamp, ends.last_day::timestamp, interval '1 day'
        ) as spine (day)
{%- endmacro %}

{# The reporting day of an instant. #}
{% macro reporting_day(instant) -%}
    ({{ instant }} at time zone {{ reporting_timezone() }})::date
{%- endmacro %}

{# The instant at which a reporting day begins. #}
{% macro day_start(day) -%}
    ops.day_start({{ day }}, {{ reporting_timezone() }})
{%- endmacro %}

{% macro reporting_timezone() -%}
    {%- set timezone = env_var('DAYBOOK_TIMEZONE', 'UTC') -%}
    {%- if not modules.re.fullmatch('[A-Za-z0-9_+/-]+', timezone) -%}
        {{ exceptions.raise_compiler_error('DAYBOOK_TIMEZONE names no time zone') }}
    {%- endif -%}
    '{{ timezone }}'
{%- endmacro %}

{# The first and the last reporting day of a relation. #}
{% macro first_and_last(relation, instant) -%}
    select {{ reporting_day('min(' ~ instant ~ ')') }} as day from {{ ref(relation) }}
    union all
    select {{ reporting_day('max(' ~ instant ~ ')') }} as day from {{ ref(relation) }}
{%- endmacro %}
