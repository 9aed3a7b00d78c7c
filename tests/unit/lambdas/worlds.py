"""A bucket with versions and a table of images, in memory, that can be made to die at any step."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.inspect_image.logic import Image
from lambdas.runtime.image_content import CheckedImage, ImageRefused, Refusal
from lambdas.runtime.image_keys import IncomingKey

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process ended here; no `except Exception` sees it."""


@dataclass
class Row:
    key: IncomingKey
    content_type: str
    created_at: datetime
    status: str = "pending"
    reason: str | None = None
    object_key: str | None = None
    object_version: str | None = None
    sha256: bytes | None = None


@dataclass
class World:
    """`steps` counts what touched the outside; `die_at` kills before that step."""

    rows: dict[uuid.UUID, Row] = field(default_factory=dict)
    objects: dict[str, list[tuple[str, bytes, datetime]]] = field(default_factory=dict)
    held: set[IncomingKey] = field(default_factory=set)
    steps: int = 0
    die_at: int | None = None
    during_copy: Callable[[], None] | None = None
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def announce(self, content_type: str = "image/jpeg", created_at: datetime = NOW) -> IncomingKey:
        key = IncomingKey(uuid.uuid4(), uuid.uuid4())
        self.rows[key.image_id] = Row(key, content_type, created_at)
        return key

    def upload(self, key: object, content: bytes, at: datetime = NOW) -> str:
        version = f"v{next(self._ids)}"
        self.objects.setdefault(str(key), []).append((version, content, at))
        return version

    def row(self, key: IncomingKey) -> Row:
        return self.rows[key.image_id]

    def current(self, key: str) -> bytes:
        return self.objects[key][-1][1]

    def step(self) -> None:
        if self.steps == self.die_at:
            self.die_at = None
            raise Killed
        self.steps += 1

    # what inspect_image.logic.Images asks for

    @contextmanager
    def hold(self, key: IncomingKey) -> Iterator[bool]:
        self.step()
        free = key not in self.held
        if free:
            self.held.add(key)
        try:
            yield free
        finally:
            if free:
                self.held.discard(key)

    def find(self, key: IncomingKey) -> Image | None:
        self.step()
        row = self.rows.get(key.image_id)
        return _image(row) if row and row.key == key else None

    def accept(self, image: Image, checked: CheckedImage, *, key: str, version: str) -> bool:
        return self._settle(image, status="ready", object_key=key, object_version=version, sha256=checked.sha256)

    def refuse(self, image: Image, reason: Refusal) -> bool:
        return self._settle(image, status="refused", reason=str(reason))

    def overdue(self, created_before: datetime, *, limit: int) -> list[Image]:
        self.step()
        rows = [row for row in self.rows.values() if row.status == "pending" and row.created_at < created_before]
        return [_image(row) for row in sorted(rows, key=lambda row: row.created_at)[:limit]]

    def _settle(self, image: Image, **changes: Any) -> bool:
        self.step()
        row = self.rows[image.key.image_id]
        if row.status != "pending":
            return False
        for name, value in changes.items():
            setattr(row, name, value)
        return True

    # what inspect_image.logic.Uploads asks for

    def keys(self, written_before: datetime) -> list[str]:
        self.step()
        return [
            key
            for key, versions in self.objects.items()
            if key.startswith("incoming/") and versions and max(at for *_, at in versions) < written_before
        ]

    def versions(self, key: str) -> list[str]:
        self.step()
        return [version for version, *_ in self.objects.get(key, [])]

    def read(self, key: str, version: str, *, maximum_bytes: int) -> bytes | None:
        self.step()
        content = self._content(key, version)
        if content is not None and len(content) > maximum_bytes:
            raise ImageRefused(Refusal.TOO_LARGE)
        return content

    def copy(self, key: str, version: str, *, to: str, content_type: str) -> str | None:
        self.step()
        meanwhile, self.during_copy = self.during_copy, None
        if meanwhile:
            meanwhile()
        content = self._content(key, version)
        return None if content is None else self.upload(to, content)

    def remove(self, key: str) -> None:
        self.step()
        self.objects.pop(key, None)

    def _content(self, key: str, version: str) -> bytes | None:
        return next((content for name, content, _ in self.objects.get(key, []) if name == version), None)


def _image(row: Row) -> Image:
    return Image(row.key, row.status == "pending", row.content_type)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
