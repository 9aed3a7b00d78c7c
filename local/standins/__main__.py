"""`python -m local.standins`: Apple, fal.ai and the pager on loopback, until told to end."""

from __future__ import annotations

import argparse
from pathlib import Path

from local.standins import keys
from local.standins.apple import Apple
from local.standins.fal import Fal
from local.standins.pager import Pager
from local.standins.serving import serve
from local.state import State


def main() -> None:
    """Serve the three stand-ins of one state folder."""
    parser = argparse.ArgumentParser(prog="python -m local.standins", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the state folder, where the keys are kept")
    for name in ("apple", "fal", "fal-cdn", "pager"):
        parser.add_argument(f"--{name}-port", type=int, required=True)
    arguments = parser.parse_args()
    state = State(arguments.state.resolve())
    folder = state.root / "standins" / "videos"
    fal = Fal(keys.fal(state), keys.fal_webhook(state), keys.fal_user_id(state), folder, arguments.fal_cdn_port)
    serve(
        {
            arguments.apple_port: Apple(keys.apple(state), keys.team_id(state)).application(),
            arguments.fal_port: fal.application(),
            arguments.pager_port: Pager().application(),
        },
        fal.listeners,
    )


if __name__ == "__main__":
    main()
