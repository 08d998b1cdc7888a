{%- set parents = ['int_funnel_rows', 'identity.device_owners'] -%}

{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['occurred_on', 'person_key'],
    indexes=[{'columns': ['occurred_on', 'person_key'], 'unique': true}],
) }}

with

owned as (

    {{ owned_rows(
        ref('int_funnel_rows'), changed_days('anonymous.occurred_on', parents)
    ) }}

),

-- Whatever differs in a person's rows of a day, added and lost ones included, differs in
-- the digest.
grouped as (

    select
        occurred_on,
        person_key,
        count(*) as row_count,
        funnels.concatenation(hits) as hits,
        bit_xor(hash_record_extended(
            row(
                occurred_at, source, source_sequence, event_id, device_id, user_id,
                hits, subjects
            ),
            0
        )) as row_digest
    from owned
    group by occurred_on, person_key

)

select
    occurred_on,
    person_key,
    row_count,
    array(
        select bit_or(listed.hit)
        from unnest(grouped.hits) as listed (hit)
        group by listed.hit >> 32
        order by listed.hit >> 32
    ) as hits,
    row_digest
from grouped
