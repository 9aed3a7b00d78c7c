"""What happens to videos and credits when everything that can fail does, often: experiments that take long.

`./rendio chaos [NAME] [--short]` runs them one after another. One that was stopped goes on where it was; each writes
its figures as JSON, and the whole run writes `report.md`.

An experiment is a module here with `TITLE`, `SHORT` and `LONG` (its parameters, by name), and::

    def run(record: Record, *, jobs: int, seed: int, …) -> list[Figure]: ...

One that leaves something running, so that a stopped run can go on, has `stop(folder)`, which ends it.

The short version of each is part of `make test`: a test of the level that the experiment belongs to calls `run` with
the parameters of `SHORT` and a `Record` in its temporary folder.
"""
