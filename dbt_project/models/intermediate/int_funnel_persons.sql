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

)

-- Whatever differs in a person's rows of a day, added and lost ones included, differs here.
select
    occurred_on,
    person_key,
    count(*) as row_count,
    {{ united_masks() }} as masks,
    bit_xor(hash_record_extended(
        row(
            occurred_at, source, source_sequence, event_id, device_id, user_id,
            masks, subjects
        ),
        0
    )) as row_digest
from owned
group by occurred_on, person_key
