"""Rules for a database with the access model applied, found in the catalog: what is new is held to them unasked."""

from policies.review.lints import expressions, rights, rows
from policies.review.lints.registry import Finding, Lint, Reasons, lints, run

__all__ = ["Finding", "Lint", "Reasons", "expressions", "lints", "rights", "rows", "run"]
