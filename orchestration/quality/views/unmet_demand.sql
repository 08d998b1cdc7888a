-- One row per reporting day and term that was searched for, with what stood against it: searches
-- that found nothing, and the free hours of those who offer the kind of service that the term or
-- its filter names. Terms of fewer persons than small_number_k are folded into one without a name.
-- Free hours are unknown where no kind of service is named, or nobody's hours are.
with searches as (
    select
        events.occurred_on as day,
        lower(btrim(events.properties ->> 'query')) as term,
        lower(events.properties #>> '{filters,category}') as wanted,
        (events.properties ->> 'results_count') = '0' as found_nothing,
        events.properties ? 'results_count' as is_answered,
        coalesce(
            'user ' || events.user_id, owners.person_key, 'device ' || events.device_id
        ) as person_key
    from raw.events as events
    left join identity.device_owners as owners
        on
            events.user_id is null
            and events.device_id = owners.device_id
            and events.occurred_at >= owners.valid_from
            and events.occurred_at < owners.valid_to
    where
        events.event_name = 'search_performed'
        and 'analytics' = any(events.purposes)
        and not (events.is_bot or events.is_internal or events.is_test)
        and not exists (
            select from identity.excluded_accounts as accounts
            where accounts.user_id in (events.user_id, owners.user_id)
        )
),

widths as (
    select
        searches.day,
        searches.term,
        count(distinct searches.person_key) as person_count
    from searches
    group by searches.day, searches.term
),

named as (
    select
        searches.*,
        case
            when
                widths.person_count
                >= coalesce((select known.small_number_k from registry.marketplace as known), 10)
                then searches.term
        end as shown_term
    from searches
    inner join widths on searches.day = widths.day and searches.term = widths.term
),

kinds as (
    select distinct
        lower(listings.category) as category,
        listings.provider_id
    from raw.app_listings as listings
    where listings.valid_to is null and listings.category is not null
),

classed as (
    select
        named.*,
        (
            select min(kinds.category)
            from kinds
            where
                kinds.category = named.wanted
                or strpos(coalesce(named.shown_term, ''), kinds.category) > 0
        ) as category
    from named
),

counted as (
    select
        classed.day,
        classed.shown_term as term,
        classed.category,
        count(*) as search_count,
        count(*) filter (where classed.is_answered) as answered_count,
        count(*) filter (where classed.found_nothing) as no_result_count,
        count(distinct classed.person_key) as person_count
    from classed
    group by classed.day, classed.shown_term, classed.category
),

supplied as (
    select
        daily.day,
        kinds.category,
        sum(daily.available_seconds) as available_seconds,
        sum(
            daily.available_seconds - daily.booked_seconds + daily.outside_seconds
        ) as free_seconds
    from published_data.utilisation_daily as daily
    inner join kinds on daily.provider_id = kinds.provider_id
    group by daily.day, kinds.category
)

select
    counted.day,
    counted.term,
    counted.category,
    counted.search_count,
    counted.person_count,
    counted.no_result_count,
    round(counted.no_result_count / nullif(counted.answered_count, 0)::numeric, 8)
        as no_result_rate,
    supplied.available_seconds,
    supplied.free_seconds,
    case
        when supplied.free_seconds = 0 then counted.search_count
        else counted.no_result_count
    end as unmet_count
from counted
left join supplied on counted.day = supplied.day and counted.category = supplied.category
