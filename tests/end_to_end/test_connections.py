"""A whole night, its system calls watched: nothing calls outside."""

import os
import re
import shutil
import subprocess
import sys
from datetime import date

import pytest

from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World
from tests.end_to_end.house import ROOT

TINY = World(persons=20, days=1, start_on=date(2026, 1, 5), activity=0.6)
LOOPBACK = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "(::1|::ffff:127\.)')
# What a lookup of a name begins with, even where the resolver is on this machine.
NAMES = re.compile(r"port=htons\(53\)")
DAYBOOK = "from orchestration.cli import main; main()"

strace = shutil.which("strace")


@pytest.mark.skipif(strace is None, reason="strace is not installed")
def test_nothing_connects_outside(server_home):
    simulate(TINY, server_home / "landing", None)
    trace = server_home / "trace.txt"
    command = [strace, "-f", "-qq", "-e", "trace=connect", "-o", str(trace)]
    if can_filter():
        # Only connect stops the process, so the night takes its usual time.
        command.insert(1, "--seccomp-bpf")
    finished = subprocess.run(
        [*command, sys.executable, "-c", DAYBOOK, "run", "nightly"],
        cwd=ROOT,
        env=environment(server_home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr

    connections = re.findall(r"connect\(\d+, (\{.*?\})", trace.read_text())
    assert any(".s.PGSQL" in made for made in connections)
    assert [made for made in connections if not is_inside(made)] == []


def is_inside(connection):
    if "AF_UNIX" in connection or "AF_UNSPEC" in connection:
        return True
    return bool(LOOPBACK.search(connection)) and not NAMES.search(connection)


def environment(home):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match("DAYBOOK_|DBT_|DAGSTER_|DO_NOT_TRACK|GX_", name)
    }
    return {**kept, "DAYBOOK_HOME": str(home), "PYTHONPATH": str(ROOT)}


def can_filter():
    told = subprocess.run(
        [strace, "-qq", "-f", "--seccomp-bpf", "-o", os.devnull, "true"],
        capture_output=True,
        check=False,
    )
    return told.returncode == 0 and not told.stderr
