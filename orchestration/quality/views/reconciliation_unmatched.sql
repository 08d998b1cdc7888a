-- One row per line of a comparison that is not matched: what a reconciliation is about.
select lines.*
from published.reconciliation as lines
where lines.outcome <> 'matched'
