"""A Postgres that is not ours: the oldest that is supported, where it is installed."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration.warehouse.account import grant_passage, server_account

PROGRAMS = Path("/usr/lib/postgresql/15/bin")

needs_it = pytest.mark.skipif(
    not (PROGRAMS / "initdb").exists(), reason="no Postgres 15 in /usr/lib/postgresql"
)


@contextmanager
def oldest_server(home: Path) -> Iterator[str]:
    """Start it in a folder; yields the URL of its superuser, over the network."""
    data = home / "data"
    account = server_account(data)
    grant_passage(home, account)
    data.mkdir(mode=0o700)
    account.own(data)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(PROGRAMS / program), f"--pgdata={data}", *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **account.subprocess_options(),
        )

    run("initdb", "--username=daybook", "--auth=trust", "--no-sync", "--encoding=UTF8")
    # Whoever comes over the network has to know a password, but for the superuser.
    rules = data / "pg_hba.conf"
    rules.write_text(
        "host all daybook 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    port = _free_port()
    options = (
        f"-c listen_addresses=127.0.0.1 -c port={port} "
        f"-c unix_socket_directories={data} -c fsync=off"
    )
    run("pg_ctl", "start", "--wait", f"--options={options}", f"--log={data}/log")
    try:
        yield f"postgresql://daybook@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "stop", "--mode=immediate")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
