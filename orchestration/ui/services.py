"""`dagster dev`, with the guarded web server in place of the bare one.

Run as a program, with the arguments of `dagster dev`, and `--read-only` as the first.
"""

import signal
import sys
from collections.abc import Sequence
from subprocess import Popen
from typing import Any

from dagster._cli import dev

_BARE = "dagster_webserver"
_GUARDED = "orchestration.ui.webserver"
READ_ONLY = "--read-only"


def serve(arguments: Sequence[str]) -> None:
    """Start code server, web server and daemon, and stop them together."""
    # Started in the background by a shell, we inherit that it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    is_read_only = READ_ONLY in arguments
    start = dev.open_ipc_subprocess

    def start_guarded(parts: Sequence[str], **options: Any) -> Popen[bytes]:
        if _BARE not in parts:
            return start(parts, **options)
        parts = [_GUARDED if part == _BARE else part for part in parts]
        return start([*parts, *([READ_ONLY] if is_read_only else [])], **options)

    dev.open_ipc_subprocess = start_guarded
    dev.dev_command([part for part in arguments if part != READ_ONLY])


if __name__ == "__main__":
    serve(sys.argv[1:])
