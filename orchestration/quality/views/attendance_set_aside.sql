-- One row per record of who came that is counted nowhere, and why: it names no occasion and no ticket,
-- a ticket that nobody sold, or an occasion that is not known.
select
    attendance.attendance_id,
    (attendance.recorded_at at time zone status.timezone)::date as recorded_on,
    attendance.state,
    coalesce(attendance.occasion_id, tickets.occasion_id) as occasion_id,
    attendance.ticket_id,
    case
        when coalesce(attendance.occasion_id, tickets.occasion_id) is not null
            then 'unknown_occasion'
        when attendance.ticket_id is not null then 'unknown_ticket'
        else 'without_occasion'
    end as reason
from raw.app_attendance as attendance
left join raw.app_tickets as tickets
    on attendance.ticket_id = tickets.ticket_id and tickets.valid_to is null
left join raw.app_occasions as occasions
    on
        occasions.occasion_id = coalesce(attendance.occasion_id, tickets.occasion_id)
        and occasions.valid_to is null
cross join published.status as status
where
    attendance.valid_to is null
    and attendance.booking_id is null
    and occasions.occasion_id is null
