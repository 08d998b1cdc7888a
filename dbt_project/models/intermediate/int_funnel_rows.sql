{{ config(
    post_hook="{{ index_for_experiments() }}",
    unique_key=['occurred_on', 'source', 'event_id'],
    indexes=[{'columns': ['occurred_on']}],
) }}

{{ rows_of_funnels(
    days_of_funnels('occurred_on', ['raw.events'], has_changed_rows()),
    funnel_hits(),
    funnel_subjects(),
    fact_days='true' if has_changed_rows()
    else within_changed_days('occurred_at', ['raw.app'])
) }}
