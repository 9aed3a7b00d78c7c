"""EC2: the network and its ways out. Routes are in ec2_routes.py, security groups in ec2_security.py."""

from __future__ import annotations

from typing import Any

from local.provider.ec2_base import Ec2Resource
from local.provider.ec2_endpoints import VpcEndpoint
from local.provider.ec2_routes import ROUTES
from local.provider.ec2_security import GROUPS
from local.provider.errors import Gone
from local.provider.kind import Call, Inputs, Observed, Resource, given, tag_outputs, tags_of
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/ec2/"


class Vpc(Ec2Resource):
    resource_type = "aws:ec2/vpc:Vpc"
    kind = "vpc"
    describe = ("describe_vpcs", "VpcIds", "Vpcs", "VpcId")
    twin = Twin(
        "AWS::EC2::VPC", own={"instanceTenancy": Own("dedicated to default is a change in place", f"{_SOURCE}vpc_.go")}
    )
    handles = frozenset({"cidrBlock", "enableDnsSupport", "enableDnsHostnames", "instanceTenancy", "tags"})

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        ec2 = call.client("ec2")
        made = ec2.create_vpc(
            CidrBlock=inputs["cidrBlock"],
            TagSpecifications=tags,
            **given(InstanceTenancy=inputs.get("instanceTenancy")),
        )
        identifier = str(made["Vpc"]["VpcId"])
        call.made(identifier)
        self._dns(ec2, identifier, inputs)
        return identifier

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        ec2, identifier = call.client("ec2"), found["VpcId"]

        def flag(name: str) -> bool:
            answer = ec2.describe_vpc_attribute(VpcId=identifier, Attribute=name[:1].lower() + name[1:])
            return bool(answer[name]["Value"])

        group = _default(
            ec2.describe_security_groups, "SecurityGroups", identifier, {"Name": "group-name", "Values": ["default"]}
        )
        table = _default(
            ec2.describe_route_tables, "RouteTables", identifier, {"Name": "association.main", "Values": ["true"]}
        )
        acl = _default(ec2.describe_network_acls, "NetworkAcls", identifier, {"Name": "default", "Values": ["true"]})
        return {
            "arn": self.arn(call, identifier),
            "cidrBlock": found["CidrBlock"],
            "instanceTenancy": found.get("InstanceTenancy", "default"),
            "ownerId": call.aws.account,
            "enableDnsSupport": flag("EnableDnsSupport"),
            "enableDnsHostnames": flag("EnableDnsHostnames"),
            "defaultSecurityGroupId": group.get("GroupId"),
            "mainRouteTableId": table.get("RouteTableId"),
            "defaultRouteTableId": table.get("RouteTableId"),
            "defaultNetworkAclId": acl.get("NetworkAclId"),
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def change(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        self._dns(call.client("ec2"), identifier, new)

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        ec2.delete_vpc(VpcId=identifier)

    @staticmethod
    def _dns(ec2: Any, identifier: str, inputs: Inputs) -> None:
        support, names = inputs.get("enableDnsSupport"), inputs.get("enableDnsHostnames")
        ec2.modify_vpc_attribute(VpcId=identifier, EnableDnsSupport={"Value": support is not False})
        ec2.modify_vpc_attribute(VpcId=identifier, EnableDnsHostnames={"Value": bool(names)})


class Subnet(Ec2Resource):
    resource_type = "aws:ec2/subnet:Subnet"
    kind = "subnet"
    describe = ("describe_subnets", "SubnetIds", "Subnets", "SubnetId")
    twin = Twin("AWS::EC2::Subnet")
    handles = frozenset({"vpcId", "cidrBlock", "availabilityZone", "mapPublicIpOnLaunch", "tags"})

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        ec2 = call.client("ec2")
        made = ec2.create_subnet(
            VpcId=inputs["vpcId"],
            CidrBlock=inputs["cidrBlock"],
            TagSpecifications=tags,
            **given(AvailabilityZone=inputs.get("availabilityZone")),
        )
        identifier = str(made["Subnet"]["SubnetId"])
        call.made(identifier)
        self._public(ec2, identifier, inputs)
        return identifier

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        return {
            "arn": self.arn(call, found["SubnetId"]),
            "vpcId": found["VpcId"],
            "cidrBlock": found["CidrBlock"],
            "availabilityZone": found["AvailabilityZone"],
            "availabilityZoneId": found.get("AvailabilityZoneId"),
            "mapPublicIpOnLaunch": bool(found.get("MapPublicIpOnLaunch")),
            "ownerId": call.aws.account,
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def change(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        self._public(call.client("ec2"), identifier, new)

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        ec2.delete_subnet(SubnetId=identifier)

    @staticmethod
    def _public(ec2: Any, identifier: str, inputs: Inputs) -> None:
        ec2.modify_subnet_attribute(
            SubnetId=identifier, MapPublicIpOnLaunch={"Value": bool(inputs.get("mapPublicIpOnLaunch"))}
        )


class InternetGateway(Ec2Resource):
    resource_type = "aws:ec2/internetGateway:InternetGateway"
    kind = "internet-gateway"
    describe = ("describe_internet_gateways", "InternetGatewayIds", "InternetGateways", "InternetGatewayId")
    twin = Twin(
        "AWS::EC2::InternetGateway",
        own={"vpcId": Own("CloudFormation attaches by a resource of its own", f"{_SOURCE}vpc_internet_gateway.go")},
    )
    handles = frozenset({"vpcId", "tags"})

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        ec2 = call.client("ec2")
        identifier = str(ec2.create_internet_gateway(TagSpecifications=tags)["InternetGateway"]["InternetGatewayId"])
        call.made(identifier)
        if inputs.get("vpcId"):
            ec2.attach_internet_gateway(InternetGatewayId=identifier, VpcId=inputs["vpcId"])
        return identifier

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        attached = [attachment["VpcId"] for attachment in found.get("Attachments", ())]
        return {
            "arn": self.arn(call, found["InternetGatewayId"]),
            "vpcId": attached[0] if attached else None,
            "ownerId": call.aws.account,
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def change(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        ec2 = call.client("ec2")
        if old.get("vpcId") == new.get("vpcId"):
            return
        if old.get("vpcId"):
            ec2.detach_internet_gateway(InternetGatewayId=identifier, VpcId=old["vpcId"])
        if new.get("vpcId"):
            ec2.attach_internet_gateway(InternetGatewayId=identifier, VpcId=new["vpcId"])

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        listed = ec2.describe_internet_gateways(InternetGatewayIds=[identifier])["InternetGateways"]
        for gateway in listed:
            for attachment in gateway.get("Attachments", ()):
                ec2.detach_internet_gateway(InternetGatewayId=identifier, VpcId=attachment["VpcId"])
        ec2.delete_internet_gateway(InternetGatewayId=identifier)


class Eip(Ec2Resource):
    resource_type = "aws:ec2/eip:Eip"
    kind = "elastic-ip"
    describe = ("describe_addresses", "AllocationIds", "Addresses", "AllocationId")
    twin = Twin(
        "AWS::EC2::EIP",
        own={"domain": Own("the provider replaces", f"{_SOURCE}ec2_eip.go", replaces=True, same_values=True)},
    )
    handles = frozenset({"domain", "tags"})

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        made = call.client("ec2").allocate_address(Domain=inputs.get("domain") or "vpc", TagSpecifications=tags)
        return str(made["AllocationId"])

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        return {
            "arn": self.arn(call, found["AllocationId"]),
            "allocationId": found["AllocationId"],
            "domain": found.get("Domain", "vpc"),
            "publicIp": found["PublicIp"],
            "publicDns": f"ec2-{str(found['PublicIp']).replace('.', '-')}.compute-1.amazonaws.com",
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        ec2.release_address(AllocationId=identifier)


class NatGateway(Ec2Resource):
    resource_type = "aws:ec2/natGateway:NatGateway"
    kind = "natgateway"
    describe = ("describe_nat_gateways", "NatGatewayIds", "NatGateways", "NatGatewayId")
    twin = Twin("AWS::EC2::NatGateway")
    handles = frozenset({"allocationId", "subnetId", "connectivityType", "tags"})
    # The emulator keeps the allocation, but does not tell.
    unreadable = frozenset({"allocationId"})

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        made = call.client("ec2").create_nat_gateway(
            SubnetId=inputs["subnetId"],
            TagSpecifications=tags,
            **given(AllocationId=inputs.get("allocationId"), ConnectivityType=inputs.get("connectivityType")),
        )
        return str(made["NatGateway"]["NatGatewayId"])

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        if found.get("State") in ("deleted", "deleting"):
            raise Gone(f"{found['NatGatewayId']} is {found['State']}.")
        address: dict[str, Any] = next(iter(found.get("NatGatewayAddresses", ())), {})
        return {
            "subnetId": found["SubnetId"],
            "connectivityType": found.get("ConnectivityType", "public"),
            "publicIp": address.get("PublicIp"),
            "privateIp": address.get("PrivateIp"),
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def find(self, call: Call, inputs: Inputs) -> str | None:
        identifier = super().find(call, inputs)
        if identifier and self.found(call, identifier).get("State") in ("deleted", "deleting"):
            return None
        return identifier

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        ec2.delete_nat_gateway(NatGatewayId=identifier)


def _default(describe: Any, answer: str, vpc: str, condition: dict[str, Any]) -> dict[str, Any]:
    """What AWS made together with the VPC."""
    found = describe(Filters=[{"Name": "vpc-id", "Values": [vpc]}, condition])[answer]
    return dict(found[0]) if found else {}


RESOURCES: tuple[Resource, ...] = (
    Vpc(), Subnet(), InternetGateway(), Eip(), NatGateway(), VpcEndpoint(), *ROUTES, *GROUPS,
)  # fmt: skip
