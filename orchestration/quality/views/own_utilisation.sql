-- One row per reporting day of the provider who reads it: published.utilisation_daily
-- for one provider, told by ops.provider_readers.
select mine.*
from published.utilisation_daily as mine
inner join ops.provider_readers as readers
    on mine.provider_id = readers.provider_id and readers.role_name = current_user
