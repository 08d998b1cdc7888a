{# Event rows with the person they belong to: a user, somebody known by an address or a
   number, or a device that nobody owns. An anonymous event belongs to the owner of its
   device at that instant; so does one whose user id identifies nobody. #}
{% macro owned_rows(relation, condition) -%}
    {%- set is_anonymous -%}
        (anonymous.user_id is null or {{ is_blocked_user('anonymous.user_id') }})
    {%- endset -%}
    select
        anonymous.*,
        coalesce(
            case
                when not {{ is_anonymous }}
                    then coalesce(aliases.person_key, 'user ' || anonymous.user_id)
            end,
            owners.person_key,
            'device ' || anonymous.device_id
        ) as person_key
    from {{ relation }} as anonymous
    left join {{ source('identity', 'device_owners') }} as owners
        on
            {{ is_anonymous }}
            and owners.device_id = anonymous.device_id
            and anonymous.occurred_at >= owners.valid_from
            and anonymous.occurred_at < owners.valid_to
    {{ joined_aliases('anonymous.user_id') }}
    where
        (not {{ is_anonymous }} or anonymous.device_id is not null)
        and {{ is_counted_account('owners.user_id') }}
        and {{ condition }}
{%- endmacro %}

{# Rows that a model by day and person makes anew: all of a day of which a parent changed
   anything and, of a day whose events went to others, those of persons who had or have
   them. A device that becomes somebody's has its days long ago, among thousands. #}
{% macro of_changed_persons(day, person, parents) -%}
    ({{ changed_days(day, parents) }} or {{ is_of_moved_person(person) }})
{%- endmacro %}

{# Persons from whom or to whom this build's identity took events, by key or by hash. #}
{% macro is_of_moved_person(person) -%}
    {%- if is_partial() -%}
        {{ person }} = any(
            array(
                select
                    {{ 'moved.unit_key' if person.endswith('person_key')
                        else 'identity.person_id(moved.unit_key)' }}
                from ops.changed_units as moved
                where
                    moved.build_id = {{ build_id() }}
                    and moved.model = 'identity.device_owners'
            )
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# The persons of users whom another user of theirs names, as `aliases`. None has one
   where a person has one user id, which is the default. No source: unit tests of models
   need not say that nobody has two. #}
{% macro joined_aliases(user_id) -%}
    left join identity.persons as aliases
        on
            aliases.identifier_type = 'user'
            and not aliases.is_canonical
            and aliases.identifier = {{ user_id }}
{%- endmacro %}

{# Holds for a user id that identifies nobody, by the rules that the build stored. #}
{% macro is_blocked_user(user_id) -%}
    {%- set found = registry_rows("select user_is_blocked from identity.rules") -%}
    {%- if found -%}
        {{ found[0][0] | replace('{identifier}', user_id) }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# Whether an account, named with its relation, is none of own people's or tests'.
   Identified events are left out in staging, so this is for facts of the app and for the
   owners of anonymous events. #}
{% macro is_counted_account(user_id) -%}
    not exists (
        select from {{ source('identity', 'excluded_accounts') }} as accounts
        where accounts.user_id = {{ user_id }}
    )
{%- endmacro %}

{# What a person is called while rows are counted: hashing each row would cost more. #}
{% macro person_key(user_id, device_id) -%}
    coalesce('user ' || {{ user_id }}, 'device ' || {{ device_id }})
{%- endmacro %}

{# The user or the device behind a key; null for the other kinds. #}
{% macro id_in_key(person_key, kind) -%}
    case
        when split_part({{ person_key }}, ' ', 1) = '{{ kind }}'
            then substr({{ person_key }}, {{ kind | length + 2 }})
    end
{%- endmacro %}

{# The person behind a key (MECHANICS 6): hash of its identifier's type and text. #}
{% macro person_id(person_key) -%}
    {{ hashed_key([
        "split_part(" ~ person_key ~ ", ' ', 1)",
        "substr(" ~ person_key ~ ", strpos(" ~ person_key ~ ", ' ') + 1)",
    ]) }}
{%- endmacro %}

{# First-ever facts whose events a purge took from raw, of the definitions that still read
   as they did then. #}
{% macro kept_firsts(parents) -%}
    select * from (
        select
            kept.kind,
            kept.id,
            kept.part,
            coalesce(
                kept.unit_id,
                {{ person_id(
                    'coalesce(aliases.person_key, '
                    ~ person_key('kept.user_id', 'kept.device_id') ~ ')') }}
            ) as unit_id,
            kept.user_id,
            kept.device_id,
            kept.first_on,
            kept.first_at,
            kept.breakdown
        from {{ source('identity', 'kept_firsts') }} as kept
        {{ joined_aliases('kept.user_id') }}
        left join {{ source('registry', 'behaviours') }} as behaviours
            on
                kept.kind = behaviours.kind
                and kept.id = behaviours.id
                and kept.part = behaviours.part
        where kept.kind = 'activity' or kept.predicate_hash = behaviours.hash
    ) as firsts
    where {{ is_changed_unit('firsts.unit_id', parents) }}
{%- endmacro %}
