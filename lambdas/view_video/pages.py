"""Pages of a user's videos, newest first. A cursor names the last video of the page before, so that new ones and equal
times neither repeat nor hide any."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.errors import Unprocessable

DEFAULT_LIMIT, MAXIMUM_LIMIT = 20, 100
_MAXIMUM_CURSOR_CHARACTERS = 200


@dataclass(frozen=True)
class Cursor:
    """Where a page begins: after this video. Opaque to callers."""

    created_at: datetime
    job_id: UUID

    def __str__(self) -> str:
        text = json.dumps([self.created_at.astimezone(UTC).isoformat(), str(self.job_id)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read one of ours.

        Raises:
            ValueError: it is none.
        """
        if len(text) > _MAXIMUM_CURSOR_CHARACTERS or not text.isascii():
            raise ValueError("no cursor of ours")
        try:
            moment, job_id = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            made = cls(datetime.fromisoformat(moment), canonical_uuid(job_id))
        except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("no cursor of ours") from error
        if made.created_at.tzinfo is None:
            raise ValueError("no cursor of ours")
        return made


@dataclass(frozen=True)
class Page:
    """Which page is asked for."""

    limit: int
    after: Cursor | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Page:
        """Read a request's query.

        Raises:
            Unprocessable: naming the member at fault.
        """
        limit = query.get("limit", str(DEFAULT_LIMIT))
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MAXIMUM_LIMIT):
            raise Unprocessable(f"limit must be a whole number from 1 to {MAXIMUM_LIMIT}.", field="limit")
        try:
            after = Cursor.parse(query["cursor"]) if "cursor" in query else None
        except ValueError:
            raise Unprocessable("cursor must be a next_cursor of this call.", field="cursor") from None
        return cls(int(limit), after)
