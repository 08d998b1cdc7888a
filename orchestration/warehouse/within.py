"""Run one command while the warehouse is up, told where it is.

`python -m orchestration.warehouse.within dbt build` starts the embedded server if
need be and stops it afterwards; `--stop` ends one that was kept running.
"""

import subprocess
import sys
from pathlib import Path

from orchestration.settings import SettingsError, export_environment, read_settings
from orchestration.warehouse.failures import ServerError
from orchestration.warehouse.migrations import SchemaError
from orchestration.warehouse.server import stop_warehouse, warehouse


def run_within(command: list[str]) -> int:
    """Run `command`, a program of this environment, and return its exit code."""
    settings = read_settings()
    if command == ["--stop"]:
        stop_warehouse(settings)
        return 0
    with warehouse(settings) as url:
        export_environment(settings, url)
        program = Path(sys.executable).parent / command[0]
        known = str(program) if program.exists() else command[0]
        return subprocess.run([known, *command[1:]], check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(run_within(sys.argv[1:]))
    except (SettingsError, ServerError, SchemaError) as problem:
        sys.exit(str(problem))
