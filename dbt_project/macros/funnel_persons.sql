{# The hits of a person and day, one row per funnel: what the rows are to it taken together,
   and a number that differs wherever they differ, added and lost ones included.

   Of funnels that are swept also each hit: microseconds and, in the lower eight bits, the
   mask of its steps; and what is read off it where the funnel is split by that. Sorted day
   by day, which fits into memory, and by hashes of persons, which alone decide almost
   always: by what they are called it took three times as long. #}
{% macro hits_of_persons(owned, funnels, condition='true') -%}
    with owned as (

        select
            rows.occurred_on,
            rows.person_key,
            rows.subjects,
            rows.hits,
            {{ microseconds('rows.occurred_at') }} as moment,
            hashtextextended(rows.person_key, 0) as person_hash,
            hash_record_extended(
                row(
                    rows.occurred_at, rows.source, rows.source_sequence, rows.event_id,
                    rows.subjects
                ),
                0
            ) as row_digest
        from ({{ owned }}) as rows
        -- What is sorted by day is said of few columns.
        offset 0

    ),

    -- As columns, not expressions: only those may arrive sorted where there is a filter.
    -- Of a changed funnel few hits are left to sort, of all of them events are fewer.
    listed_hits as (

        select
            occurred_on,
            person_key,
            (person_hash << 20) | (hit >> 32) as series,
            hit,
            (hit >> 32)::integer as funnel_number,
            row_digest,
            {{ swept_hit(funnels) }} as swept_hit,
            subjects -> (hit >> 32)::text ->> 'by' as hit_value
        from (
            select
                owned.*,
                unnest(hits) as hit
            from owned
            {{ 'order by occurred_on' if not is_partial() }}
        ) as listed
        order by occurred_on

    )

    select
        occurred_on,
        person_key,
        (series & {{ 2 ** 20 - 1 }})::integer as funnel_number,
        (bit_or(hit) & {{ 2 ** 31 - 1 }})::integer as mask,
        array_agg(swept_hit order by swept_hit) filter (
            where swept_hit is not null
        ) as hits,
        {{ hit_values(funnels) }} as hit_values,
        bit_xor(hashint8extended(hit, row_digest)) as row_digest
    from listed_hits
    where {{ condition }}
    group by occurred_on, series, person_key
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
            when hit >> 32 in ({{ listed }})
                then (moment << 8) | (hit & 255)
        end
    {%- else -%}
        null::bigint
    {%- endif -%}
{%- endmacro %}
