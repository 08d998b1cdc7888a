-- Roles belong to the server, not to a database: another Daybook on it may have made them.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'bi_reader') then
        create role bi_reader nologin noinherit;
    end if;
exception
    -- Two databases migrated at once.
    when duplicate_object or unique_violation then null;
end
$$;
