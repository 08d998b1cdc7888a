"""Variants of many units as a file, for those who assign outside of their code."""

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import TextIO

from orchestration.experiments.assignment import assign_arms
from orchestration.registry.experiments import Experiment

_AT_ONCE = 10_000


def write_assignments(
    experiment_id: str,
    experiment: Experiment,
    *,
    units: Iterable[str],
    output: TextIO,
    moment: datetime,
) -> None:
    """Write a JSON object with unit and variant a line, in the order of the units.

    Parameters
    ----------
    units : iterable of str
        Ids, one a line; empty lines are none.
    moment : datetime
        When: the weights are those of the phase that had begun last.
    """
    weights, variants = weights_at(experiment, moment), _variants(experiment)
    named = (line for line in (each.rstrip("\r\n") for each in units) if line)
    while chunk := list(islice(named, _AT_ONCE)):
        arms = assign_arms(experiment_id, chunk, weights=weights)
        output.writelines(
            json.dumps({"unit": unit, "variant": variants[arm]}) + "\n"
            for unit, arm in zip(chunk, arms, strict=True)
        )


def weights_at(experiment: Experiment, moment: datetime) -> list[int]:
    """Return the weights of the phase that had begun last, or of the first."""
    begun = [each for each in experiment.phases or () if each.starts_at <= moment]
    return begun[-1].weights if begun else [arm.weight for arm in experiment.arms]


def _variants(experiment: Experiment) -> list[str]:
    return [arm.variant for arm in experiment.arms]
