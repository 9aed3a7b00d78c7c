"""Which objects rows say are stored, a part of the users at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from lambdas.monitor_storage.logic import Entry
from lambdas.runtime.database import Database

_FIRST, _LAST = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
_A_PAGE = 5_000
_IMAGES: LiteralString = (
    "select t.id, t.object_key, t.bytes, null as thumbnail_key, null as thumbnail_bytes, t.inspected_at as since"
    " from public.images t"
)
_VIDEOS: LiteralString = (
    "select t.id, t.object_key, t.bytes, t.thumbnail_key, t.thumbnail_bytes, t.updated_at as since"
    " from public.video_jobs t"
)
_QUERIES: dict[str, LiteralString] = {"images": _IMAGES, "videos": _VIDEOS}


class PostgresRows:
    """The rows that count in `bucket`: `images` or `videos`."""

    def __init__(self, database: Database, bucket: str) -> None:
        self._database, self._select = database, _QUERIES[bucket]

    def stored(self, part: str) -> Iterator[tuple[str, Entry]]:
        """Key and entry of each object of users whose id begins with `part`; with those of nobody in the first part."""
        first, last = _FIRST, _LAST
        first, last = part + first[len(part) :], part + last[len(part) :]
        nobody = not part.strip("0")
        after = UUID(_FIRST)
        while True:
            with self._database.transaction() as cursor:
                rows = cursor.execute(
                    self._select + " join public.users u on u.id = t.user_id where t.stored_objects > 0"
                    " and (u.auth_user_id between %(first)s::uuid and %(last)s::uuid"
                    "   or (%(nobody)s and u.auth_user_id is null))"
                    " and t.id > %(after)s order by t.id limit %(limit)s",
                    {"first": first, "last": last, "nobody": nobody, "after": after, "limit": _A_PAGE},
                ).fetchall()
            for row in rows:
                yield from _entries(row)
            if len(rows) < _A_PAGE:
                return
            after = rows[-1]["id"]

    def look(self, keys: list[str]) -> Mapping[str, Entry]:
        """What rows say of these keys now; each key names its row."""
        ids = [found for key in keys if (found := _row_of(key)) is not None]
        with self._database.transaction() as cursor:
            rows = cursor.execute(self._select + " where t.id = any(%s)", (ids,)).fetchall()
        return {key: entry for row in rows for key, entry in _entries(row)}


def _entries(row: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
    since: datetime | None = row["since"]
    if row["object_key"] is not None:
        yield row["object_key"], Entry(int(row["bytes"] or 0), since)
    if row["thumbnail_key"] is not None:
        yield row["thumbnail_key"], Entry(int(row["thumbnail_bytes"] or 0), since)


def _row_of(key: str) -> UUID | None:
    """`videos/{user}/{job}.mp4` and its like: the row has the object's name."""
    try:
        return UUID(key.rpartition("/")[2].partition(".")[0])
    except ValueError:
        return None
