"""The files and the process of one embedded server: found, cleared, driven."""

import hashlib
import re
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from orchestration.warehouse import configuration
from orchestration.warehouse.account import Account
from orchestration.warehouse.failures import ServerError
from orchestration.warehouse.programs import explain, programs_for

START_SECONDS = 300
_PATIENCE_SECONDS = 3

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


def postmaster(server: Embedded) -> psutil.Process | None:
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


def clear_remains(server: Embedded) -> None:
    """End what a killed server left behind.

    Its children notice its death within moments, but a busy one may work on and
    would block a restart. Lock files are removed only when no process works in the
    data directory any more: Postgres trusts the process ids in them, which may by
    then be those of a zombie or, in a restarted container, of anybody.
    """
    remains = [server.data / "postmaster.pid"]
    remains += server.socket_folder.glob(".s.PGSQL.*")
    if not any(path.exists() for path in remains):
        return
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while orphans := _processes_in(server.data):
        if time.monotonic() > deadline:
            for process in orphans:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.05)
    for path in remains:
        path.unlink(missing_ok=True)


def _processes_in(data: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["name", "status"])
        if process.info["name"] == "postgres"
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and _works_in(process, data)
    ]


def is_answering(server: Embedded) -> bool:
    """Wait for a running server to answer; False if there is none, or it ended.

    It may have been started by another command a moment ago, or be recovering.
    """
    deadline = time.monotonic() + START_SECONDS
    while postmaster(server) is not None:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                msg = f"the embedded Postgres does not answer: {explain(str(error))}"
                raise ServerError(msg) from error
            time.sleep(0.1)
        else:
            return True
    return False


def pg_ctl(server: Embedded, account: Account, *arguments: str) -> None:
    """Start or stop the server as its account, and say why it would not."""
    # Output goes to a file: a server that inherits a pipe keeps its reader waiting.
    position = server.log_file.stat().st_size if server.log_file.exists() else 0
    program = programs_for(account, folder=server.folder) / "pg_ctl"
    finished = subprocess.run(
        [str(program), f"--pgdata={server.data}", *arguments],
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
