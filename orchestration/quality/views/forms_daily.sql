-- One row per day and form: how many sessions touched it, how many sent it and were taken,
-- and how long that took. A form counts on the day on which its session began.
select
    forms.started_on as day,
    forms.form_id,
    count(*) as started_count,
    count(forms.submitted_at) as submitted_count,
    count(*) - count(forms.submitted_at) as abandoned_count,
    round(count(forms.submitted_at)::numeric / count(*), 8) as completion_rate,
    sum(forms.refused_count)::bigint as refused_count,
    percentile_disc(0.5) within group (
        order by extract(epoch from forms.submitted_at - forms.form_started_at)
    ) as median_seconds_to_submit
from published_data.form_sessions as forms
group by forms.started_on, forms.form_id
