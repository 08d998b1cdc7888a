import socket
from pathlib import Path

import pytest

from orchestration.warehouse.configuration import (
    Sizes,
    access_rules,
    choose_port,
    machine_memory_megabytes,
    postgresql_conf,
    sizes_for,
    user_map,
)
from orchestration.warehouse.programs import explain


@pytest.mark.parametrize(
    ("memory", "sizes"),
    [
        pytest.param(512, Sizes(128, 16, 64), id="a small container"),
        pytest.param(4096, Sizes(256, 16, 128), id="a small machine"),
        pytest.param(8192, Sizes(512, 32, 256), id="a laptop"),
        pytest.param(262144, Sizes(1024, 64, 512), id="a large server"),
    ],
)
def test_memory_is_taken_modestly(memory, sizes):
    assert sizes_for(memory) == sizes


def test_the_memory_of_this_machine_is_known():
    assert machine_memory_megabytes() > 100


def configuration(*, durable):
    return postgresql_conf(
        port=20001,
        listen=True,
        socket_folder=Path("/run/daybook"),
        sizes=sizes_for(4096),
        durable=durable,
    )


def test_durability_is_never_weakened_outside_tests():
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert setting not in configuration(durable=True)
        assert f"{setting} = off" in configuration(durable=False)


def test_trust_and_the_superuser_do_not_appear_on_tcp():
    rules = [line.split() for line in access_rules().splitlines() if line[0] != "#"]
    over_tcp = [rule for rule in rules if rule[0].startswith("host")]
    assert over_tcp == [
        ["host", "daybook", "bi_reader", "127.0.0.1/32", "scram-sha-256"]
    ]
    assert not any("trust" in rule for rule in rules)


def test_every_user_of_the_map_is_the_owner():
    assert 'owner "root" daybook' in user_map({"root", "daybook"})


def test_a_kept_port_is_kept_while_free(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    (tmp_path / "port").write_text(f"{free}\n")
    assert choose_port(tmp_path / "port") == (free, True)


def test_a_port_in_use_is_not_chosen(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        (tmp_path / "port").write_text(str(taken))
        port, listens = choose_port(tmp_path / "port")
    assert listens
    assert port != taken


def test_the_reason_of_a_server_that_does_not_start_is_found():
    said = 'LOG: x\nFATAL: could not write file "a": No space left on device\nLOG: y'
    assert explain(said) == "the disk is full; free some space and run again"
    assert explain("LOG: x\nFATAL: something new\nLOG: y") == "FATAL: something new"
    assert explain("") == "it gave no reason"
