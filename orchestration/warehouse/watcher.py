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


def watch(users: int, keep: Path, command: list[str], account: str) -> None:
    """Wait for the last user, then run `command` unless the server shall be kept."""
    fcntl.flock(users, fcntl.LOCK_EX)
    if keep.exists():
        return
    uid, _, gid = account.partition(":")
    identity = (
        {"user": int(uid), "group": int(gid), "extra_groups": []} if account else {}
    )
    subprocess.run(command, check=False, cwd="/", **identity)


if __name__ == "__main__":
    duty_handle, users_handle, keep_path, server_account, *stop = sys.argv[1:]
    watch(int(users_handle), Path(keep_path), stop, server_account)
    # Off duty before the next command may start: it must not take us for its watcher.
    os.close(int(duty_handle))
