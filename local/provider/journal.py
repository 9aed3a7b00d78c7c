"""What the provider was about to create, and what it created: the memory that a `kill -9` cannot take.

The engine writes a resource down only after the provider's answer. Killed in between, it asks for the same
resource again, and there would be two. So each creation is noted before its call and again with its id after it;
the next creation of the same URN first removes what the engine never learned of.

A line is in the page cache once written, which survives the death of a process (not of the machine).
"""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMPACT_LINES = 5000


@dataclass
class Creation:
    """One creation of a resource.

    Attributes:
        token: marks the resource where AWS gives the name: it is put on it as a tag.
        inputs: those by which it can be found and removed again: names, parents, switches; no secrets.
        id: None until the call came back.
        known: the engine has referred to it, so it is in the engine's state.
    """

    token: str
    urn: str
    type: str
    inputs: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    known: bool = False


class Journal:
    """Creations that still exist, in `creations.jsonl` of a folder. Safe for threads; one process at a time.

    Args:
        folder: None keeps it in memory alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._lock = threading.Lock()
        self._creations: dict[str, Creation] = {}
        self._path = folder / "creations.jsonl" if folder else None
        if self._path and self._path.exists():
            content = self._path.read_text()
            self._replay(content.splitlines())
            if content and not content.endswith("\n"):
                # A kill cut the last line short; what follows must not be glued to it.
                with self._path.open("a") as file:
                    file.write("\n")

    def begin(self, urn: str, type_: str, inputs: dict[str, Any]) -> Creation:
        """Note that a resource is about to be created."""
        creation = Creation(secrets.token_hex(8), urn, type_, inputs)
        with self._lock:
            self._creations[creation.token] = creation
            self._write(event="begin", token=creation.token, urn=urn, type=type_, inputs=inputs)
        return creation

    def created(self, creation: Creation, identifier: str) -> None:
        """Note the id that AWS gave."""
        with self._lock:
            creation.id = identifier
            self._write(event="created", token=creation.token, id=identifier)

    def end(self, creation: Creation) -> None:
        """Forget a creation: it failed before anything was made, or what it made is gone."""
        with self._lock:
            if self._creations.pop(creation.token, None):
                self._write(event="end", token=creation.token)

    def known(self, urn: str, identifier: str) -> None:
        """The engine spoke of this id, so it has it in its state."""
        with self._lock:
            for creation in self._creations.values():
                if creation.urn == urn and creation.id == identifier and not creation.known:
                    creation.known = True
                    self._write(event="known", token=creation.token)

    def deleted(self, urn: str, identifier: str) -> None:
        with self._lock:
            for creation in [c for c in self._creations.values() if c.urn == urn and c.id == identifier]:
                del self._creations[creation.token]
                self._write(event="end", token=creation.token)

    def leftovers(self, urn: str) -> list[Creation]:
        """Creations of this URN that the engine never learned of."""
        with self._lock:
            return [creation for creation in self._creations.values() if creation.urn == urn and not creation.known]

    def owns(self, urn: str, identifier: str) -> bool:
        """True when this provider once created the id for this URN and never deleted it."""
        with self._lock:
            return any(c.urn == urn and c.id == identifier for c in self._creations.values())

    def _write(self, **event: Any) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(event, separators=(",", ":")) + "\n")

    def _replay(self, lines: list[str]) -> None:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # cut short by a kill: the call it announces was never made
            token = event["token"]
            if event["event"] == "begin":
                self._creations[token] = Creation(token, event["urn"], event["type"], event["inputs"])
            elif event["event"] == "end":
                self._creations.pop(token, None)
            elif token in self._creations:
                creation = self._creations[token]
                creation.id = event.get("id", creation.id)
                creation.known = creation.known or event["event"] == "known"
        if len(lines) > COMPACT_LINES and self._path:
            self._compact(self._path)

    def _compact(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        with fresh.open("w") as file:
            for creation in self._creations.values():
                head = {"event": "begin", "token": creation.token, "urn": creation.urn, "type": creation.type}
                file.write(json.dumps({**head, "inputs": creation.inputs}) + "\n")
                if creation.id is not None:
                    state = "known" if creation.known else "created"
                    file.write(json.dumps({"event": state, "token": creation.token, "id": creation.id}) + "\n")
        fresh.replace(path)
