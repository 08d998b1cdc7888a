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
        'is_anew': funnel.funnel_id in changed_funnels(),
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
    {%- set has_news = funnel.breakdown_trait and is_partial() and loads_of_news() -%}
    {%- if reach.is_anew or reach.is_whole or (has_news and not reach.is_by_person) -%}
        true
    {%- else -%}
        ({{ changed_days(column, reach.parents, reach.row_days, reach.row_days) }}
        {{- ' or ' ~ is_day_of_said_anew(column, funnel) if has_news }})
    {%- endif -%}
{%- endmacro %}

{# The days around entries of those of whom the app said something new. Every row that may
   be an entry is one already: of other days nothing could change. #}
{% macro is_day_of_said_anew(column, funnel) -%}
    {%- set ids = [] -%}
    {%- for other in funnel_plans() if other.breakdown_trait == funnel.breakdown_trait -%}
        {%- do ids.append("'" ~ other.funnel_id ~ "'") -%}
    {%- endfor -%}
    {%- set days = registry_rows(
        'select distinct (attempts.entered_on + around.day_count)::text as day from '
        ~ this ~ ' as attempts cross join generate_series(-' ~ funnel.window_days ~ ', '
        ~ funnel.window_days ~ ') as around (day_count) where attempts.funnel_id in ('
        ~ ids | join(', ') ~ ') and ' ~ is_unit_of('attempts', persons_said_anew())
    ) -%}
    {{ is_one_of_days(column, days | map(attribute=0)) }}
{%- endmacro %}

{# The rows to read, by their day, funnel and person. #}
{% macro funnel_row_scope(relation, funnel_number, funnel) -%}
    {%- set reach = funnel_reach(funnel) -%}
    {{ funnel_scope(
        changed_days(relation ~ '.occurred_on', reach.parents, reach.row_days, reach.row_days),
        funnel_number, relation ~ '.person_key', 'unit_key', funnel
    ) }}
{%- endmacro %}

{# The attempts to keep or to replace, by their day of entry, funnel and unit. #}
{% macro funnel_entry_scope(relation, funnel_number, unit_id, funnel) -%}
    {%- set reach = funnel_reach(funnel) -%}
    {{ funnel_scope(
        changed_days(relation ~ '.entered_on', reach.parents, reach.before, reach.after),
        funnel_number, unit_id, person_id('unit_key'), funnel
    ) }}
{%- endmacro %}

{% macro funnel_scope(days, funnel_number, unit, selected, funnel) -%}
    {%- set reach = funnel_reach(funnel) -%}
    {%- set condition = 'true' if reach.is_whole else days -%}
    {%- if reach.is_by_person -%}
        {%- set condition = condition ~ ' and (' ~ funnel_number ~ ', ' ~ unit
            ~ ') in (select funnel_number, ' ~ selected
            ~ ' from (' ~ changed_persons() ~ ') as persons)' -%}
    {%- endif -%}
    {%- if funnel.breakdown_trait -%}
        {%- set condition = condition ~ ' or ' ~ unit ~ ' in (select ' ~ selected
            ~ ' from (' ~ persons_said_anew() ~ ') as persons)' -%}
    {%- endif -%}
    {{ '(' ~ condition ~ ')' if is_partial() and not reach.is_anew else 'true' }}
{%- endmacro %}

{# The persons whose hits of a funnel, or of any, this build changed. #}
{% macro changed_persons(funnel_number=none) -%}
    select
        split_part(changed.unit_key, ' ', 1)::integer as funnel_number,
        substr(changed.unit_key, strpos(changed.unit_key, ' ') + 1) as unit_key
    from ops.changed_units as changed
    where
        changed.build_id = {{ build_id() }}
        and changed.model = 'int_funnel_persons'
        {{ "and starts_with(changed.unit_key, '" ~ funnel_number ~ " ')"
            if funnel_number is not none }}
{%- endmacro %}

{# The persons of whom the app said something new in what this build claims. #}
{% macro persons_said_anew() -%}
    select coalesce(aliases.person_key, 'user ' || versions.user_id) as unit_key
    from {{ ref('stg_app__person_versions') }} as versions
    {{ joined_aliases('versions.user_id') }}
    where
        {% set loads = loads_of_news() | join(', ') -%}
        {{ 'versions.load_id in (' ~ loads ~ ') or versions.closed_by in (' ~ loads ~ ')'
            if loads else 'false' }}
{%- endmacro %}

{# The loads whose days this build claims; asked for once, since all there ever were would
   be read beside every person. #}
{% macro loads_of_news() -%}
    {%- set found = [] -%}
    {%- for row in registry_rows(
        'select distinct touched.load_id from ops.claimed_days as claimed '
        'inner join ops.touched_days as touched using (touched_id) '
        'where claimed.build_id = ' ~ build_id() ~ ' order by 1'
    ) -%}
        {%- do found.append(row[0]) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The stored attempts that a build may replace. Days, and units of which all days count,
   stand apart, so that indexes lead to either and nothing else is read. #}
{% macro replaced_attempts(rows) -%}
    {%- set days = [] -%}
    {%- set by_day = [] -%}
    {%- set whole = [is_of_changed_funnel(rows ~ '.funnel_id')] -%}
    {%- for funnel in funnel_plans() -%}
        {%- set reach = funnel_reach(funnel) -%}
        {%- set own = rows ~ ".funnel_id = '" ~ funnel.funnel_id ~ "'" -%}
        {%- if reach.is_whole -%}
            {%- do whole.append(own ~ (
                ' and ' ~ is_unit_of(rows, changed_persons(funnel.funnel_number))
                if reach.is_by_person else ''
            )) -%}
        {%- else -%}
            {%- do days.append(changed_days(
                rows ~ '.entered_on', reach.parents, reach.before, reach.after
            )) -%}
            {%- do by_day.append(own ~ ' and ' ~ days[-1] ~ (
                ' and ' ~ rows ~ '.unit_id in (select ' ~ person_id('unit_key') ~ ' from ('
                ~ changed_persons(funnel.funnel_number) ~ ') as persons)'
                if reach.is_by_person else ''
            )) -%}
        {%- endif -%}
        {%- if funnel.breakdown_trait -%}
            {%- do whole.append(own ~ ' and ' ~ is_unit_of(rows, persons_said_anew())) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if by_day -%}
        {%- do whole.append(
            '(' ~ days | unique | join(' or ') ~ ') and (' ~ by_day | join(' or ') ~ ')'
        ) -%}
    {%- endif -%}
    ({{ whole | join(' or ') }})
{%- endmacro %}

{# As an array: an index on units is of use to that, and not to a subquery. #}
{% macro is_unit_of(rows, persons) -%}
    {{ rows }}.unit_id = any (
        array(select {{ person_id('unit_key') }} from ({{ persons }}) as persons)
    )
{%- endmacro %}
