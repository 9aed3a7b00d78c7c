"""State is on disk within two seconds of a change."""

from __future__ import annotations

import threading

from ministack import app as upstream


def install() -> None:
    """Save in the background."""
    threading.Thread(target=_periodically, name="rendio-snapshots", daemon=True).start()


def _periodically() -> None:
    pause = threading.Event()
    while not pause.wait(2):
        if upstream._MAIN_LOOP is not None and upstream.PERSIST_STATE:
            upstream.save_all(upstream._build_persistence_save_dict())
