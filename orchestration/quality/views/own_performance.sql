-- One row per reporting day and window of the provider who reads it: published.provider_performance
-- for one provider, told by ops.provider_readers.
select mine.*
from published.provider_performance as mine
inner join ops.provider_readers as readers
    on mine.provider_id = readers.provider_id and readers.role_name = current_user
