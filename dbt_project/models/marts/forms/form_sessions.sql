{{ config(
    pre_hook='set local enable_nestloop = off',
    unique_key=['device_id', 'started_at', 'form_id'],
    indexes=[
        {'columns': ['device_id', 'started_at', 'form_id'], 'unique': true},
        {'columns': ['started_on']},
    ],
) }}

with

{{ placed_form_events() }},

{{ form_fields() }},

measured as (

    select
        device_id,
        started_on,
        started_at,
        form_id,
        min(occurred_at) as form_started_at,
        min(occurred_at) filter (
            where event_name = 'form_submitted' and is_successful
        ) as submitted_at,
        count(*) filter (
            where event_name = 'form_submitted' and not is_successful
        ) as refused_count,
        {{ in_order('user_id', 'user_id is not null') }} as user_ids,
        {{ in_order('field_name', 'field_name is not null') }} as field_names
    from placed
    group by device_id, started_on, started_at, form_id

)

select
    measured.device_id,
    measured.user_ids[1] as user_id,
    measured.started_on,
    measured.started_at,
    measured.form_id,
    measured.form_started_at,
    measured.submitted_at,
    measured.refused_count,
    case
        when measured.submitted_at is null
            then measured.field_names[cardinality(measured.field_names)]
    end as drop_field_name,
    coalesce(fields.fields, '[]'::jsonb) as fields
from measured
left join fields
    on
        measured.device_id = fields.device_id
        and measured.started_at = fields.started_at
        and measured.form_id = fields.form_id
