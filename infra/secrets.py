"""The names of vendors' keys in Secrets Manager; their values are set out of band."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.config import Secrets as SecretsConfig
from infra.names import Names

SECRETS = {
    "apple-devicecheck": "Apple DeviceCheck key: JSON with key_id and private_key (PEM, ES256)",
    "device-hash-keys": "Keys that hash device ids: JSON with current and keys (base64, 32 bytes each)",
    "fal": "fal.ai API key",
    "pager": "The on-call service: JSON with url, and routing_key where it has one",
    "heartbeat": "The outside monitor that misses our heartbeat: JSON with url",
}


class Secrets(pulumi.ComponentResource):
    """Empty secrets. A value here would be in the state file; docs/going-to-production.md says how to set them."""

    ready: list[pulumi.Resource]

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: SecretsConfig,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:secrets:Secrets", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.ready = [
            aws.secretsmanager.Secret(
                what,
                name=names.secret(what),
                description=description,
                recovery_window_in_days=config.recovery_days,
                tags=names.tags,
                opts=child,
            )
            for what, description in SECRETS.items()
        ]
        self.register_outputs({})
