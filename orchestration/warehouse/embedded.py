"""The embedded Postgres: starts, is shared, recovers and stops by itself.

It takes the binaries of a wheel and nothing else of it: the wheel's own process
management trusts every local user and runs with the smallest settings.
"""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from orchestration.warehouse import configuration, watcher
from orchestration.warehouse.account import Account, grant_passage, server_account
from orchestration.warehouse.failures import ServerError
from orchestration.warehouse.postmaster import (
    START_SECONDS,
    Embedded,
    clear_remains,
    is_answering,
    pg_ctl,
    postmaster,
)
from orchestration.warehouse.programs import MAJOR, explain, programs_for

_LOG_BYTES = 10_000_000
_STOP = ("stop", "--mode=fast", "--wait", "--timeout=120")


@contextmanager
def embedded_server(
    folder: Path, *, keep_running: bool = False, durable: bool = True
) -> Iterator[Embedded]:
    """Use the server of `folder`, started if need be, stopped after its last user.

    Parameters
    ----------
    folder : Path
        Where the server's files are or shall be.
    keep_running : bool
        Leave the server up at the end, until `stop_server`.
    durable : bool
        False turns fsync off: for tests only.
    """
    server = Embedded(folder.absolute(), durable)
    _make_folder(server.folder)
    with _open_lock(server, "users") as usage:
        try:
            with _lock(server, "start"):
                # Waits while the watcher stops the server for the last user before us.
                fcntl.flock(usage, fcntl.LOCK_SH)
                _ensure_up(server)
                if keep_running:
                    server.keep_file.touch(mode=0o600)
            yield server
        finally:
            fcntl.flock(usage, fcntl.LOCK_UN)
            _stop_if_unused(server)


def stop_server(folder: Path) -> bool:
    """Stop the server of `folder`, whoever uses it; return whether it was running."""
    server = Embedded(folder.absolute())
    if not server.folder.exists():
        return False
    with _lock(server, "start"):
        server.keep_file.unlink(missing_ok=True)
        return _stop(server)


def _stop_if_unused(server: Embedded) -> None:
    with _lock(server, "start"), _open_lock(server, "users") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Others use it (no wait), or the watcher is stopping it (a short one).
            fcntl.flock(users, fcntl.LOCK_SH)
            return
        if not server.keep_file.exists():
            _stop(server)


def _stop(server: Embedded) -> bool:
    if postmaster(server) is None:
        return False
    try:
        pg_ctl(server, server_account(server.data), *_STOP)
    except ServerError:
        # The watcher may have been quicker.
        if postmaster(server) is not None:
            raise
    if server.folder not in server.socket_folder.parents:
        with suppress(OSError):
            server.socket_folder.rmdir()
    return True


def _ensure_up(server: Embedded) -> None:
    account = server_account(server.data)
    grant_passage(server.folder, account)
    _ensure_initialized(server, account)
    _ensure_running(server, account)
    _ensure_watched(server, account)


def _ensure_initialized(server: Embedded, account: Account) -> None:
    version = server.data / "PG_VERSION"
    if version.exists():
        if version.read_text().strip() != str(MAJOR):
            msg = (
                f"{server.data} was made by Postgres {version.read_text().strip()}, "
                f"this version of Daybook brings {MAJOR}: dump it with the old version "
                "and restore it with this one"
            )
            raise ServerError(msg)
        return
    # Made beside and renamed, so that a killed initdb leaves nothing half-made.
    draft = server.folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    account.own(draft)
    finished = subprocess.run(
        [
            str(programs_for(account, folder=server.folder) / "initdb"),
            f"--pgdata={draft}",
            f"--username={configuration.SUPERUSER}",
            "--auth=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *([] if server.durable else ["--no-sync"]),
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **account.subprocess_options(),
    )
    if finished.returncode:
        msg = f"a new database could not be made: {explain(finished.stderr)}"
        raise ServerError(msg)
    draft.rename(server.data)


def _ensure_running(server: Embedded, account: Account) -> None:
    if is_answering(server):
        return
    clear_remains(server)
    for folder in (server.socket_folder, server.log_file.parent):
        _make_private(folder, account)
    if server.log_file.exists() and server.log_file.stat().st_size > _LOG_BYTES:
        server.log_file.replace(server.log_file.with_suffix(".old"))
    port, listen = configuration.choose_port(server.port_file)
    server.port_file.write_text(f"{port}\n")
    _write_configuration(server, account, port=port, listen=listen)
    pg_ctl(
        server,
        account,
        "start",
        "--wait",
        f"--timeout={START_SECONDS}",
        f"--log={server.log_file}",
    )


def _write_configuration(
    server: Embedded, account: Account, *, port: int, listen: bool
) -> None:
    sizes = configuration.sizes_for(
        configuration.machine_memory_megabytes() if server.durable else 0
    )
    files = {
        "postgresql.conf": configuration.postgresql_conf(
            port=port,
            listen=listen,
            socket_folder=server.socket_folder,
            sizes=sizes,
            durable=server.durable,
        ),
        "pg_hba.conf": configuration.access_rules(),
        "pg_ident.conf": configuration.user_map(
            {account.name} if account.is_current else {account.name, "root"}
        ),
    }
    for name, content in files.items():
        path = server.data / name
        path.write_text(content)
        account.own(path)


def _ensure_watched(server: Embedded, account: Account) -> None:
    """Have exactly one watcher: it holds a lock that the kernel drops with it."""
    with _open_lock(server, "watcher") as duty, _open_lock(server, "users") as users:
        try:
            fcntl.flock(duty, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        uid = "" if account.is_current else f"{account.uid}:{account.gid}"
        program = programs_for(account, folder=server.folder) / "pg_ctl"
        stop = [str(program), f"--pgdata={server.data}", *_STOP]
        subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", str(Path(watcher.__file__))),
                *(str(duty.fileno()), str(users.fileno()), str(server.keep_file)),
                *(uid, *stop),
            ],
            pass_fds=(duty.fileno(), users.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )


def _make_private(folder: Path, account: Account) -> None:
    """Make a folder for the server alone; under /tmp somebody may have been first."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (
        os.geteuid(),
        account.uid,
    ):
        msg = f"{folder} is needed for the server, but it is another user's. Remove it"
        raise ServerError(msg)
    account.own(folder)


def _make_folder(folder: Path) -> None:
    try:
        for directory in (folder.parent, folder):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder} cannot be made: {error.strerror}. Set DAYBOOK_HOME"
        raise ServerError(msg) from error


@contextmanager
def _lock(server: Embedded, name: str) -> Iterator[None]:
    with _open_lock(server, name) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _open_lock(server: Embedded, name: str) -> IO[bytes]:
    try:
        handle = os.open(
            server.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except PermissionError as error:
        msg = (
            f"{server.folder} belongs to another user. Run Daybook as that user, "
            "or set DAYBOOK_HOME to a directory of your own"
        )
        raise ServerError(msg) from error
    return os.fdopen(handle, "r+b", buffering=0)
