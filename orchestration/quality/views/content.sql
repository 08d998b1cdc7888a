-- One row per article, page or material that is published, as a site may show it.
select
    content.content_id,
    content.content_kind,
    content.provider_id,
    content.category,
    content.title,
    content.version,
    content.published_at,
    content.valid_from
from raw.app_content as content
where content.valid_to is null and content.published_at is not null
