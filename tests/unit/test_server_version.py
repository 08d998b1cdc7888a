import pytest

from orchestration.warehouse.failures import ServerError
from orchestration.warehouse.server import check_version


@pytest.mark.parametrize("version", [150018, 160014, 170010, 180004, 180005])
def test_a_server_with_the_known_fixes_passes_without_a_word(version):
    assert check_version(version) == []


@pytest.mark.parametrize(
    ("version", "newer"),
    [(150017, "15.18"), (160013, "16.14"), (170009, "17.10"), (180003, "18.4")],
)
def test_a_server_that_lacks_fixes_is_warned_of(version, newer):
    (warning,) = check_version(version)
    assert newer in warning


def test_a_server_older_than_fifteen_is_refused():
    with pytest.raises(ServerError, match="too old"):
        check_version(140022)


def test_a_server_newer_than_the_tests_is_warned_of():
    (warning,) = check_version(190000)
    assert "newer than the versions tested" in warning
