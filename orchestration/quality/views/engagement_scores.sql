-- One row per person whose activities weigh anything: the engagement score as of the
-- watermark's day, which is the sum of the points in engagement_components.
select
    person_id,
    user_id,
    sum(points) as score,
    scored_on,
    data_complete_through
from published.engagement_components
where weight > 0
group by person_id, user_id, scored_on, data_complete_through
