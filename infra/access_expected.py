"""What access_drift compares with, rendered beside what is deployed and put into its zip."""

from __future__ import annotations

import json

from infra.access_model import AccessModelInput, canonical_json
from infra.names import FunctionId, Names
from infra.storage import OWNERSHIP, PUBLIC_ACCESS_BLOCK
from policies.model.documents import Documents

EXPECTED_IN_ZIP = "lambdas/access_drift/expected.json"


def expected_file(names: Names, model: AccessModelInput, documents: Documents) -> dict[str, dict[str, bytes]]:
    """For the zip of access_drift (lambdas/access_drift/expected.py reads it)."""
    buckets = {
        str(bucket): {
            "policy": json.loads(documents.render("buckets/user_bucket.json.j2", bucket=bucket)),
            "public_access_block": PUBLIC_ACCESS_BLOCK,
            "ownership": OWNERSHIP,
        }
        for bucket in (names.images_bucket, names.videos_bucket)
    }
    database = {
        "model": model.model,
        "model_digest": model.model_digest,
        "master": names.login(FunctionId.DATABASE_ADMIN),
    }
    return {"access_drift": {EXPECTED_IN_ZIP: canonical_json({"database": database, "buckets": buckets})}}
