"""EC2: endpoints through which a VPC reaches AWS's services."""

from __future__ import annotations

from typing import Any

from local.provider.ec2_base import Ec2Resource
from local.provider.kind import Call, Inputs, Observed, given, tag_outputs, tags_of
from local.provider.twins import Twin


class VpcEndpoint(Ec2Resource):
    resource_type = "aws:ec2/vpcEndpoint:VpcEndpoint"
    kind = "vpc-endpoint"
    describe = ("describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints", "VpcEndpointId")
    twin = Twin("AWS::EC2::VPCEndpoint", names={"policy": "PolicyDocument"})
    handles = frozenset(
        {
            "vpcId",
            "serviceName",
            "vpcEndpointType",
            "routeTableIds",
            "subnetIds",
            "securityGroupIds",
            "privateDnsEnabled",
            "policy",
            "tags",
        }
    )
    documents = frozenset({"policy"})

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        ec2 = call.client("ec2")
        made = ec2.create_vpc_endpoint(
            VpcId=inputs["vpcId"],
            ServiceName=inputs["serviceName"],
            VpcEndpointType=inputs.get("vpcEndpointType") or "Gateway",
            TagSpecifications=tags,
            **given(
                RouteTableIds=inputs.get("routeTableIds"),
                SubnetIds=inputs.get("subnetIds"),
                SecurityGroupIds=inputs.get("securityGroupIds"),
                PrivateDnsEnabled=inputs.get("privateDnsEnabled"),
                PolicyDocument=inputs.get("policy"),
            ),
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        observed: Observed = {
            "arn": self.arn(call, found["VpcEndpointId"]),
            "vpcId": found["VpcId"],
            "serviceName": found["ServiceName"],
            "vpcEndpointType": found.get("VpcEndpointType", "Gateway"),
            "routeTableIds": sorted(found.get("RouteTableIds", ())),
            "subnetIds": sorted(found.get("SubnetIds", ())),
            "state": found.get("State"),
            "ownerId": call.aws.account,
            **tag_outputs(tags_of(found.get("Tags"))),
        }
        if found.get("PolicyDocument"):
            observed["policy"] = found["PolicyDocument"]  # the emulator does not always tell
        return observed

    def change(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        arguments: dict[str, Any] = {}
        for name in ("RouteTable", "Subnet", "SecurityGroup"):
            property_ = f"{name[:1].lower()}{name[1:]}Ids"
            before, after = set(old.get(property_) or ()), set(new.get(property_) or ())
            arguments[f"Add{name}Ids"] = sorted(after - before) or None
            arguments[f"Remove{name}Ids"] = sorted(before - after) or None
        if new.get("policy") != old.get("policy"):
            arguments["PolicyDocument"] = new.get("policy")
            arguments["ResetPolicy"] = True if not new.get("policy") else None
        if given(**arguments):
            call.client("ec2").modify_vpc_endpoint(VpcEndpointId=identifier, **given(**arguments))

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier])
