"""Tests that run in several processes make every shared world once."""

import os
import re
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.house.conftest import ROOT
from tests.parallel import group_of, turn_of

STORY = ["tests/end_to_end/test_rebuilds.py", "tests/end_to_end/test_deliveries.py"]
ALONE = ["tests/unit/test_periods.py", "tests/unit/test_pages.py"]


def test_files_that_share_a_world_are_one_group():
    assert {group_of(file) for file in STORY} == {"story"}
    assert [group_of(file) for file in ALONE] == ALONE


def test_what_takes_long_begins():
    assert sorted([*ALONE, *STORY], key=turn_of) == [*STORY, *ALONE]


@pytest.mark.thorough  # three processes are started, which takes seconds
def test_a_file_is_run_by_one_process():
    options = ("-n", "2", "-v", "-p", "no:cacheprovider")
    told = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *ALONE],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if "PYTEST" not in key},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ran = defaultdict(set)
    for process, file in re.findall(r"\[(gw\d)\].* PASSED (\S+?)::", told):
        ran[file].add(process)
    assert sorted(ran) == sorted(ALONE)
    assert {len(processes) for processes in ran.values()} == {1}
