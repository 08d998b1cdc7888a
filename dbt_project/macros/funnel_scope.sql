{# What a build evaluates anew of a funnel, written once for the rows that it reads, the
   entries it keeps and the rows it replaces.

   Of persons: those whose rows changed, entries of the changed days and of a window
   before. Of sessions and accounts: all of them on such days; a session lasts a day.
   Attempts in sequence hang on each other, so theirs is all of a person's time, as it is
   where the app says something new of a person whom the funnel is split by. #}
{% macro funnel_reach(funnel) -%}
    {%- set is_sessioned = funnel.unit == 'session' or funnel.counting == 'sessions' -%}
    {%- set is_whole = funnel.counting == 'totals' and not is_sessioned -%}
    {%- if is_sessioned -%}
        {%- set parents = ['int_funnel_rows', 'int_events_sessionized',
            'identity.device_owners'] -%}
    {%- elif funnel.unit == 'account' -%}
        {%- set parents = ['int_funnel_rows'] -%}
    {%- else -%}
        {%- set parents = ['int_funnel_persons'] -%}
    {%- endif -%}
    {{ return({
        'parents': parents,
        'is_whole': is_whole,
        'is_by_person': parents == ['int_funnel_persons'],
        'before': 3 if is_sessioned else funnel.window_days,
        'after': 3 if is_sessioned else 0,
        'row_days': 6 if is_sessioned else funnel.window_days,
    }) }}
{%- endmacro %}

{# The days of the rows to read, where days alone say it: this prunes. #}
{% macro funnel_row_days(column, funnel) -%}
    {%- set reach = funnel_reach(funnel) -%}
    {%- if reach.is_whole or funnel.breakdown_trait -%}
        true
    {%- else -%}
        {{ changed_days(column, reach.parents, reach.row_days, reach.row_days) }}
    {%- endif -%}
{%- endmacro %}

{# The rows to read, by their day and person. #}
{% macro funnel_row_scope(relation, funnel) -%}
    {%- set reach = funnel_reach(funnel) -%}
    {{ funnel_scope(
        changed_days(relation ~ '.occurred_on', reach.parents, reach.row_days, reach.row_days),
        relation ~ '.person_key', 'unit_key', funnel
    ) }}
{%- endmacro %}

{# The attempts to keep or to replace, by their day of entry and unit. #}
{% macro funnel_entry_scope(relation, unit_id, funnel) -%}
    {%- set reach = funnel_reach(funnel) -%}
    {{ funnel_scope(
        changed_days(relation ~ '.entered_on', reach.parents, reach.before, reach.after),
        unit_id, person_id('unit_key'), funnel
    ) }}
{%- endmacro %}

{% macro funnel_scope(days, unit, selected, funnel) -%}
    {%- set reach = funnel_reach(funnel) -%}
    {%- set condition = 'true' if reach.is_whole else days -%}
    {%- if reach.is_by_person -%}
        {%- set condition = condition ~ ' and ' ~ unit ~ ' in (select ' ~ selected
            ~ ' from ops.changed_units where build_id = ' ~ build_id()
            ~ " and model = 'int_funnel_persons')" -%}
    {%- endif -%}
    {%- if funnel.breakdown_trait -%}
        {%- set condition = condition ~ ' or ' ~ unit ~ ' in (select ' ~ selected
            ~ ' from (' ~ persons_said_anew() ~ ') as persons)' -%}
    {%- endif -%}
    {{ '(' ~ condition ~ ')' if is_partial() else 'true' }}
{%- endmacro %}

{# The persons of whom the app said something new in what this build claims. #}
{% macro persons_said_anew() -%}
    select coalesce(aliases.person_key, 'user ' || versions.user_id) as unit_key
    from {{ ref('stg_app__person_versions') }} as versions
    {{ joined_aliases('versions.user_id') }}
    where exists (
        select from ops.claimed_days as claimed
        inner join ops.touched_days as touched using (touched_id)
        where
            claimed.build_id = {{ build_id() }}
            and touched.load_id in (versions.load_id, versions.closed_by)
    )
{%- endmacro %}

{# The stored attempts that a build may replace. #}
{% macro replaced_attempts() -%}
    {%- set conditions = [] -%}
    {%- for funnel in funnel_plans() -%}
        {%- do conditions.append(
            "old_rows.funnel_id = '" ~ funnel.funnel_id ~ "' and "
            ~ funnel_entry_scope('old_rows', 'old_rows.unit_id', funnel)
        ) -%}
    {%- endfor -%}
    ({{ conditions | join(' or ') or 'false' }})
{%- endmacro %}
