"""Which operating system account the embedded Postgres runs as.

Postgres refuses to run as root. Started by root it runs as the system account
`daybook`, and that account alone is let through directories closed to others.
"""

import errno
import os
import pwd
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.warehouse.failures import ServerError

NAME = "daybook"

_ACL = "system.posix_acl_access"
_ENTRY = struct.Struct("<HHI")
_VERSION = struct.pack("<I", 2)
_NOBODY_NAMED = 0xFFFFFFFF
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 1, 2, 4, 8, 16, 32
_SEARCH = 1


@dataclass(frozen=True)
class Account:
    """The account that owns the data directory and runs the server."""

    name: str
    uid: int
    gid: int

    @property
    def is_current(self) -> bool:
        """Whether this process already runs as the account."""
        return self.uid == os.geteuid()

    def subprocess_options(self) -> dict[str, Any]:
        """Return what makes `subprocess` start a child as this account."""
        if self.is_current:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give `path` to this account."""
        if not self.is_current:
            os.chown(path, self.uid, self.gid)


def server_account(data: Path) -> Account:
    """Return the account for the server of `data`: its owner, once there is data."""
    current = os.geteuid()
    if data.exists():
        owner = data.stat()
        if current not in (0, owner.st_uid):
            msg = (
                f"{data} belongs to another user. Run Daybook as that user, "
                "or set DAYBOOK_HOME to a directory of your own"
            )
            raise ServerError(msg)
        if owner.st_uid != 0:
            return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    if current != 0:
        return Account(_name_of(current), current, os.getegid())
    return _service_account()


def grant_passage(folder: Path, account: Account) -> None:
    """Let the account reach `folder` through every directory above it.

    Where the mode bits do not, an access control entry for this one account is
    added (search only, no listing, nobody else): the least that lets a checkout
    under a closed /root work.
    """
    if account.is_current or _reaches(folder, account):
        return
    for directory in [*reversed(folder.parents), folder]:
        if _reaches(directory, account):
            continue
        try:
            _allow_search(directory, account.uid)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EPERM, errno.EROFS):
                raise
        if not _reaches(directory, account):
            msg = (
                f"Postgres cannot run as root, and the account {account.name!r} it "
                f"runs as may not enter {directory}. Set DAYBOOK_HOME to a directory "
                f"that others may enter (for example /var/lib/daybook), or run "
                f"chmod o+x {directory}, or run Daybook as a normal user"
            )
            raise ServerError(msg)


def _reaches(directory: Path, account: Account) -> bool:
    try:
        finished = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **account.subprocess_options(),
        )
    except (PermissionError, OSError) as error:
        msg = (
            "Postgres cannot run as root, and this environment does not let root "
            f"become another user ({error.strerror}). Run Daybook as a normal user"
        )
        raise ServerError(msg) from error
    return finished.returncode == 0


def _service_account() -> Account:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _create_account()
    if entry.pw_uid == 0:
        msg = f"the account {NAME!r} is root by another name; Postgres refuses it"
        raise ServerError(msg)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd:
        subprocess.run(
            [
                useradd,
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/usr/sbin/nologin",
                NAME,
            ],
            capture_output=True,
            check=False,
        )
    try:
        # Two first starts at once: the other one may have made it.
        return pwd.getpwnam(NAME)
    except KeyError:
        msg = (
            f"Postgres cannot run as root, and the account {NAME!r} could not be "
            f"created. Create it (useradd --system {NAME}) or run Daybook as a "
            "normal user"
        )
        raise ServerError(msg) from None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        msg = (
            f"user {uid} has no entry in the system's account list, which Postgres "
            "needs. Add one, or set DAYBOOK_DATABASE_URL to a server of your own"
        )
        raise ServerError(msg) from None


def _allow_search(directory: Path, uid: int) -> None:
    """Add one access control entry: `uid` may pass through `directory`."""
    entries = _read_entries(directory)
    # A mask that grows must not wake rights that it held back.
    mask = entries.pop((_MASK, _NOBODY_NAMED), 7)
    for (tag, name), rights in entries.items():
        if tag in (_USER, _GROUP_OBJ, _GROUP):
            entries[tag, name] = rights & mask
    entries[_USER, uid] = entries.get((_USER, uid), 0) | _SEARCH
    entries[_MASK, _NOBODY_NAMED] = 0
    for (tag, _), rights in entries.items():
        if tag in (_USER, _GROUP_OBJ, _GROUP):
            entries[_MASK, _NOBODY_NAMED] |= rights
    packed = [
        _ENTRY.pack(tag, rights, name)
        for (tag, name), rights in sorted(entries.items())
    ]
    os.setxattr(directory, _ACL, _VERSION + b"".join(packed))


def _read_entries(directory: Path) -> dict[tuple[int, int], int]:
    try:
        packed = os.getxattr(directory, _ACL)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = directory.stat().st_mode
        return {
            (_USER_OBJ, _NOBODY_NAMED): mode >> 6 & 7,
            (_GROUP_OBJ, _NOBODY_NAMED): mode >> 3 & 7,
            (_OTHER, _NOBODY_NAMED): mode & 7,
        }
    return {
        (tag, name): rights
        for tag, rights, name in _ENTRY.iter_unpack(packed[len(_VERSION) :])
    }
