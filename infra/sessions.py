"""Session tokens: the keys that sign them, and the roles a user's session becomes in S3."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.config import Sessions as SessionsConfig
from infra.names import Names
from policies.model.documents import Documents

KEY_DELETION_DAYS = 30
# A presigned address dies with the session that signed it; AWS allows one hour to a role that a role assumes.
USER_SESSION_SECONDS = 3600


class Sessions(pulumi.ComponentResource):
    """RSA keys in KMS that only device_check may sign with, and the roles that act for one user in S3.

    Two keys during a rotation: tokens of both verify, `signing_key` signs (docs/adr/0021-issuer.md).
    """

    key_arns: dict[str, pulumi.Output[str]]
    signing_key_id: str
    signing_key_arn: pulumi.Output[str]
    issuer: pulumi.Output[str]
    roles: list[pulumi.Resource]

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: SessionsConfig,
        documents: Documents,
        api_url: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:sessions:Sessions", resource_name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._names, self._documents = names, documents
        self.key_arns = {key_id: self._key(key_id) for key_id in config.keys}
        self.signing_key_id = config.signing_key
        self.signing_key_arn = self.key_arns[config.signing_key]
        self.issuer = api_url if config.issuer is None else pulumi.Output.from_input(config.issuer)
        self.roles = [
            *self._user_role("user-storage", names.user_storage_role, "user_storage"),
            *self._user_role("user-image-writer", names.user_image_writer_role, "user_image_writer"),
            *self._user_role("user-video-remover", names.user_video_remover_role, "user_video_remover"),
        ]
        self.register_outputs({"issuer": self.issuer, "key_arns": self.key_arns})

    def _key(self, key_id: str) -> pulumi.Output[str]:
        key = aws.kms.Key(
            f"session-{key_id}",
            description=f"Signs session tokens of {self._names.prefix} ({key_id})",
            key_usage="SIGN_VERIFY",
            customer_master_key_spec="RSA_2048",
            deletion_window_in_days=KEY_DELETION_DAYS,
            policy=self._documents.render("keys/session_key.json.j2"),
            tags=self._names.tags,
            opts=self._child,
        )
        aws.kms.Alias(
            f"session-{key_id}",
            name=self._names.session_key_alias(key_id),
            target_key_id=key.key_id,
            opts=self._child,
        )
        return key.arn

    def _user_role(self, resource_name: str, role_name: str, template: str) -> list[pulumi.Resource]:
        role = aws.iam.Role(
            resource_name,
            name=role_name,
            assume_role_policy=self._documents.render(f"iam/{template}_trust.json.j2"),
            max_session_duration=USER_SESSION_SECONDS,
            tags=self._names.tags,
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            resource_name,
            name="access",
            role=role.name,
            policy=self._documents.render(f"iam/{template}.json.j2"),
            opts=self._child,
        )
        return [role, policy]
