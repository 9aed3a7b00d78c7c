"""How a download can go wrong: what the CDN does in place of serving a file, one fault a download."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from local.standins.fal.files import StoredFile

# early: before any header. Without it: half-way through the body, or after `after_bytes`.
Kind = Literal[
    "pass", "reset_early", "reset", "too_many", "server_error", "stall_early", "stall", "drip", "truncate",
    "no_length", "no_length_truncate", "bad_length", "two_lengths", "short_length", "long_length", "endless",
    "gzip_bomb", "html", "empty", "not_mp4", "redirect", "wrong_type",
]  # fmt: skip
METADATA_SERVICE = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"


class DownloadFault(BaseModel):
    """One way for a download to fail.

    Attributes:
        kind: see `Kind`; `pass` serves the file.
        times: downloads left; None for all.
        after_bytes: of the body, before `reset`, `stall` and the truncations strike; None for half of it.
        status: of `server_error`.
        retry_after: header of `too_many` and `server_error`; none when empty.
        bytes_per_second: of `drip`.
        location: of `redirect`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    times: int | None = Field(default=1, ge=1)
    after_bytes: int | None = Field(default=None, ge=0)
    status: int = Field(default=503, ge=500, le=599)
    retry_after: str = ""
    bytes_per_second: float = Field(default=1.0, gt=0)
    location: str = METADATA_SERVICE


class RandomFaults(BaseModel):
    """A share of all downloads fails, each in a kind drawn by lot; the same seed draws the same again.

    Attributes:
        rate: of downloads that fail, 0 to 1.
        kinds: drawn from, each as often as the others.
        seed: with the number of the file and of its download, it decides the lot: two runs that submit in the
            same order fail in the same way, however their downloads interleave.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: float = Field(ge=0, le=1)
    kinds: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "pass")
    seed: int = 0

    def draw(self, file_number: int, download: int) -> DownloadFault | None:
        lot = random.Random(f"{self.seed}/{file_number}/{download}")  # noqa: S311 - repeatable is what it must be
        return DownloadFault(kind=lot.choice(self.kinds)) if lot.random() < self.rate else None


PASS = DownloadFault(kind="pass", times=None)


@dataclass
class DownloadFaults:
    """The faults programmed: for one result, for whichever is asked for next, at random; in this order."""

    for_all: list[DownloadFault] = field(default_factory=list)
    at_random: RandomFaults | None = None

    def next(self, file: StoredFile) -> DownloadFault:
        """The fault for the download that just began, counted down; uploads, which are for fal itself, have none."""
        if not file.owner:
            return PASS
        for programmed in (file.faults, self.for_all):
            if programmed:
                fault = programmed[0]
                if fault.times is not None:
                    programmed[:1] = [] if fault.times == 1 else [fault.model_copy(update={"times": fault.times - 1})]
                return fault
        drawn = self.at_random.draw(file.number, len(file.downloads)) if self.at_random else None
        return drawn or PASS
