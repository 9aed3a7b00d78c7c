"""What is stored, how it grows, and whether the count is right.

The count (docs/adr/0071-storage-count.md) is what rows say is stored, kept by a trigger, plus a correction: by how much
the bucket was found to differ from the rows. A reconcile finds that difference key by key. An object without its row or
a row without its object is normal for moments, on either side of a write, so a difference counts when it is old and is
seen twice. Other versions and transient objects no row counts: they are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from lambdas.runtime.errors import FunctionError

# An upload and its row are some minutes apart at most, a killed attempt's lease and the sweep after it included.
IN_FLIGHT = timedelta(minutes=15)
# One part of the keys is held in memory at a time.
OBJECTS_A_PART = 20_000
_HEX = "0123456789abcdef"
# More differences than this are no accident of single objects: they are added up unconfirmed.
DOUBTS_AT_MOST = 10_000


class ReconcileUnfinished(FunctionError):
    """The time ended before the bucket was listed: nothing was corrected. Give the function more time or memory."""


@dataclass(frozen=True)
class Amount:
    """Bytes and objects."""

    bytes: int = 0
    objects: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.bytes + other.bytes, self.objects + other.objects)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.bytes - other.bytes, self.objects - other.objects)


NOTHING = Amount()


@dataclass(frozen=True)
class Entry:
    """One key: how many bytes lie or should lie there, and since when."""

    size: int
    since: datetime | None


@dataclass(frozen=True)
class Listed:
    """One version in a bucket; `current` is what a plain read gives."""

    key: str
    size: int
    written: datetime
    current: bool


class Rows(Protocol):
    def stored(self, part: str) -> Iterable[tuple[str, Entry]]: ...
    def look(self, keys: list[str]) -> Mapping[str, Entry]: ...


class Bucket(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def prefixes(self) -> tuple[str, ...]: ...
    def versions(self, prefix: str) -> Iterable[Listed]: ...
    def others(self) -> Iterable[Listed]: ...
    def look(self, key: str) -> Entry | None: ...


@dataclass
class _Findings:
    counted: Amount = NOTHING
    other: Amount = NOTHING
    doubts: dict[str, tuple[int, int]] = field(default_factory=dict)
    unconfirmed: Amount = NOTHING

    def doubt(self, key: str, there: Entry | None, said: Entry | None) -> None:
        sizes = (_size(there), _size(said))
        if len(self.doubts) < DOUBTS_AT_MOST:
            self.doubts[key] = sizes
        else:
            self.unconfirmed += _difference(*sizes)


def differences(
    bucket: Bucket, rows: Rows, *, expected: int, now: datetime, may_go_on: Callable[[], bool]
) -> tuple[Amount, Amount, Amount]:
    """Compare the bucket with its rows: objects that rows may count, others, and bucket minus rows.

    `expected` objects are there about: from it follows in how many parts they are compared.

    Raises:
        ReconcileUnfinished: there was no time to look at all.
    """
    found = _Findings()
    for part in _parts(expected):
        if not may_go_on():
            raise ReconcileUnfinished(f"{bucket.name}: stopped before part {part!r}")
        _compare(bucket, rows, part, now - IN_FLIGHT, found)
    for version in bucket.others():
        found.other += Amount(version.size, 1)
    return found.counted, found.other, found.unconfirmed + _confirmed(bucket, rows, found.doubts)


def _parts(expected: int) -> list[str]:
    """The beginnings of user ids by which keys are divided."""
    parts = [""]
    while expected > OBJECTS_A_PART * len(parts) and len(parts) < len(_HEX) ** 3:
        parts = [part + digit for part in parts for digit in _HEX]
    return parts


def _compare(bucket: Bucket, rows: Rows, part: str, settled: datetime, found: _Findings) -> None:
    said = dict(rows.stored(part))
    for prefix in bucket.prefixes:
        for version in bucket.versions(prefix + part):
            if not version.current:
                found.other += Amount(version.size, 1)
                continue
            found.counted += Amount(version.size, 1)
            row = said.pop(version.key, None)
            if (row is None or row.size != version.size) and version.written < settled:
                found.doubt(version.key, Entry(version.size, version.written), row)
    for key, row in said.items():
        if row.since is None or row.since < settled:
            found.doubt(key, None, row)


def _confirmed(bucket: Bucket, rows: Rows, doubts: Mapping[str, tuple[int, int]]) -> Amount:
    """The sum of those differences that a second look finds as they were."""
    confirmed = NOTHING
    again = rows.look(list(doubts)) if doubts else {}
    for key, sizes in doubts.items():
        if sizes == (_size(bucket.look(key)), _size(again.get(key))):
            confirmed += _difference(*sizes)
    return confirmed


def _size(entry: Entry | None) -> int:
    """Bytes of an entry; -1 for none, which is not the same as empty."""
    return -1 if entry is None else entry.size


def _difference(there: int, said: int) -> Amount:
    return Amount(max(there, 0) - max(said, 0), (there >= 0) - (said >= 0))


@dataclass(frozen=True)
class Forecast:
    """`growth` in bytes a day, None while it is unknown; `days_to_full` at that growth, `FAR` when there is none."""

    percent: float
    growth: float | None
    days_to_full: float


# Ten years: further ahead nobody plans, and a metric needs a number.
FAR = 3650.0


def forecast(now_bytes: int, budget: int, then: tuple[int, float] | None) -> Forecast:
    """`then`: the bytes measured so many days ago."""
    percent = 100.0 * now_bytes / budget
    if then is None or then[1] <= 0:
        return Forecast(percent, None, FAR)
    growth = (now_bytes - then[0]) / then[1]
    left = max(budget - now_bytes, 0)
    return Forecast(percent, growth, min(left / growth, FAR) if growth > 0 else FAR)
