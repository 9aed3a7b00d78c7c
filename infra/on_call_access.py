"""What people on call act as (docs/adr/0074-questions-without-a-bastion.md, 0075-switches.md)."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.config import OnCall as OnCallConfig
from infra.names import Names, RoleName
from policies.model.documents import Documents

SESSION_SECONDS = 3600


class OnCallAccess(pulumi.ComponentResource):
    """A role for looking at the stack, and one for changing what it does.

    Whoever the configuration names takes one on, for an hour at a time.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: OnCallConfig,
        documents: Documents,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:on-call:OnCallAccess", resource_name, None, opts)
        self._names, self._documents = names, documents
        self._role("on-call", names.on_call_role, "iam/on_call.json.j2", config.readers)
        self._role("operator", names.operator_role, "iam/operator.json.j2", config.operators)
        self.register_outputs({})

    def _role(self, resource_name: str, name: RoleName, template: str, people: list[str]) -> None:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            resource_name,
            name=name,
            assume_role_policy=self._documents.render("iam/people_trust.json.j2", people=people),
            max_session_duration=SESSION_SECONDS,
            tags=self._names.tags,
            opts=child,
        )
        aws.iam.RolePolicy(
            resource_name, name="access", role=role.name, policy=self._documents.render(template), opts=child
        )
