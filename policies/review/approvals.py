"""Approvals of widened access: who answers for exactly which change, until when.

An approval lies in policies/approvals/ and names the digest of what a change grants and how the policies differ, so one
more commit that touches either needs another. Whoever may approve is said by CODEOWNERS of the base revision: a pull
request cannot make its author an owner (docs/reviewing.md, docs/adr/0051-reviews-and-approvals.md).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pydantic
import yaml

from policies.errors import PolicyError
from policies.review.comparison import Comparison
from policies.review.diff import PolicyDiff

FOLDER = "policies/approvals"
CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # GitHub takes the first that there is
LONGEST = dt.timedelta(days=31)
MIN_REASON = 20
_PROBE = f"{FOLDER}/any.yaml"


class ApprovalError(PolicyError):
    """An approval that cannot be read; the message names the file."""


class Approval(pydantic.BaseModel):
    """A file of policies/approvals/. Every key is needed and no other is known."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    id: str = pydantic.Field(pattern=r"^[A-Z][A-Z0-9-]+$")
    reason: str = pydantic.Field(min_length=MIN_REASON)
    who: str = pydantic.Field(pattern=r"^@[\w./-]+$")
    expiry: dt.date
    digest: str = pydantic.Field(pattern=r"^sha256:[0-9a-f]{64}$")


@dataclass(frozen=True)
class Verdict:
    """Whether a change may pass, and why; `remarks` tell of approvals that name this change and do not count."""

    digest: str
    approval: Approval | None
    remarks: tuple[str, ...] = ()

    @property
    def approved(self) -> bool:
        return self.approval is not None


def digest(comparison: Comparison, diffs: Sequence[PolicyDiff]) -> str:
    """Names exactly this change: every decision it grants or revokes, and every difference of the policies."""
    content = {
        "granted": [asdict(each) for each in comparison.granted],
        "revoked": [asdict(each) for each in comparison.revoked],
        "policies": [asdict(each) for each in diffs],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def read_approvals(checkout: Path) -> list[Approval]:
    """All approvals of a checkout, by id.

    Raises:
        ApprovalError: names the file that is wrong, or the two that share an id.
    """
    found: dict[str, Approval] = {}
    for path in sorted((checkout / FOLDER).glob("*.y*ml")):
        name = f"{FOLDER}/{path.name}"
        try:
            approval = Approval.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise ApprovalError(f"{name}: is no YAML: {' '.join(str(error).split())}") from error
        except pydantic.ValidationError as error:
            problems = (f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors())
            raise ApprovalError(f"{name}: {'; '.join(problems)}") from error
        if approval.id in found:
            raise ApprovalError(f"{name}: the id {approval.id} is another approval's too")
        found[approval.id] = approval
    return list(found.values())


def owners(base: Path) -> frozenset[str]:
    """Who owns policies/approvals/ by the CODEOWNERS of `base`, a checkout of the base revision; lower case."""
    file = next((base / name for name in CODEOWNERS if (base / name).is_file()), None)
    owned: Sequence[str] = ()
    for line in file.read_text(encoding="utf-8").splitlines() if file else ():
        pattern, *handles = line.partition("#")[0].split() or [""]
        if pattern and _owns(pattern):
            owned = handles  # the last line that matches decides, also when it names nobody
    return frozenset(handle.lower() for handle in owned)


def judge(change: str, approvals: Iterable[Approval], *, owners: frozenset[str], today: dt.date) -> Verdict:
    """The first approval of exactly this change that is in force and by an owner."""
    remarks = []
    for approval in approvals:
        if approval.digest != change:
            continue
        if approval.expiry < today:
            remarks.append(f"{approval.id} expired on {approval.expiry}")
        elif approval.expiry > today + LONGEST:
            remarks.append(f"{approval.id} would last until {approval.expiry}, more than {LONGEST.days} days")
        elif approval.who.lower() not in owners:
            remarks.append(
                f"{approval.id} is by {approval.who}, who owns no approvals in the base revision's CODEOWNERS"
            )
        else:
            return Verdict(change, approval, tuple(remarks))
    return Verdict(change, None, tuple(remarks))


def _owns(pattern: str) -> bool:
    """Whether a CODEOWNERS pattern matches a file in policies/approvals/ (the rules of .gitignore, less ! and [])."""
    anchored = "/" in pattern.rstrip("/")
    body = pattern.strip("/")
    text = re.escape(body).replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    # A folder owns what lies below it, at any depth; `docs/*` owns its files alone.
    below = "" if body.endswith("/*") else "(?:/.*)?"
    expression = f"{'' if anchored else '(?:.*/)?'}{text}{'/.+' if pattern.endswith('/') else below}"
    return re.fullmatch(expression, _PROBE) is not None
