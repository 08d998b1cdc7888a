import subprocess
from pathlib import Path

import pytest

from orchestration.warehouse.account import grant_passage, server_account
from orchestration.warehouse.connection import connect
from orchestration.warehouse.migrations import check_schema, migrate, read_migrations
from orchestration.warehouse.server import check_version

PROGRAMS = Path("/usr/lib/postgresql/15/bin")

pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "initdb").exists(), reason="no Postgres 15 in /usr/lib/postgresql"
)


@pytest.fixture(scope="module")
def floor(shared_server_home):
    """The URL of a Postgres 15, the oldest that is supported."""
    data = shared_server_home / "data"
    account = server_account(data)
    grant_passage(shared_server_home, account)
    data.mkdir(mode=0o700)
    account.own(data)

    def run(program, *arguments):
        subprocess.run(
            [str(PROGRAMS / program), f"--pgdata={data}", *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **account.subprocess_options(),
        )

    run("initdb", "--username=daybook", "--auth=trust", "--no-sync", "--encoding=UTF8")
    options = f"-c listen_addresses= -c unix_socket_directories={data} -c fsync=off"
    run("pg_ctl", "start", "--wait", f"--options={options}", f"--log={data}/log")
    try:
        yield f"postgresql://daybook@/postgres?host={data}"
    finally:
        run("pg_ctl", "stop", "--mode=immediate")


def test_every_migration_applies_to_the_oldest_supported_postgres(floor):
    with connect(floor, application_name="tests") as connection:
        assert connection.info.server_version // 10000 == 15
        assert migrate(connection) == [item.name for item in read_migrations()]
        check_schema(connection)
        check_version(connection.info.server_version)
