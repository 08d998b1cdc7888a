{# Rows of experiment_units: exposed persons who came through the funnel of a metric, or as far
   as its step, by what they did strictly after exposure and inside the window. Nothing else is
   shown to the search, so that its answer is that of SEMANTICS 2.6 for these rows. #}
{% macro units_through_funnels() -%}
    {%- set goals = goals_through_funnels() -%}
    {%- set plans = {} -%}
    {%- for plan in funnel_plans() if goals -%}
        {%- do plans.update({plan.funnel_id: plan}) -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for goal in goals -%}
        {%- do found.append(units_through(goal, plans[goal.funnel_id])) -%}
    {%- endfor -%}
    {%- do found.append(
        'select null::text as experiment_id, null::integer as phase, '
        'null::text as metric_name, null::text as person_id, null::date as exposed_on '
        'where false'
    ) -%}
    select
        through.*,
        1::numeric as value,
        0::numeric as denominator,
        0::numeric as covariate,
        false as has_history,
        null::numeric[] as amounts,
        0::numeric as earlier_denominator
    from ({{ found | join(' union all ') }}) as through
{%- endmacro %}

{# The metrics of experiments that are of a funnel, with how many steps have to be reached. #}
{% macro goals_through_funnels() -%}
    {{ return(registry_rows(
        "select experiment_id, metric_name, funnel_id, within_hours, ("
        "select count(*) from registry.funnel_steps as steps "
        "where steps.funnel_id = metrics.funnel_id and not steps.is_optional "
        "and steps.step_index <= (select target.step_index "
        "from registry.funnel_steps as target "
        "where target.funnel_id = metrics.funnel_id "
        "and target.step_name = metrics.funnel_step)) as step_depth "
        "from registry.experiment_metrics as metrics where funnel_id is not null "
        "order by experiment_id, metric_name"
    )) }}
{%- endmacro %}

{# Holds for units of metrics whose funnel is made anew in this build. #}
{% macro is_through_changed_funnel(units) -%}
    {%- set metrics = [] -%}
    {%- for goal in goals_through_funnels() if goal.funnel_id in changed_funnels() -%}
        {%- do metrics.append(
            "('" ~ goal.experiment_id ~ "', '" ~ goal.metric_name ~ "')"
        ) -%}
    {%- endfor -%}
    {%- if metrics -%}
        ({{ units }}.experiment_id, {{ units }}.metric_name) in ({{ metrics | join(', ') }})
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{% macro units_through(goal, funnel) -%}
    select
        '{{ goal.experiment_id }}' as experiment_id,
        units.phase,
        '{{ goal.metric_name }}' as metric_name,
        units.person_id,
        units.exposed_on
    from (
        select
            grouped.phase,
            grouped.person_id,
            grouped.exposed_on,
            {{ history_of_group(funnel) }} as history
        from (
            {{ rows_after_exposure(goal, funnel) }}
        ) as grouped
        group by grouped.phase, grouped.person_id, grouped.exposed_on
    ) as units
    where (
        select
            bool_or({{ 'attempts.depth >= ' ~ goal.step_depth if goal.step_depth
                else 'attempts.is_completed' }})
            and not bool_or(attempts.drops_unit)
        from funnels.attempts({{ funnel.plan_sql }}, units.history) as attempts
    )
{%- endmacro %}

{# The rows of a funnel that count for a metric, each with the exposure it follows. In a
   build those of persons with news, or all where the funnel is made anew. #}
{% macro rows_after_exposure(goal, funnel) -%}
    {%- set is_changed = goal.funnel_id not in changed_funnels() -%}
    {%- set subject = 'owned.subjects -> (hits.hit >> 32)::text' -%}
    select
        exposures.phase,
        exposures.person_id,
        exposures.exposed_on,
        {{ subject }} ->> 'by' as breakdown_value,
        {{ hit_columns(subject) }}
    from (
        {{ unit_rows(
            ref('int_funnel_rows'), since_first_experiment('anonymous.occurred_on'),
            is_changed=is_changed
        ) }}
    ) as owned
    cross join lateral unnest(owned.hits) as hits (hit)
    inner join {{ changed_exposures() if is_changed else ref('experiment_exposures') }}
        as exposures
        on
            exposures.experiment_id = '{{ goal.experiment_id }}'
            and not exposures.is_multi_arm
            and {{ person_id('owned.person_key') }} = exposures.person_id
            and owned.occurred_at > exposures.exposed_at
            and owned.occurred_at <= coalesce(
                exposures.exposed_at
                + make_interval(hours => {{ goal.within_hours or 'null' }}),
                'infinity'
            )
    where {{ is_hit_of([funnel]) }} and {{ funnel.clip_sql }}
{%- endmacro %}
