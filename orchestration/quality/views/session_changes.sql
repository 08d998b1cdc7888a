-- One row per replaced key of a session, session that has its events now, and build that
-- found out, with why: what somebody noted under the old key is found under the new one.
select
    old_session_id,
    new_session_id,
    reason,
    old_started_at,
    new_started_at,
    changed_at
from ops.session_changes
