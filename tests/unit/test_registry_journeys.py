"""What the registry says of journeys is judged before it is in force."""

import pytest

from orchestration.registry.problems import RegistryError
from orchestration.registry.reading import load_registry
from tests.unit.made_registry import write_registry


def test_a_rule_names_a_segment_by_its_shape_or_its_place(tmp_path):
    rules = """
        events: [search_performed, custom.zoom]
        rewrites:
          - {shape: uuid, placeholder: ":id"}
          - {after: users, placeholder: ":user"}
        """
    registry = load_registry(write_registry(tmp_path, journeys=rules))
    (entry,) = [each for each in registry.entries if each.kind == "journeys"]
    assert entry.model.collapse_repeats
    assert [rule.placeholder for rule in entry.model.rewrites] == [":id", ":user"]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("events: [start]", "start and end are no events"),
        ("events: [/a]", "events"),
        ('rewrites: [{placeholder: ":id"}]', "needs shape, after or both"),
        ('rewrites: [{shape: ".*", placeholder: ":id"}]', "shape"),
        ("rewrites: [{shape: uuid, placeholder: id}]", "placeholder"),
        ('rewrites: [{after: "a/b", placeholder: ":id"}]', "after"),
    ],
)
def test_what_is_no_rule_is_named_with_its_line(rules, said, tmp_path):
    with pytest.raises(RegistryError) as caught:
        load_registry(write_registry(tmp_path, journeys=rules + "\n"))
    assert "journeys.yml:1" in str(caught.value)
    assert said in str(caught.value)
