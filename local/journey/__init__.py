"""A phone's way through the deployed stack, over real HTTP: what `make up` ends with."""

from local.journey.journey import run

__all__ = ["run"]
