"""`python -m local.journey`: the journey through the stack of this clone."""

from __future__ import annotations

import sys

from local.cloud import Cloud
from local.journey import run
from local.state import State


def main() -> int:
    """0 when every step passed."""
    state = State.default()
    return 0 if run(Cloud(state).outputs(), state=state) else 1


if __name__ == "__main__":
    sys.exit(main())
