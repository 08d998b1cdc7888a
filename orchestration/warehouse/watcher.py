"""Stops the embedded server when nobody uses it any more; run as a script.

Every command holds a shared lock on one file while it uses the server. The kernel
drops it however the command ends, SIGKILL included, so waiting for the exclusive
lock is waiting for the last user. Only the standard library: it starts with -I -S
and idles in a few megabytes.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path


def watch(
    users: int, keep: Path, command: list[str], user: int | None, group: int | None
) -> None:
    """Wait for the last user, then run `command` unless the server shall be kept."""
    fcntl.flock(users, fcntl.LOCK_EX)
    if keep.exists():
        return
    identity = {} if user is None else {"user": user, "group": group}
    if identity:
        identity["extra_groups"] = []
    subprocess.run(command, check=False, cwd="/", **identity)


if __name__ == "__main__":
    users_text, keep_text, uid_text, *stop_command = sys.argv[1:]
    uid, _, gid = uid_text.partition(":")
    os.umask(0o077)
    watch(
        int(users_text),
        Path(keep_text),
        stop_command,
        int(uid) if uid else None,
        int(gid) if gid else None,
    )
