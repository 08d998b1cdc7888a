import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import psycopg
import pytest

from orchestration.warehouse.connection import connect
from orchestration.warehouse.embedded import embedded_server
from orchestration.warehouse.postmaster import Embedded, postmaster

# Says when its server is up, then uses it until its input ends.
COMMAND = """
import sys
from pathlib import Path
from orchestration.warehouse.embedded import embedded_server
from orchestration.warehouse.postmaster import postmaster
with embedded_server(Path(sys.argv[1])) as server:
    print(postmaster(server).pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(server_home):
    return server_home / "postgres"


@pytest.fixture
def start_command(folder):
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def end(process):
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_two_commands_that_start_at_once_share_one_server(folder, start_command):
    commands = [start_command() for _ in range(3)]
    pids = {int(command.stdout.readline()) for command in commands}
    assert len(pids) == 1
    for command in commands:
        assert psutil.pid_exists(*pids)
        end(command)
    assert postmaster(Embedded(folder)) is None


def test_a_command_killed_hard_does_not_leave_its_server_behind(folder, start_command):
    command = start_command()
    command.stdout.readline()
    command.kill()
    wait_until(lambda: postmaster(Embedded(folder)) is None)


def test_a_command_killed_hard_takes_no_server_from_the_others(folder, start_command):
    killed, other = start_command(), start_command()
    pid = int(killed.stdout.readline())
    other.stdout.readline()
    killed.kill()
    killed.wait()
    time.sleep(0.3)
    assert postmaster(Embedded(folder)).pid == pid
    end(other)
    assert postmaster(Embedded(folder)) is None


def test_the_next_command_adopts_a_server_whose_watcher_was_killed_too(
    folder, start_command
):
    command = start_command()
    pid = int(command.stdout.readline())
    (watcher,) = (
        child
        for child in psutil.Process(command.pid).children()
        if "watcher.py" in " ".join(child.cmdline())
    )
    watcher.kill()
    command.kill()
    command.wait()
    assert postmaster(Embedded(folder)).pid == pid
    adopting = start_command()
    assert int(adopting.stdout.readline()) == pid
    adopting.kill()
    wait_until(lambda: postmaster(Embedded(folder)) is None)


def count(server):
    with connect(server.url("postgres"), application_name="tests") as connection:
        return connection.execute("select count(*) from numbers").fetchone()[0]


def test_a_killed_server_comes_back_with_what_was_committed(folder):
    with embedded_server(folder) as server:
        writer = connect(server.url("postgres"), application_name="tests")
        writer.execute("create table numbers as select generate_series(1, 1000)")
        writer.commit()
        writer.execute("insert into numbers select generate_series(1, 500)")
        postmaster(server).kill()
        with embedded_server(folder) as again:
            assert count(again) == 1000
        with pytest.raises(psycopg.OperationalError):
            writer.execute("select 1")
    assert postmaster(server) is None


def test_a_killed_server_comes_back_while_a_child_of_it_is_still_busy(folder):
    with embedded_server(folder) as server:
        busy = connect(server.url("postgres"), application_name="tests")
        busy.execute("create table numbers as select 1")
        busy.commit()
        child = psutil.Process(busy.info.backend_pid)
        # A stopped process notices nothing: the worst child a restart can meet.
        child.suspend()
        postmaster(server).kill()
        with embedded_server(folder) as again:
            assert count(again) == 1
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_pid_file_that_names_some_other_process_does_not_block(folder):
    with embedded_server(folder) as server:
        pid_file = server.data / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
        postmaster(server).send_signal(signal.SIGQUIT)
        wait_until(lambda: postmaster(server) is None)
        # As after the restart of a container, where process ids begin anew.
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        with embedded_server(folder) as again:
            assert postmaster(again) is not None


def test_a_killed_initdb_leaves_nothing_that_blocks(folder):
    half_made = folder / "data.new" / "base"
    half_made.mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    with embedded_server(folder) as server:
        assert postmaster(server) is not None


def test_a_full_disk_is_named_as_the_reason(server_home):
    small = server_home / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        with (
            pytest.raises(Exception, match="the disk is full"),
            embedded_server(small / "postgres"),
        ):
            pass
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


@pytest.mark.long
def test_no_commit_is_lost_over_twenty_kills_of_the_server(folder):
    acknowledged = 0
    with embedded_server(folder) as server:
        with connect(server.url("postgres"), application_name="tests") as connection:
            connection.execute("create table numbers (number integer)")
        for delay in range(20):
            with embedded_server(folder):
                writer = connect(
                    server.url("postgres"), application_name="tests", autocommit=True
                )
                victim = postmaster(server)
                deadline = time.monotonic() + delay / 100
                with suppress(psycopg.OperationalError):
                    while True:
                        writer.execute("insert into numbers values (1)")
                        acknowledged += 1
                        if time.monotonic() > deadline:
                            victim.kill()
        with embedded_server(folder):
            # The statement in flight at a kill may have been committed, unanswered.
            assert acknowledged <= count(server) <= acknowledged + 20
