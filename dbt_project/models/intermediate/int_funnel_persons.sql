{%- set parents = ['int_funnel_rows', 'identity.device_owners'] -%}

{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['occurred_on', 'person_key', 'funnel_number'],
    indexes=[{'columns': ['occurred_on']}],
) }}

{{ hits_of_persons(
    owned_rows(
        ref('int_funnel_rows'),
        days_of_funnels('anonymous.occurred_on', parents, changed_funnels() | length > 0)
    ),
    funnel_plans(),
    changed_days('occurred_on', parents) ~ ' or ' ~ is_of_changed_funnel('funnel_number')
) }}
