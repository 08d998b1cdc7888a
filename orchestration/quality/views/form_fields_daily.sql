-- One row per day, form and field: in how many sessions it was touched, changed, wrong or left
-- blank, how long it took, and how many sessions were given up at it.
select
    forms.started_on as day,
    forms.form_id,
    fields.field_name,
    count(*) as session_count,
    sum(fields.change_count)::bigint as change_count,
    sum(fields.refill_count)::bigint as refill_count,
    sum(fields.error_count)::bigint as error_count,
    count(*) filter (where fields.is_left_blank) as left_blank_count,
    count(*) filter (where forms.drop_field_name = fields.field_name) as drop_count,
    sum(fields.duration_ms)::bigint as duration_ms
from published_data.form_sessions as forms
cross join
    lateral jsonb_to_recordset(forms.fields) as fields (
        field_name text,
        change_count bigint,
        refill_count bigint,
        error_count bigint,
        duration_ms bigint,
        is_left_blank boolean
    )
group by forms.started_on, forms.form_id, fields.field_name
