"""A resource of every type the provider makes, in the order in which they need each other.

Which changes replace is from each type's page in the CloudFormation and Terraform references, not from the provider.
"""

from __future__ import annotations

from tests.local.provider.network_cases import NETWORK
from tests.local.provider.service_cases import API, COMPUTE, OPERATIONS, SECURITY
from tests.local.provider.storage_cases import IAM, S3
from tests.local.provider.world import Case

CASES: dict[str, Case] = {**S3, **IAM, **NETWORK, **COMPUTE, **SECURITY, **API, **OPERATIONS}
