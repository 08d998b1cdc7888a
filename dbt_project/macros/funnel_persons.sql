{# The hits of a person and day, one row per funnel: what the rows are to it taken together,
   and a number that differs wherever they differ, added and lost ones included.

   Of funnels that are swept also each hit: microseconds and, in the lower eight bits, the
   mask of its steps; and what is read off it where the funnel is split by that. Sorted by
   the numbers of persons: by what they are called it took three times as long. #}
{% macro hits_of_persons(owned, funnels, condition='true') -%}
    with owned as materialized (

        select
            rows.occurred_on,
            rows.person_key,
            rows.hits,
            rows.subjects,
            {{ microseconds('rows.occurred_at') }} as moment,
            hash_record_extended(
                row(
                    rows.occurred_at, rows.source, rows.source_sequence, rows.event_id,
                    rows.subjects
                ),
                0
            ) as row_digest
        from ({{ owned }}) as rows

    ),

    persons as materialized (

        select
            listed.person_key,
            row_number() over () as person_number
        from (select distinct person_key from owned) as listed

    ),

    listed_hits as (

        select
            owned.occurred_on,
            (listed.hit >> 32 << 32) | persons.person_number as series,
            listed.hit,
            (listed.hit >> 32)::integer as funnel_number,
            owned.row_digest,
            {{ swept_hit(funnels) }} as swept_hit,
            owned.subjects -> (listed.hit >> 32)::text ->> 'by' as hit_value
        from owned
        inner join persons
            on owned.person_key = persons.person_key
        cross join lateral unnest(owned.hits) as listed (hit)
        -- As columns, not expressions: only those may arrive sorted where there is a filter.
        offset 0

    ),

    grouped as (

        select
            series,
            occurred_on,
            bit_or(hit) as hit,
            array_agg(swept_hit order by swept_hit) filter (
                where swept_hit is not null
            ) as hits,
            {{ hit_values(funnels) }} as hit_values,
            bit_xor(hashint8extended(hit, row_digest)) as row_digest
        from listed_hits
        where {{ condition }}
        group by series, occurred_on

    )

    select
        grouped.occurred_on,
        persons.person_key,
        (grouped.series >> 32)::integer as funnel_number,
        (grouped.hit & {{ 2 ** 31 - 1 }})::integer as mask,
        grouped.hits,
        grouped.hit_values,
        grouped.row_digest
    from grouped
    inner join persons
        on grouped.series & {{ 2 ** 32 - 1 }} = persons.person_number
{%- endmacro %}

{# In the order of the hits; null where there is none. #}
{% macro hit_values(funnels) -%}
    {%- if funnels | selectattr('is_swept') | selectattr('has_breakdown') | list -%}
        case
            when bool_or(hit_value is not null)
                then
                    array_agg(hit_value order by swept_hit, hit_value)
                    filter (where swept_hit is not null)
        end
    {%- else -%}
        null::text[]
    {%- endif -%}
{%- endmacro %}

{% macro swept_hit(funnels) -%}
    {%- set numbers = funnels | selectattr('is_swept') | map(attribute='funnel_number') -%}
    {%- set listed = numbers | join(', ') -%}
    {%- if listed -%}
        case
            when listed.hit >> 32 in ({{ listed }})
                then (owned.moment << 8) | (listed.hit & 255)
        end
    {%- else -%}
        null::bigint
    {%- endif -%}
{%- endmacro %}
