-- BI reads schema published, and nothing else. Each view is granted when it is made, once.
grant usage on schema published to bi_reader;
grant select on published.status to bi_reader;
