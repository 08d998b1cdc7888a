-- One row per version of every article, page or material: from when to when it was as it says,
-- and what differs from the version before. What was in force at an instant has
-- valid_from <= instant < valid_to, null being without end.
select
    content.content_id,
    row_number() over versions as version_number,
    content.valid_from,
    content.valid_to,
    content.content_kind,
    content.provider_id,
    content.category,
    content.title,
    content.state,
    content.version,
    content.published_at,
    array_remove(
        array[
            case
                when content.title is distinct from lag(content.title) over versions
                    then 'title'
            end,
            case
                when content.category is distinct from lag(content.category) over versions
                    then 'category'
            end,
            case
                when content.state is distinct from lag(content.state) over versions
                    then 'state'
            end,
            case
                when content.version is distinct from lag(content.version) over versions
                    then 'version'
            end,
            case
                when
                    content.published_at
                    is distinct from lag(content.published_at) over versions
                    then 'published_at'
            end
        ],
        null
    ) as changed_columns
from raw.app_content as content
window versions as (partition by content.content_id order by content.valid_from)
