{# Every list of events of a grid, trend or lifecycle, as rows of VALUES beside one event:
   what it is part of, whether it holds, and what is read off the event. #}
{% macro behaviours() -%}
    {%- set rows = registry_rows(
        "select kind, id, part, predicate_sql, unit_sql, breakdown_sql, amount_sql "
        "from registry.behaviours order by kind, id, part"
    ) -%}
    (null::text, null::text, null::integer, false, null::text, null::text, null::numeric)
    {%- for row in rows %},
    (
        '{{ row[0] }}',
        '{{ row[1] | replace("'", "''") }}',
        {{ row[2] }},
        {{ row[3] ~ (' and ' ~ row[4] ~ ' is not null' if row[4] else '') }},
        {{ row[4] or 'null' }},
        {{ row[5] or 'null' }},
        {{ row[6] or 'null' }}
    )
    {%- endfor %}
{%- endmacro %}

{# The reporting days of units with what they did: of persons whether they were active, of
   any unit the events of a definition: of both relations whole, or of what is given of
   them. The condition speaks of `unit_id` and `day`. #}
{% macro unit_days(condition='true', persons=none, matched=none) -%}
    select * from (
        select
            'activity' as kind,
            'any' as id,
            0 as part,
            person_id as unit_id,
            day,
            array[first_active_at, last_active_at] as moments,
            null::text[] as breakdowns,
            null::numeric[] as amounts,
            null::text[] as currencies
        from {{ persons or ref('person_days') }} as persons
        where is_active
    ) as active_days
    where {{ condition }}

    union all

    select * from (
        select
            kind,
            id,
            part,
            unit_id,
            day,
            moments,
            breakdowns,
            amounts,
            currencies
        from {{ matched or ref('int_units_matched') }} as matched
    ) as matched_days
    where {{ condition }}
{%- endmacro %}

{# The zone of a definition: its own, or the reporting one. #}
{% macro zone_of(definition) -%}
    coalesce({{ definition }}.timezone, {{ reporting_timezone() }})
{%- endmacro %}

{# The first day of the period that holds a day; of an hour, its day. #}
{% macro period_first_day(period, day, week_starts) -%}
    case {{ period }}
        when 'month' then date_trunc('month', ({{ day }})::timestamp)::date
        when 'week'
            then ({{ day }}) - (
                extract(isodow from ({{ day }}))::integer
                - case {{ week_starts }} when 'sunday' then 0 else 1 end
            ) % 7
        else ({{ day }})
    end
{%- endmacro %}

{# The first day of the period so many periods later. #}
{% macro period_after(period, first_day, count) -%}
    case {{ period }}
        when 'month' then ({{ first_day }} + make_interval(months => {{ count }}))::date
        when 'week' then {{ first_day }} + 7 * ({{ count }})
        else {{ first_day }} + ({{ count }})
    end
{%- endmacro %}

{# How many periods lie between the first days of two. #}
{% macro periods_between(period, first_day, later_day) -%}
    case {{ period }}
        when 'month'
            then 12 * (
                extract(year from {{ later_day }}) - extract(year from {{ first_day }})
            ) + extract(month from {{ later_day }}) - extract(month from {{ first_day }})
        when 'week' then ({{ later_day }} - {{ first_day }}) / 7
        else {{ later_day }} - {{ first_day }}
    end::integer
{%- endmacro %}

{# The CTEs up to `counted`: the events of definitions that count units, each with its unit:
   the person, or what the event names. #}
{% macro done_by_units(parents) -%}
    owned as (

        {{ owned_rows(ref('int_events_valued'),
            'anonymous.unit_value is null and '
            ~ changed_days('anonymous.occurred_on', parents)) }}

    ),

    named as (

        select
            valued.*,
            'named ' || valued.unit_value as unit_key
        from {{ ref('int_events_valued') }} as valued
        where
            valued.unit_value is not null
            and {{ changed_days('valued.occurred_on', parents) }}

    ),

    done as (

        select
            owned.*,
            owned.person_key as unit_key
        from owned
        union all
        select
            named.*,
            named.unit_key as same_key
        from named

    ),

    counted as (

        select done.*
        from done
        inner join {{ source('registry', 'behaviours') }} as behaviours
            on
                done.kind = behaviours.kind
                and done.id = behaviours.id
                and done.part = behaviours.part
        where behaviours.counts_units

    )
{%- endmacro %}
