{{ config(
    unique_key=['occurred_on', 'source', 'event_id'],
    indexes=[
        {'columns': ['occurred_on', 'source', 'event_id'], 'unique': true},
    ],
) }}

{{ rows_of_funnels(
    changed_days('occurred_on', ['raw.events']), funnel_hits(), funnel_subjects(),
    fact_days=changed_days('occurred_on', ['raw.app'])
) }}
