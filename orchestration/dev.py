"""The Dagster UI and daemon as a child of this process, stopped together with it."""

import os
import signal
import subprocess
import sys

from orchestration.settings import PROJECT_ROOT

# The successor of `dagster dev` wants a project of another shape; we know.
_WARNINGS = "ignore:Function `dev_command` is superseded"


def run_dagster(port: int, *, is_writable: bool = False) -> int:
    """Run the UI on loopback, guarded, until it ends or this process is told to.

    Parameters
    ----------
    is_writable : bool
        Whether runs may be launched and schedules be stopped from the UI.
    """
    command = [
        *(sys.executable, "-m", "orchestration.ui.services"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *(() if is_writable else ("--read-only",)),
        *("--workspace", str(PROJECT_ROOT / "workspace.yaml")),
        # Every look of every sensor is a line otherwise.
        *("--log-level", "warning"),
    ]
    environment = {**os.environ, "PYTHONWARNINGS": _WARNINGS}
    # A group of its own: told once, by us, and not by the terminal as well.
    child = subprocess.Popen(command, env=environment, process_group=0)

    def stop(*_: object) -> None:
        child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
