"""Tries mutants, one after the other, on documents, a trial database and a database with its constraints."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from local.postgres.server import SUPERUSER
from policies.review.mutation.constraints import ConstraintJudge, constraint_mutants
from policies.review.mutation.document_judge import DocumentJudge
from policies.review.mutation.documents import document_mutants
from policies.review.mutation.model import model_mutants
from policies.review.mutation.model_judge import ModelJudge
from policies.review.mutation.mutants import Catch, ConstraintMutant, DocumentMutant, ModelMutant, Mutant
from policies.review.stacks import Stack
from policies.review.trial import Trial
from policies.review.trial_database import TrialDatabase, trial_database

_WHOLE = "mutation"


@dataclass
class Tries:
    """The mutants of a stack, and the judges that may notice them."""

    mutants: list[Mutant]
    documents: DocumentJudge
    model: ModelJudge
    constraints: ConstraintJudge

    def catches(self, mutant: Mutant) -> Catch | None:
        """What notices the mutant; None when nothing does."""
        match mutant:
            case DocumentMutant():
                return self.documents.catches(mutant)
            case ModelMutant():
                return self.model.catches(mutant)
            case ConstraintMutant():
                what = self.constraints.catches(mutant)
                return Catch("constraint", what) if what else None
        raise TypeError(f"{mutant.id} is of no kind that is judged")


@contextmanager
def tries_of(stack: Stack) -> Iterator[Tries]:
    """Everything that is needed to try the mutants of `stack`: a Postgres of its own, gone afterwards.

    Raises:
        PolicyError: a document cannot be judged, or Postgres refuses the model.
    """
    with trial_database(stack) as database, _with_constraints(database) as whole:
        constraints = list(constraint_mutants(whole))
        trial = Trial(database)
        model = ModelJudge(trial)
        mutants: list[Mutant] = [*document_mutants(stack), *model_mutants(stack, trial.tables), *constraints]
        yield Tries(mutants, DocumentJudge(stack), model, ConstraintJudge(whole))


def sample(mutants: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """`size` mutants by chance, the same for the same seed, with at least one of every operator."""
    chance = random.Random(seed)  # noqa: S311  # nothing secret is chosen
    by_operator: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_operator[mutant.operator].append(mutant)
    chosen = {chance.choice(found).id for found in by_operator.values()}
    rest = [mutant.id for mutant in mutants if mutant.id not in chosen]
    chosen |= set(chance.sample(rest, max(0, min(size - len(chosen), len(rest)))))
    return [mutant for mutant in mutants if mutant.id in chosen]


@contextmanager
def _with_constraints(database: TrialDatabase) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A copy of the database as it was applied: the trial takes constraints off."""
    with database.superuser() as connection:
        name = connection.info.dbname
        connection.execute(f"create database {_WHOLE} owner {database.master} template {name}".encode())
        where = make_conninfo(host=connection.info.host, port=connection.info.port, user=SUPERUSER, dbname=_WHOLE)
    with psycopg.connect(where, autocommit=True) as whole:
        yield whole
