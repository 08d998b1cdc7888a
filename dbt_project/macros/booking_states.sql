{# The lifecycle of a booking (SEMANTICS 2.5): which state may follow which. The app says
   when a booking was requested, so its log may begin with the decision. #}
{% macro legal_transitions() -%}
    {{ return([
        ('', 'requested'), ('', 'accepted'), ('', 'declined'), ('', 'expired'),
        ('requested', 'accepted'), ('requested', 'declined'), ('requested', 'expired'),
        ('accepted', 'paid'),
        ('accepted', 'completed'), ('accepted', 'no_show'),
        ('accepted', 'cancelled_by_customer'), ('accepted', 'cancelled_by_provider'),
        ('paid', 'completed'), ('paid', 'no_show'),
        ('paid', 'cancelled_by_customer'), ('paid', 'cancelled_by_provider'),
    ]) }}
{%- endmacro %}

{# The states in the order of the lifecycle, which is that of states of one instant. #}
{% macro booking_states() -%}
    {{ return([
        'requested', 'accepted', 'declined', 'expired', 'paid', 'completed',
        'cancelled_by_customer', 'cancelled_by_provider', 'no_show',
    ]) }}
{%- endmacro %}

{% macro quoted(words) -%}
    '{{ words | join("', '") }}'
{%- endmacro %}

{# Whether a state may follow the one before it; null before the first. #}
{% macro is_legal_transition(previous_state, state) -%}
    {%- set pairs = [] -%}
    {%- for pair in legal_transitions() -%}
        {%- do pairs.append("('" ~ pair[0] ~ "', '" ~ pair[1] ~ "')") -%}
    {%- endfor -%}
    (coalesce({{ previous_state }}, ''), {{ state }}) in ({{ pairs | join(', ') }})
{%- endmacro %}

{# The total order of the states of one booking. #}
{% macro state_order(states) -%}
    {%- set ranks = [] -%}
    {%- for state in booking_states() -%}
        {%- do ranks.append("when '" ~ state ~ "' then " ~ loop.index) -%}
    {%- endfor -%}
    {{ states }}.entered_at,
    case {{ states }}.state {{ ranks | join(' ') }} end,
    {{ states }}.booking_state_id collate "C"
{%- endmacro %}

{# Whether an interval can be one; no service takes longer than a year. #}
{% macro is_possible_interval(starts_at, ends_at) -%}
    coalesce({{ ends_at }} between {{ starts_at }} and {{ starts_at }} + interval '8784 hours', true)
{%- endmacro %}

{# The seconds from one instant to another, of a booking that counts. #}
{% macro counted_seconds(first, last) -%}
    case when not is_quarantined then extract(epoch from {{ last }} - {{ first }}) end
    ::numeric(18, 6)
{%- endmacro %}

{# What is wrong with an entry of the log; null where nothing is. #}
{% macro fault_of_state() -%}
    case
        when app_state is null then 'no_booking'
        when state not in ({{ quoted(booking_states()) }}) then 'unknown_state'
        when not {{ is_legal_transition('previous_state', 'state') }} then 'illegal_transition'
        when state <> 'requested' and entered_at < requested_at then 'before_request'
    end
{%- endmacro %}

{# What is wrong with a booking itself, beside the last entry of its log. #}
{% macro faults_of_booking() -%}
    array[
        case
            when coalesce(ordered.state, 'requested') <> bookings.state
                then 'state_not_logged'
        end,
        case
            when bookings.starts_at is not null and bookings.service_starts_on is null
                then 'impossible_interval'
        end
    ]
{%- endmacro %}

{# When each changed booking with a log entered its states. #}
{% macro logged_bookings() -%}
    with

    ordered as (

        select
            booking_id,
            state,
            entered_at,
            lag(state) over in_order as previous_state,
            lead(state) over in_order is null as is_last
        from {{ changed_units_of(
            ref('stg_app__booking_states'), 'booking_id', ['raw.app_bookings']
        ) }} as states
        window in_order as (partition by booking_id order by {{ state_order('states') }})

    )

    select
        booking_id,
        min(entered_at) filter (where state = 'accepted') as accepted_at,
        min(entered_at) filter (where state = 'declined') as declined_at,
        min(entered_at) filter (where state = 'expired') as expired_at,
        min(entered_at) filter (where state = 'paid') as paid_at,
        min(entered_at) filter (where state = 'completed') as completed_at,
        min(entered_at) filter (where state = 'cancelled_by_customer')
            as cancelled_by_customer_at,
        min(entered_at) filter (where state = 'cancelled_by_provider')
            as cancelled_by_provider_at,
        min(entered_at) filter (where state = 'no_show') as no_show_at,
        bool_and({{ is_legal_transition('previous_state', 'state') }}) as is_legal,
        max(state) filter (where is_last) as last_state,
        max(entered_at) as last_entered_at,
        min(entered_at) filter (where state <> 'requested') as left_at
    from ordered
    group by booking_id
{%- endmacro %}

{# Every changed booking with when it entered each state, and whether that can be. #}
{% macro dated_bookings() -%}
    select
        bookings.*,
        accounts.exclusion,
        logged.accepted_at,
        logged.declined_at,
        logged.expired_at,
        logged.paid_at,
        logged.completed_at,
        logged.cancelled_by_customer_at,
        logged.cancelled_by_provider_at,
        logged.no_show_at,
        coalesce(logged.last_entered_at, bookings.requested_at) as state_since,
        coalesce(logged.accepted_at, logged.declined_at, logged.expired_at) as decided_at,
        coalesce(
            logged.completed_at,
            logged.cancelled_by_customer_at,
            logged.cancelled_by_provider_at,
            logged.no_show_at
        ) as ended_at,
        {{ is_possible_interval('bookings.starts_at', 'bookings.ends_at') }} as is_possible,
        coalesce(logged.is_legal, true)
        and coalesce(logged.last_state, 'requested') = bookings.state
        and coalesce(logged.left_at >= bookings.requested_at, true) as is_legal
    from {{ changed_units_of(
        ref('stg_app__bookings'), 'booking_id', ['raw.app_bookings']
    ) }} as bookings
    left join ({{ logged_bookings() }}) as logged
        on bookings.booking_id = logged.booking_id
    left join {{ source('identity', 'excluded_accounts') }} as accounts
        on bookings.user_id = accounts.user_id
{%- endmacro %}
