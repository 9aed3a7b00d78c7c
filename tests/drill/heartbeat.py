"""HEARTBEAT-MISSED, which is no alarm of ours: an outside monitor misses the calls that say "a page would arrive"."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.drill.faults_machines import on_call_service_is_away
from tests.drill.first_look import Look, no_look, unanswered
from tests.drill.listening import Ears, until
from tests.drill.run import Result
from tests.drill.scene import PACE, Scene
from tests.stack.deployed import Deployed

NAME = "HEARTBEAT-MISSED"
WORDS = (on_call_service_is_away.__doc__ or "").strip()
# As docs/runbooks/HEARTBEAT-MISSED.md has the monitor set up: a beat every five minutes, missed after fifteen.
MISSED_SECONDS = PACE.compressed(15 * 60)
_MARGIN_SECONDS = 60.0


def missed_heartbeat(stack: Deployed, ears: Ears, say: Callable[[str], None], look: Look = no_look) -> Result:
    """Break the way of a page, wait until the monitor would tell, mend it, wait for the next beat."""
    result = Result(NAME, "page", WORDS, synthetic=False, link="the outside monitor's own message")
    say(f"{NAME}: {WORDS}")
    if not until(lambda: bool(ears.beats()), MISSED_SECONDS + _MARGIN_SECONDS):
        result.problems.append("there was no heartbeat before the fault")
        return result
    scene = Scene(stack)

    def silent() -> bool:
        return time.time() - max(scene.struck, ears.beats()[-1]) >= MISSED_SECONDS

    with on_call_service_is_away(scene):
        # The page has to fail three times before its call is a dead letter.
        if until(silent, MISSED_SECONDS + _MARGIN_SECONDS):
            result.seconds_to_page = round(time.time() - scene.struck, 1)
            say(f"{NAME}: the monitor tells after {result.seconds_to_page:.1f} s")
            result.first_look = look(NAME)
            result.problems += unanswered(result.first_look)
        else:
            result.problems.append("heartbeats went on although a call was not taken")
    ended = time.time()
    if until(lambda: ears.beats()[-1] > ended, MISSED_SECONDS + _MARGIN_SECONDS):
        result.seconds_to_clear = round(ears.beats()[-1] - ended, 1)
    else:
        result.problems.append("no heartbeat came when all was well again")
    return result
