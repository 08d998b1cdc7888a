"""The embedded server's configuration files: settings, access rules, port, password."""

import errno
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "daybook"
DATABASE = "daybook"
READER = "bi_reader"

_MEGABYTE = 1024 * 1024

# A statement that failed, its message and its detail hold row values. The client is
# told; the log, which outlives an erasure, keeps level LOG and up.
_LOGGING = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_line_prefix": "'%m [%p] '",
}


@dataclass(frozen=True)
class Sizes:
    """Memory given to the server, in megabytes."""

    shared_buffers: int
    work_mem: int
    maintenance_work_mem: int


def sizes_for(memory_megabytes: int) -> Sizes:
    """Return a modest share of the machine: Python and dbt run beside the server.

    >>> sizes_for(8192)
    Sizes(shared_buffers=512, work_mem=32, maintenance_work_mem=256)
    """
    return Sizes(
        shared_buffers=_between(128, memory_megabytes // 16, 1024),
        work_mem=_between(16, memory_megabytes // 256, 64),
        maintenance_work_mem=_between(64, memory_megabytes // 32, 512),
    )


def machine_memory_megabytes() -> int:
    """Return the memory this process may use: the machine's or its container's."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup") / name
        if path.exists() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return min(limits) // _MEGABYTE


def postgresql_conf(
    *, port: int, listen: bool, socket_folder: Path, sizes: Sizes, durable: bool
) -> str:
    """Return the whole postgresql.conf.

    `durable=False` is for tests that may lose their database with the machine.
    """
    settings = {
        "port": port,
        "listen_addresses": "'127.0.0.1'" if listen else "''",
        "unix_socket_directories": f"'{socket_folder}'",
        "unix_socket_permissions": "0700",
        "max_connections": 100,
        "password_encryption": "scram-sha-256",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "datestyle": "'iso, ymd'",
        "default_text_search_config": "'pg_catalog.simple'",
        "shared_buffers": f"{sizes.shared_buffers}MB",
        "work_mem": f"{sizes.work_mem}MB",
        "maintenance_work_mem": f"{sizes.maintenance_work_mem}MB",
        "dynamic_shared_memory_type": _dynamic_shared_memory(),
        "jit": "off",
        # Pages at random are in memory, or on a disk without arms. The server's own 4
        # has a night read whole tables for the few rows that changed.
        "random_page_cost": 1.1,
        # Nobody replicates it: a table needs no log in the transaction that makes it.
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "max_wal_size": "2GB",
        "min_wal_size": "160MB",
        # The wheel can only do pglz: a row's random key then cost 19 µs, not 3.
        "wal_compression": "off",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": 0.9,
        **_LOGGING,
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off"}
        settings |= {"full_page_writes": "off", "autovacuum_naptime": "1h"}
    lines = [f"{name} = {value}" for name, value in settings.items()]
    head = "# Written at every start. Changes of your own: alter system set ..."
    return "\n".join([head, *lines, ""])


def access_rules() -> str:
    """Return pg_hba.conf: the owner by socket, the BI reader by loopback TCP."""
    return "\n".join(
        [
            "# Written at every start.",
            f"local all {SUPERUSER} peer map=owner",
            f"host {DATABASE} {READER} 127.0.0.1/32 scram-sha-256",
            "",
        ]
    )


def user_map(system_users: set[str]) -> str:
    """Return pg_ident.conf: which system users are the owner."""
    lines = [f'owner "{name}" {SUPERUSER}' for name in sorted(system_users)]
    return "\n".join(["# Written at every start.", *lines, ""])


def choose_port(path: Path) -> tuple[int, bool]:
    """Return the port kept in `path`, or a new one, and whether TCP can be used.

    A bookmark in a BI tool survives restarts; a port that somebody else took
    since is given up.
    """
    kept = path.read_text().strip() if path.exists() else ""
    candidates = [int(kept)] if kept.isdigit() else []
    candidates += [20000 + secrets.randbelow(12000) for _ in range(50)]
    for port in candidates:
        with socket.socket() as probe:
            # Postgres sets it too: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    return port, False
                continue
        return port, True
    return candidates[-1], False


def _dynamic_shared_memory() -> str:
    """Return where parallel queries share memory: files if /dev/shm is tiny.

    Containers give it 64 MB, which one parallel hash join exceeds.
    """
    shared = Path("/dev/shm")  # noqa: S108
    if not shared.exists():
        return "posix" if os.uname().sysname == "Darwin" else "mmap"
    space = os.statvfs(shared)
    is_roomy = space.f_frsize * space.f_blocks >= 512 * _MEGABYTE
    return "posix" if is_roomy else "mmap"


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
