import stat
from urllib.parse import urlsplit

import psycopg
import pytest

from orchestration.settings import read_settings
from orchestration.warehouse.connection import connect, sibling_url
from orchestration.warehouse.server import bi_url, stop_warehouse, warehouse


@pytest.fixture(scope="module")
def installation(shared_server_home):
    settings = read_settings({"DAYBOOK_HOME": str(shared_server_home)})
    with warehouse(settings) as url:
        yield settings, url
    stop_warehouse(settings)


def test_the_warehouse_is_migrated_and_dagster_has_a_database_of_its_own(installation):
    _, url = installation
    with connect(url, application_name="tests") as connection:
        names = {
            name for (name,) in connection.execute("select nspname from pg_namespace")
        }
    assert {"ops", "raw"} <= names
    with connect(
        sibling_url(url, "daybook_dagster"), application_name="tests"
    ) as other:
        assert other.info.dbname == "daybook_dagster"


def test_the_reader_gets_in_over_tcp_with_its_password(installation):
    settings, _ = installation
    with connect(bi_url(settings), application_name="tests") as connection:
        assert connection.execute("select current_user").fetchone() == ("bi_reader",)


def test_the_reader_cannot_read_what_is_not_published(installation):
    settings, _ = installation
    with (
        connect(bi_url(settings), application_name="tests") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("select * from raw.events")


@pytest.mark.parametrize(
    ("user", "password", "database"),
    [
        pytest.param("daybook", "", "daybook", id="the owner, trusted"),
        pytest.param("daybook", "{password}", "daybook", id="the owner, a password"),
        pytest.param("postgres", "", "postgres", id="the usual superuser"),
        pytest.param("bi_reader", "", "daybook", id="the reader, no password"),
        pytest.param("bi_reader", "wrong", "daybook", id="the reader, a wrong one"),
        pytest.param(
            "bi_reader", "{password}", "daybook_dagster", id="not its database"
        ),
        pytest.param("bi_reader", "{password}", "postgres", id="nor this one"),
    ],
)
def test_over_tcp_everything_else_is_refused(installation, user, password, database):
    parts = urlsplit(bi_url(installation[0]))
    password = password.format(password=parts.password)
    url = f"postgresql://{user}:{password}@127.0.0.1:{parts.port}/{database}"
    with pytest.raises(
        psycopg.OperationalError,
        match=r"no pg_hba\.conf entry|authentication failed|no password",
    ):
        connect(url, application_name="tests")


def test_the_reader_is_refused_on_the_socket_of_the_owner(installation):
    _, url = installation
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        connect(url.replace("//daybook@", "//bi_reader@"), application_name="tests")


def test_the_password_is_for_its_owner_alone_and_stays_the_same(installation):
    settings, _ = installation
    path = settings.home / "postgres" / "bi_reader.password"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = bi_url(settings)
    with warehouse(settings):
        assert bi_url(settings) == before


def test_the_password_is_stored_hashed(installation):
    _, url = installation
    with connect(url, application_name="tests") as connection:
        (stored,) = connection.execute(
            "select rolpassword from pg_authid where rolname = 'bi_reader'"
        ).fetchone()
    assert stored.startswith("SCRAM-SHA-256$")
