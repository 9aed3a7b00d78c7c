"""Ports are chosen once and kept; one that somebody else took moves, alone."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from local import ports
from local.errors import LocalError
from local.state import State, read_json


@pytest.fixture
def state(tmp_path: Path) -> State:
    found = State(tmp_path / "state")
    found.create()
    return found


def test_the_same_ports_are_chosen_again(state: State) -> None:
    first, _ = ports.choose(state)
    second, moved = ports.choose(state)
    assert first == second
    assert not moved
    assert set(first) == set(ports.NAMES)
    assert len(set(first.values())) == len(ports.NAMES)


def test_a_port_taken_by_another_program_moves_alone_and_is_named(state: State) -> None:
    first, _ = ports.choose(state)
    with socket.create_server(("127.0.0.1", first["apple"])):
        second, moved = ports.choose(state)
    assert moved == {"apple": first["apple"]}
    assert second["apple"] != first["apple"]
    assert {name: port for name, port in second.items() if name != "apple"} == {
        name: port for name, port in first.items() if name != "apple"
    }
    assert read_json(state.ports) == second


def test_a_port_that_our_own_daemon_holds_stays(state: State) -> None:
    first, _ = ports.choose(state)
    with socket.create_server(("127.0.0.1", first["apple"])):
        second, moved = ports.choose(state, ours=["apple"])
    assert second == first
    assert not moved


def test_two_clones_choose_different_ports(tmp_path: Path) -> None:
    here, there = State(tmp_path / "here"), State(tmp_path / "there")
    here.create()
    there.create()
    taken = set(ports.choose(here)[0].values())
    other = ports.choose(there, free=lambda port: port not in taken)[0]
    assert not taken & set(other.values())


def test_no_free_port_is_an_error_that_says_so(state: State) -> None:
    with pytest.raises(LocalError, match="No free port"):
        ports.choose(state, free=lambda _port: False)
