"""The short mutation check: some of every operator, others whenever the model changes. `make mutate` tries all."""

from __future__ import annotations

import pytest

from infra.access_model import AccessModelInput
from policies.review.mutation.__main__ import main

SIZE = 45


@pytest.mark.plan("M20")
def test_a_sample_of_mutants_is_noticed_or_proven_equivalent(capfd: pytest.CaptureFixture[str]) -> None:
    seed = int(AccessModelInput.of("dev").model_digest, 16) % 10**6
    status = main(["--sample", str(SIZE), "--seed", str(seed)])
    said = capfd.readouterr()
    print(said.out)
    assert status == 0, said.out + said.err
    assert f"{SIZE} mutants of stack dev" in said.out
    assert f"by seed {seed}" in said.out
