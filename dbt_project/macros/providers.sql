{# How often something happened to a provider on a day. #}
{% macro measured(measure, amount='amount') -%}
    coalesce(sum({{ amount }}) filter (where measure = '{{ measure }}'), 0)::bigint
{%- endmacro %}

{# The response times of a day, accepted and declined together, shortest first. #}
{% macro merged_responses() -%}
    (
        max(response_seconds) filter (where measure = 'accepted')
        || max(response_seconds) filter (where measure = 'declined')
    )
{%- endmacro %}

{# The length of a range of instants. #}
{% macro seconds_of(span) -%}
    extract(epoch from upper({{ span }}) - lower({{ span }}))
{%- endmacro %}

{# The length of hours that were merged; 0 of none. #}
{% macro merged_seconds(hours) -%}
    coalesce(
        (select sum({{ seconds_of('pieces.span') }}) from unnest({{ hours }}) as pieces (span)),
        0
    )::numeric(18, 6)
{%- endmacro %}

{# What happened to each provider on each changed day, one row per measure that is not zero;
   its part is the sum of ratings, or how many of the customers came again. #}
{% macro provider_measures(parents) -%}
    with

    -- Read once for each of its days, by the index on it.
    counted as not materialized (

        select * from {{ ref('bookings') }}
        where not is_quarantined and exclusion is null and provider_id is not null

    )

    select
        requested_on as day,
        provider_id,
        'requested' as measure,
        count(*) as amount,
        null::bigint as part,
        null::numeric[] as response_seconds
    from counted
    where {{ changed_days('requested_on', parents) }}
    group by requested_on, provider_id

    union all

    select
        decided_on as day,
        provider_id,
        decision as measure,
        count(*) as amount,
        null as part,
        array_agg(requested_seconds order by requested_seconds)
        filter (where decision <> 'expired') as response_seconds
    from counted
    where decided_on is not null and {{ changed_days('decided_on', parents) }}
    group by decided_on, provider_id, decision

    union all

    select
        ended_on as day,
        provider_id,
        state as measure,
        count(*) as amount,
        null as part,
        null as response_seconds
    from counted
    where ended_on is not null and {{ changed_days('ended_on', parents) }}
    group by ended_on, provider_id, state

    union all

    select
        {{ reporting_day('created_at') }} as day,
        provider_id,
        'rated' as measure,
        count(*) as amount,
        sum(rating) as part,
        null as response_seconds
    from {{ ref('stg_app__reviews') }} as reviews
    where
        coalesce(state, 'shown') <> 'hidden'
        and {{ is_counted_account('reviews.user_id') }}
        and {{ within_changed_days('created_at', parents) }}
    group by {{ reporting_day('created_at') }}, provider_id

    union all

    select
        matures_on as day,
        provider_id,
        'matured' as measure,
        count(*) as amount,
        count(*) filter (where is_repeat) as part,
        null as response_seconds
    from {{ ref('provider_customers') }}
    where {{ changed_days('matures_on', parents) }}
    group by matures_on, provider_id
{%- endmacro %}

{# The hours of each provider on each changed day, cut at its ends: those offered, and those
   booked with the state of the booking. #}
{% macro clipped_hours(parents) -%}
    with

    calendar as (

        select
            day,
            tstzrange(period_starts_at, period_ends_at) as span
        from {{ ref('days') }}
        where {{ changed_days('day', parents) }}

    ),

    -- Hours may be offered for years to come; only days of the calendar count.
    ends as (

        select
            min(day) as first_day,
            max(day) as last_day
        from calendar

    ),

    hours as (

        select
            provider_id,
            'available' as kind,
            tstzrange(starts_at, ends_at) as span,
            {{ reporting_day('starts_at') }} as starts_on,
            {{ reporting_day('ends_at') }} as ends_on
        from {{ ref('stg_app__availability') }}
        where starts_at < ends_at and {{ reaches_changed_days('ends_at', parents) }}

        union all

        select
            provider_id,
            state as kind,
            tstzrange(starts_at, ends_at) as span,
            service_starts_on as starts_on,
            service_ends_on as ends_on
        from {{ ref('bookings') }}
        where
            state in ('accepted', 'paid', 'completed', 'no_show')
            and starts_at < ends_at
            and provider_id is not null
            and not is_quarantined
            and exclusion is null
            and {{ reaches_changed_days('service_ends_on', parents, is_day=true) }}

    ),

    numbered as (

        select
            hours.*,
            greatest(ends.first_day - hours.starts_on, 0) as first_number,
            least(hours.ends_on, ends.last_day) - hours.starts_on as last_number
        from hours
        cross join ends

    )

    select
        calendar.day,
        numbered.provider_id,
        numbered.kind,
        calendar.span * numbered.span as span
    from numbered
    cross join lateral generate_series(numbered.first_number, numbered.last_number)
        as days (number)
    inner join calendar on numbered.starts_on + days.number = calendar.day
    where not isempty(calendar.span * numbered.span)
{%- endmacro %}
