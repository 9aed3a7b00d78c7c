"""EC2: security groups and their rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from local.provider.ec2_base import Ec2Resource, retag
from local.provider.errors import Gone, ProviderError
from local.provider.kind import (
    CREATION_TAG,
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    given,
    gone_if_missing,
    ignore_missing,
    tag_outputs,
    tag_pairs,
    tags_of,
)
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/ec2/"
_MANAGED = "Managed by Pulumi"
_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")


class SecurityGroup(Ec2Resource):
    """A group whose rules are resources. EC2's own rule, which lets everything out, goes, as with the real provider."""

    resource_type = "aws:ec2/securityGroup:SecurityGroup"
    kind = "security-group"
    describe = ("describe_security_groups", "GroupIds", "SecurityGroups", "GroupId")
    twin = Twin(
        "AWS::EC2::SecurityGroup",
        names={"name": "GroupName", "description": "GroupDescription"},
        own={"revokeRulesOnDelete": Own("a switch of the provider", f"{_SOURCE}vpc_security_group.go")},
    )
    handles = frozenset({"name", "description", "vpcId", "tags", "revokeRulesOnDelete"})
    unreadable = frozenset({"revokeRulesOnDelete"})
    autoname = Autoname()

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        ec2 = call.client("ec2")
        made = ec2.create_security_group(
            GroupName=inputs["name"],
            Description=inputs.get("description") or _MANAGED,
            TagSpecifications=tags,
            **given(VpcId=inputs.get("vpcId")),
        )
        identifier = str(made["GroupId"])
        call.made(identifier)
        _revoke(ec2, self.found(call, identifier), egress=True)
        return identifier

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        return {
            "arn": self.arn(call, found["GroupId"]),
            "name": found["GroupName"],
            "description": found["Description"],
            "vpcId": found.get("VpcId"),
            "ownerId": call.aws.account,
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        ec2.delete_security_group(GroupId=identifier)


class DefaultSecurityGroup(Ec2Resource):
    """The group that AWS made with the VPC: taken over, emptied, and never deleted."""

    resource_type = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    kind = "security-group"
    describe = SecurityGroup.describe
    _rules: ClassVar = Own("rules that are not given are taken away", f"{_SOURCE}vpc_default_security_group.go")
    twin = Twin("AWS::EC2::SecurityGroup", own={"ingress": _rules, "egress": _rules})
    handles = frozenset({"vpcId", "ingress", "egress", "tags"})

    def check(self, inputs: Inputs) -> Iterable[tuple[str, str]]:
        for name in ("ingress", "egress"):
            if inputs.get(name):
                yield name, "the provider of the laptop cloud can only empty the default group"

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        ec2 = call.client("ec2")
        conditions = [{"Name": "vpc-id", "Values": [inputs["vpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
        listed = ec2.describe_security_groups(Filters=conditions)["SecurityGroups"]
        if not listed:
            raise ProviderError(f"{inputs['vpcId']} has no default security group.")
        group = listed[0]
        self._empty(ec2, group)
        retag(ec2, group["GroupId"], {"tags": tags_of(group.get("Tags"))}, inputs)
        return str(group["GroupId"])

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        return {
            "arn": self.arn(call, found["GroupId"]),
            "name": found["GroupName"],
            "description": found["Description"],
            "vpcId": found["VpcId"],
            "ownerId": call.aws.account,
            "ingress": _listed(found.get("IpPermissions")),
            "egress": _listed(found.get("IpPermissionsEgress")),
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def change(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        self._empty(call.client("ec2"), self.found(call, identifier))

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        """It goes with its VPC."""

    def find(self, call: Call, inputs: Inputs) -> str | None:
        return None

    @staticmethod
    def _empty(ec2: Any, group: dict[str, Any]) -> None:
        for egress in (False, True):
            _revoke(ec2, group, egress=egress)


class SecurityGroupRule(Resource):
    """One rule. EC2 gives it an id, and changes it in place."""

    egress: ClassVar[bool]
    handles = frozenset(
        {
            "securityGroupId", "ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId",
            "referencedSecurityGroupId", "description", "tags",
        }
    )  # fmt: skip

    def check(self, inputs: Inputs) -> Iterable[tuple[str, str]]:
        given_ = [name for name in _SOURCES if inputs.get(name) is not None]
        if len(given_) != 1:
            yield given_[0] if given_ else _SOURCES[0], f"exactly one of {', '.join(_SOURCES)} must be given"

    def also_replaced(self, old: Inputs, new: Inputs) -> frozenset[str]:
        """A rule keeps its kind of peer. Source: ModifyPlan in vpc_security_group_ingress_rule.go."""
        before, after = ({name for name in _SOURCES if inputs.get(name) is not None} for inputs in (old, new))
        return frozenset(before | after) if before != after else frozenset()

    def create(self, call: Call, inputs: Inputs) -> str:
        ec2 = call.client("ec2")
        authorize = ec2.authorize_security_group_egress if self.egress else ec2.authorize_security_group_ingress
        made = authorize(
            GroupId=inputs["securityGroupId"],
            IpPermissions=[_permission(inputs)],
            TagSpecifications=[
                {"ResourceType": "security-group-rule", "Tags": tag_pairs(inputs.get("tags"), call.token)}
            ],
        )
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            listed = call.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[identifier])[
                "SecurityGroupRules"
            ]
        found = next((rule for rule in listed if rule["SecurityGroupRuleId"] == identifier), None)
        if found is None or bool(found.get("IsEgress")) != self.egress:
            raise Gone(f"There is no rule {identifier}.")
        every = found["IpProtocol"] == "-1"
        return {
            "arn": f"arn:aws:ec2:{call.aws.region}:{call.aws.account}:security-group-rule/{identifier}",
            "securityGroupRuleId": identifier,
            "securityGroupId": found["GroupId"],
            "ipProtocol": found["IpProtocol"],
            "fromPort": None if every else found.get("FromPort"),
            "toPort": None if every else found.get("ToPort"),
            "cidrIpv4": found.get("CidrIpv4"),
            "cidrIpv6": found.get("CidrIpv6"),
            "prefixListId": found.get("PrefixListId"),
            "referencedSecurityGroupId": (found.get("ReferencedGroupInfo") or {}).get("GroupId"),
            "description": found.get("Description") or None,
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        ec2 = call.client("ec2")
        with gone_if_missing():
            ec2.modify_security_group_rules(
                GroupId=new["securityGroupId"],
                SecurityGroupRules=[
                    {
                        "SecurityGroupRuleId": identifier,
                        "SecurityGroupRule": given(
                            IpProtocol=new["ipProtocol"],
                            FromPort=new.get("fromPort"),
                            ToPort=new.get("toPort"),
                            CidrIpv4=new.get("cidrIpv4"),
                            CidrIpv6=new.get("cidrIpv6"),
                            PrefixListId=new.get("prefixListId"),
                            ReferencedGroupId=new.get("referencedSecurityGroupId"),
                            Description=new.get("description") or "",
                        ),
                    }
                ],
            )
            retag(ec2, identifier, old, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        ec2 = call.client("ec2")
        revoke = ec2.revoke_security_group_egress if self.egress else ec2.revoke_security_group_ingress
        with ignore_missing():
            revoke(GroupId=known["securityGroupId"], SecurityGroupRuleIds=[identifier])

    def find(self, call: Call, inputs: Inputs) -> str | None:
        condition = {"Name": "group-id", "Values": [inputs["securityGroupId"]]}
        for rule in call.client("ec2").describe_security_group_rules(Filters=[condition])["SecurityGroupRules"]:
            if call.token and {"Key": CREATION_TAG, "Value": call.token} in rule.get("Tags", ()):
                return str(rule["SecurityGroupRuleId"])
        return None


def _rule_twin(cloudformation: str, file: str, other: str) -> Twin:
    changed = Own("the provider calls ModifySecurityGroupRules", f"{_SOURCE}{file}", same_values=True)
    names = ("ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
    tags = Own("CloudFormation has no tags on rules", f"{_SOURCE}{file}")
    return Twin(
        cloudformation,
        names={
            "securityGroupId": "GroupId",
            "cidrIpv4": "CidrIp",
            "referencedSecurityGroupId": f"{other}SecurityGroupId",
        },
        own={**dict.fromkeys(names, changed), "tags": tags},
    )


class SecurityGroupIngressRule(SecurityGroupRule):
    resource_type = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    egress = False
    twin = _rule_twin("AWS::EC2::SecurityGroupIngress", "vpc_security_group_ingress_rule.go", "Source")


class SecurityGroupEgressRule(SecurityGroupRule):
    resource_type = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    egress = True
    twin = _rule_twin("AWS::EC2::SecurityGroupEgress", "vpc_security_group_egress_rule.go", "Destination")


def _permission(inputs: Inputs) -> dict[str, Any]:
    described = given(Description=inputs.get("description"))
    permission = given(IpProtocol=inputs["ipProtocol"], FromPort=inputs.get("fromPort"), ToPort=inputs.get("toPort"))
    places = {
        "cidrIpv4": ("IpRanges", "CidrIp"),
        "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "prefixListId": ("PrefixListIds", "PrefixListId"),
        "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }
    for name, (collection, key) in places.items():
        if inputs.get(name):
            permission[collection] = [{key: inputs[name], **described}]
    return permission


def _revoke(ec2: Any, group: dict[str, Any], *, egress: bool) -> None:
    """Take away every rule of one direction."""
    rules = group.get("IpPermissionsEgress" if egress else "IpPermissions")
    if not rules:
        return
    revoke = ec2.revoke_security_group_egress if egress else ec2.revoke_security_group_ingress
    with ignore_missing():
        revoke(GroupId=group["GroupId"], IpPermissions=rules)


def _listed(rules: Iterable[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Rules in the form of the group's own `ingress` and `egress`."""
    found = [
        {
            "protocol": rule["IpProtocol"],
            "fromPort": rule.get("FromPort", 0),
            "toPort": rule.get("ToPort", 0),
            "cidrBlocks": [place["CidrIp"] for place in rule.get("IpRanges", ())],
            "securityGroups": [pair["GroupId"] for pair in rule.get("UserIdGroupPairs", ())],
        }
        for rule in rules or ()
    ]
    return found or None


GROUPS: tuple[Resource, ...] = (
    SecurityGroup(), DefaultSecurityGroup(), SecurityGroupIngressRule(), SecurityGroupEgressRule(),
)  # fmt: skip
