from orchestration.warehouse.connection import connect
from orchestration.warehouse.migrations import check_schema, migrate, read_migrations
from orchestration.warehouse.server import check_version
from tests.older_servers import needs_it, oldest_server


@needs_it
def test_every_migration_applies_to_the_oldest_supported_postgres(shared_server_home):
    with (
        oldest_server(shared_server_home) as url,
        connect(url, application_name="tests") as connection,
    ):
        assert connection.info.server_version // 10000 == 15
        assert migrate(connection) == [item.name for item in read_migrations()]
        check_schema(connection)
        check_version(connection.info.server_version)
