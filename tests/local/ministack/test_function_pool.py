"""Who gets a process: order, bound, and what happens to a version that is replaced."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from local.ministack import function_pool
from local.ministack.function_pool import FunctionPool, NoProcessFree
from local.ministack.function_runner import FunctionProcess


class Process:
    """As much of a process as the pool sees."""

    def __init__(self) -> None:
        self.alive = True
        self.last_used = 0.0

    def end(self) -> None:
        self.alive = False


@pytest.fixture
def made() -> list[Process]:
    return []


@pytest.fixture
def pool() -> FunctionPool:
    return FunctionPool(2)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_pool, "WAIT_SECONDS", 0.05)


def lend(pool: FunctionPool, made: list[Process], version: str = "1") -> function_pool.Lease:
    def make() -> FunctionProcess:
        made.append(Process())
        return cast("FunctionProcess", made[-1])

    return pool.lend("function", version, make)


def test_a_process_serves_again(pool: FunctionPool, made: list[Process]) -> None:
    for _time in range(3):
        with lend(pool, made):
            pass
    assert len(made) == 1


@pytest.mark.usefixtures("impatient")
def test_no_more_than_the_bound_and_the_rest_waits_in_vain_or_not(pool: FunctionPool, made: list[Process]) -> None:
    with lend(pool, made), lend(pool, made):
        with pytest.raises(NoProcessFree):
            lend(pool, made)
        assert len(made) == 2
    with lend(pool, made):
        assert len(made) == 2


def test_who_waits_longest_is_next(pool: FunctionPool, made: list[Process]) -> None:
    first, second, served = lend(pool, made), lend(pool, made), []

    def wait(person: int, joined: threading.Event) -> None:
        joined.set()
        with lend(pool, made):
            served.append(person)

    with ThreadPoolExecutor(3) as people:
        for person in range(3):
            joined = threading.Event()
            people.submit(wait, person, joined)
            joined.wait()
            fleet = first.fleet
            while len(fleet.waiting) < person + 1:
                threading.Event().wait(0.001)
        first.__exit__()
    second.__exit__()
    assert served == [0, 1, 2]


def test_a_replaced_version_finishes_and_ends(pool: FunctionPool, made: list[Process]) -> None:
    with lend(pool, made):
        pass
    old = lend(pool, made)
    with lend(pool, made, "2"):
        assert [process.alive for process in made] == [True, True], "the old one is at work"
    old.__exit__()
    assert [process.alive for process in made] == [False, True]
    with lend(pool, made, "2"):
        assert len(made) == 2


def test_a_dead_process_is_not_lent(pool: FunctionPool, made: list[Process]) -> None:
    with lend(pool, made):
        made[0].end()
    with lend(pool, made):
        assert len(made) == 2


def test_one_stays_warm_when_a_burst_is_over(
    pool: FunctionPool, made: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    with lend(pool, made), lend(pool, made):
        pass
    pool.end_idle()
    assert [process.alive for process in made] == [True, True]
    monkeypatch.setattr(function_pool, "IDLE_SECONDS", -1.0)
    pool.end_idle()
    assert sum(process.alive for process in made) == 1


def test_a_deleted_functions_processes_end(pool: FunctionPool, made: list[Process]) -> None:
    with lend(pool, made):
        pass
    pool.forget(lambda key: key == "function")
    assert not made[0].alive
    assert pool.processes() == 0
