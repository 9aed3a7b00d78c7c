"""A state folder is private, survives a kill amid a write, and goes without taking another with it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from local.state import State, read_json, write_json


@pytest.fixture
def state(tmp_path: Path) -> State:
    found = State(tmp_path / "state")
    found.create()
    return found


def test_nobody_else_can_read_it(state: State) -> None:
    write_json(state.credentials, {"key": "value"})
    assert stat.S_IMODE(state.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.credentials.stat().st_mode) == 0o600


def test_a_file_that_was_cut_short_counts_as_none(state: State) -> None:
    state.ports.write_text('{"ministack": 2')
    assert read_json(state.ports) == {}


def test_an_interrupted_write_leaves_the_old_file(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(state.ports, {"ministack": 1})

    def killed(_self: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_json(state.ports, {"ministack": 2})
    assert read_json(state.ports) == {"ministack": 1}


def test_it_goes_whole(state: State) -> None:
    write_json(state.credentials, {})
    state.remove()
    assert not state.root.exists()


def test_the_virtualenv_and_a_cloud_inside_stay(state: State) -> None:
    (state.root / "venv").mkdir()
    inside = State(state.root / "test-stack")
    inside.create()
    write_json(state.credentials, {})
    state.remove()
    assert sorted(entry.name for entry in state.root.iterdir()) == ["test-stack", "venv"]


def test_another_folder_is_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDIO_STATE", str(tmp_path / "elsewhere"))
    assert State.default().root == tmp_path / "elsewhere"
    monkeypatch.delenv("RENDIO_STATE")
    assert State.default().root.name == ".rendio"
