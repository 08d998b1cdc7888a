{# The start of the period of a trend that holds an instant. #}
{% macro trend_period_start(trend, instant) -%}
    case
        when {{ trend }}.period = 'hour' then date_trunc('hour', {{ instant }}, {{ trend }}.zone)
        else ops.day_start(
            {{ period_first_day(trend ~ '.period',
                '(' ~ instant ~ ' at time zone ' ~ trend ~ '.zone)::date',
                trend ~ '.week_starts') }},
            {{ trend }}.zone
        )
    end
{%- endmacro %}

{# The CTEs `spine`, every period of the calendar, `measured`, what its events say, and
   `firsts`, who did it there for the first time. Of a build, what its changes reach. #}
{% macro trend_measures(trends, parents) -%}
    begun as (

        select distinct
            {{ trends }}.trend_id,
            {{ trend_period_start(trends, 'moments.instant') }} as period_starts_at
        from {{ trends }}
        cross join {{ ref('days') }} as listed
        cross join lateral (
            select generate_series(
                listed.period_starts_at,
                listed.period_ends_at - interval '1 microsecond',
                case {{ trends }}.period when 'hour' then interval '1 hour' else interval '1 day' end
            ) as instant
            union all
            select listed.period_ends_at - interval '1 microsecond'
        ) as moments
        where {{ days_near_changed('listed.day', parents) }}

    ),

    ended as (

        select
            {{ trends }}.*,
            begun.period_starts_at,
            locals.period_on,
            case
                when {{ trends }}.period = 'hour'
                    then begun.period_starts_at + interval '1 hour'
                else
                    ops.day_start(
                        {{ period_after(trends ~ '.period', 'locals.period_on', 1) }},
                        {{ trends }}.zone
                    )
            end as period_ends_at
        from begun
        inner join {{ trends }} on begun.trend_id = {{ trends }}.trend_id
        cross join lateral (
            select
                (begun.period_starts_at at time zone {{ trends }}.zone)::date as period_on
        ) as locals

    ),

    spine as (

        select
            *,
            {{ reporting_day('period_starts_at') }} as first_on,
            {{ reporting_day("(period_ends_at - interval '1 microsecond')") }} as last_on
        from ended

    ),

    owned as (

        {{ owned_rows(ref('int_events_valued'),
            "anonymous.kind = 'trend' and "
            ~ days_near_changed('anonymous.occurred_on', parents)) }}

    ),

    measured as (

        select
            {{ trends }}.trend_id,
            {{ trend_period_start(trends, 'owned.occurred_at') }} as period_starts_at,
            count(*) filter (where owned.part = 1) as event_count,
            count(distinct owned.person_key) filter (where owned.part = 1) as person_count,
            sum(owned.amount) as amount,
            count(owned.amount) as amount_count,
            min(owned.amount) as lowest,
            max(owned.amount) as highest,
            percentile_disc(0.5) within group (order by owned.amount) as lower_median,
            percentile_disc(0.5) within group (order by owned.amount desc) as upper_median,
            percentile_disc({{ trends }}.percentile::double precision) within group (
                order by owned.amount
            ) as percentile,
            case {{ trends }}.ratio_of
                when 'persons'
                    then count(distinct owned.person_key) filter (where owned.part = 1)
                else count(*) filter (where owned.part = 1)
            end as numerator,
            case {{ trends }}.ratio_of
                when 'persons'
                    then count(distinct owned.person_key) filter (where owned.part = 2)
                else count(*) filter (where owned.part = 2)
            end as denominator
        from owned
        inner join {{ trends }} on owned.id = {{ trends }}.trend_id
        group by
            {{ trends }}.trend_id,
            {{ trend_period_start(trends, 'owned.occurred_at') }},
            {{ trends }}.percentile,
            {{ trends }}.ratio_of

    ),

    firsts as (

        select
            {{ trends }}.trend_id,
            {{ trend_period_start(trends, 'found.first_at') }} as period_starts_at,
            count(*) as person_count
        from {{ ref('person_firsts') }} as found
        inner join {{ trends }}
            on found.kind = 'trend' and found.part = 1 and found.id = {{ trends }}.trend_id
        where {{ days_near_changed('found.first_on', parents) }}
        group by
            {{ trends }}.trend_id,
            {{ trend_period_start(trends, 'found.first_at') }}

    )
{%- endmacro %}
