-- One row per month, comparison, currency and outcome with the number of lines and what they add
-- up to on both sides; every line that is not matched is in reconciliation_unmatched.
select
    date_trunc('month', lines.day)::date as month_starts_on,
    lines.compared,
    lines.currency,
    lines.outcome,
    count(*) as line_count,
    sum(lines.left_minor) as left_minor,
    sum(lines.right_minor) as right_minor,
    sum(lines.difference_minor) as difference_minor
from published.reconciliation as lines
group by date_trunc('month', lines.day)::date, lines.compared, lines.currency, lines.outcome
