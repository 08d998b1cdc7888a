"""The examples of the guide to experiments are accepted, and come out as it says."""

import re
from pathlib import Path
from shutil import copytree

from orchestration.experiments.arms import Arm, Counted, Measured, Terms
from orchestration.experiments.results import conclude_results
from orchestration.experiments.sample_size import Design, proportion_sample_size
from orchestration.registry.reading import load_registry
from tests.unit.made_registry import write_registry

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "experiments.md").read_text()


def test_the_definition_is_accepted(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    folder = write_registry(tmp_path, experiments__button=text)
    # With these, an event that nobody sends is refused.
    copytree(ROOT / "registry" / "contracts", folder / "contracts", dirs_exist_ok=True)
    registry = load_registry(folder)
    metrics = registry.experiments()["button"].metrics
    assert [each.name for each in metrics] == ["books", "revenue", "errors"]


def test_the_size_is_what_it_says():
    size = proportion_sample_size(control_rate=0.2, difference=0.05, design=Design())
    assert f"says {int(size.control_units[0]):,} an arm" in GUIDE


def test_the_worked_example_comes_out_as_it_says():
    rows = re.findall(r"^\| (control|big) \| (\d+) \| (\d+) \|$", GUIDE, re.MULTILINE)
    arms = tuple(Arm(name, int(units), int(hits), 0) for name, units, hits in rows)
    (result,) = conclude_results(
        [Counted("button", Terms(), ((Measured("books"), arms),), 14)]
    )
    text = " ".join(GUIDE.split())
    assert result.verdict == "ship"
    for said in (
        f"the difference is {result.difference:.4f}, with a sequential interval from "
        f"{result.sequential_low:.4f} to {result.sequential_high:.4f} (fixed: "
        f"{result.low:.4f} to {result.high:.4f}, p {result.p_value:.4f})",
        f"a lift of {result.lift:.3f}",
        f"a p-value in its family of {result.family_p_value:.4f}",
    ):
        assert said in text
