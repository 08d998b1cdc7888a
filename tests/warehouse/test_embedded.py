import os
import socket
import stat

import psutil
import pytest

from orchestration.warehouse import account
from orchestration.warehouse.connection import connect
from orchestration.warehouse.embedded import embedded_server, stop_server
from orchestration.warehouse.failures import ServerError
from orchestration.warehouse.postmaster import postmaster

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder(server_home):
    return server_home / "postgres"


def ask(server, query, database="postgres"):
    with connect(server.url(database), application_name="tests") as connection:
        return connection.execute(query).fetchone()[0]


def test_the_server_runs_while_used_and_stops_after_its_last_user(folder):
    with embedded_server(folder, durable=False) as first:
        with embedded_server(folder, durable=False) as second:
            assert postmaster(first) == postmaster(second)
        assert postmaster(first) is not None
        assert ask(first, "select 1") == 1
    assert postmaster(first) is None


def test_what_was_committed_is_there_at_the_next_start_on_the_same_port(folder):
    with embedded_server(folder, durable=False) as server:
        url = server.url()
        with connect(server.url("postgres"), application_name="tests") as connection:
            connection.execute("create table kept as select 7 as number")
    with embedded_server(folder, durable=False) as server:
        assert ask(server, "select number from kept") == 7
        assert server.url() == url


def test_a_server_that_shall_be_kept_outlives_its_users_until_it_is_stopped(folder):
    with embedded_server(folder, keep_running=True, durable=False) as server:
        pid = postmaster(server).pid
    with embedded_server(folder, durable=False):
        assert postmaster(server).pid == pid
    assert postmaster(server).pid == pid
    assert stop_server(folder) is True
    assert postmaster(server) is None
    assert stop_server(folder) is False


def test_the_server_stops_although_its_command_failed(folder):
    with (
        pytest.raises(ZeroDivisionError),
        embedded_server(folder, durable=False) as server,
    ):
        raise ZeroDivisionError
    assert postmaster(server) is None


def test_a_port_that_was_taken_meanwhile_is_replaced(folder):
    with embedded_server(folder, durable=False) as server:
        taken = int(server.port_file.read_text())
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        with embedded_server(folder, durable=False) as server:
            assert int(server.port_file.read_text()) != taken
            assert ask(server, "select 1") == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TimeZone", "UTC"),
        ("jit", "off"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("log_min_error_statement", "panic"),
        ("log_error_verbosity", "terse"),
        ("unix_socket_permissions", "0700"),
        ("listen_addresses", "127.0.0.1"),
        ("server_encoding", "UTF8"),
    ],
)
def test_the_server_runs_with_our_settings(durable_server, setting, value):
    assert ask(durable_server, f"show {setting}") == value


@pytest.fixture(scope="module")
def durable_server(shared_server_home):
    with embedded_server(shared_server_home / "postgres") as server:
        yield server


def test_a_failed_statement_leaves_no_value_in_the_log(durable_server):
    with connect(
        durable_server.url("postgres"), application_name="tests", autocommit=True
    ) as connection:
        connection.execute("create table people (email text check (email = ''))")
        for statement in (
            "insert into people values ('somebody@example.com')",
            "select 'somebody@example.com'::integer[]",
        ):
            with pytest.raises(Exception, match="somebody"):
                connection.execute(statement)
    logged = durable_server.log_file.read_text()
    assert "ready to accept connections" in logged
    assert "somebody" not in logged


def test_nobody_else_may_read_what_the_server_wrote(durable_server):
    paths = [durable_server.folder, *durable_server.folder.rglob("*")]
    # An access control entry shows as the group's search bit; it names one account.
    closed = [path for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o067]
    allowed = {durable_server.folder / "port"}
    assert not {
        path
        for path in closed
        if path not in allowed and not path.is_socket() and not path.is_symlink()
    }


def test_the_server_never_runs_as_root(durable_server):
    assert postmaster(durable_server).uids().real != 0


@pytest.mark.skipif(not IS_ROOT, reason="only root starts it as another account")
def test_root_lets_the_account_through_closed_folders_and_nobody_else(server_home):
    closed = server_home / "closed"
    closed.mkdir(mode=0o700)
    with embedded_server(closed / "home" / "postgres", durable=False) as server:
        assert ask(server, "select 1") == 1
    assert stat.S_IMODE(closed.stat().st_mode) & 0o067 == 0
    entries = os.getxattr(closed, "system.posix_acl_access")
    service = account.server_account(server.data)
    assert account._read_entries(closed)[account._USER, service.uid] == 1
    assert len(entries) == 4 + 5 * 8


@pytest.mark.skipif(not IS_ROOT, reason="only root starts it as another account")
def test_a_folder_that_stays_closed_is_named_with_what_to_do(server_home, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    closed = server_home / "closed"
    closed.mkdir(mode=0o700)
    with (
        pytest.raises(ServerError, match="Set DAYBOOK_HOME"),
        embedded_server(closed / "postgres"),
    ):
        pass


def test_data_of_another_major_version_is_refused(folder):
    with embedded_server(folder, durable=False) as server:
        pass
    (server.data / "PG_VERSION").write_text("17\n")
    with (
        pytest.raises(ServerError, match="made by Postgres 17"),
        embedded_server(folder, durable=False),
    ):
        pass


def test_a_path_too_long_for_a_socket_works(server_home):
    folder = server_home / ("long" * 20) / "with a space" / "postgres"
    with embedded_server(folder, durable=False) as server:
        assert ask(server, "select 1") == 1
        assert not str(server.socket_folder).startswith(str(server_home))


def test_no_process_is_left_behind(server_home):
    before = {process.pid for process in psutil.Process().children()}
    with embedded_server(server_home / "postgres", durable=False):
        pass
    left = [
        process
        for process in psutil.Process().children()
        if process.pid not in before and process.status() != psutil.STATUS_ZOMBIE
    ]
    psutil.wait_procs(left, timeout=5)
    assert not [process for process in left if process.is_running()]
