"""EC2: route tables, their routes and who uses them."""

from __future__ import annotations

import zlib
from typing import Any, ClassVar

from local.provider.ec2_base import Ec2Resource
from local.provider.errors import Gone
from local.provider.kind import (
    Call,
    Inputs,
    Observed,
    Resource,
    given,
    gone_if_missing,
    ignore_missing,
    tag_outputs,
    tags_of,
)
from local.provider.twins import Twin


class RouteTable(Ec2Resource):
    resource_type = "aws:ec2/routeTable:RouteTable"
    kind = "route-table"
    describe = ("describe_route_tables", "RouteTableIds", "RouteTables", "RouteTableId")
    twin = Twin("AWS::EC2::RouteTable")
    handles = frozenset({"vpcId", "tags"})

    def make(self, call: Call, inputs: Inputs, tags: list[dict[str, Any]]) -> str:
        made = call.client("ec2").create_route_table(VpcId=inputs["vpcId"], TagSpecifications=tags)
        return str(made["RouteTable"]["RouteTableId"])

    def observe(self, call: Call, found: dict[str, Any], known: Inputs) -> Observed:
        return {
            "arn": self.arn(call, found["RouteTableId"]),
            "vpcId": found["VpcId"],
            "ownerId": call.aws.account,
            **tag_outputs(tags_of(found.get("Tags"))),
        }

    def remove(self, ec2: Any, identifier: str, known: Inputs) -> None:
        ec2.delete_route_table(RouteTableId=identifier)


class Route(Resource):
    resource_type = "aws:ec2/route:Route"
    _targets: ClassVar = {
        "gatewayId": "GatewayId",
        "natGatewayId": "NatGatewayId",
        "transitGatewayId": "TransitGatewayId",
        "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    }
    twin = Twin("AWS::EC2::Route")
    handles = frozenset({"routeTableId", "destinationCidrBlock", *_targets})

    def create(self, call: Call, inputs: Inputs) -> str:
        if self.find(call, inputs):
            # AWS refuses a second route to the same place; the emulator would add it.
            ec2 = call.client("ec2")
            ec2.delete_route(RouteTableId=inputs["routeTableId"], DestinationCidrBlock=inputs["destinationCidrBlock"])
        call.client("ec2").create_route(**self._arguments(inputs))
        return _route_id(inputs)

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        found = self._found(call, known)
        if found is None:
            raise Gone(f"{known.get('routeTableId')} has no route to {known.get('destinationCidrBlock')}.")
        return {
            "routeTableId": known["routeTableId"],
            "destinationCidrBlock": found["DestinationCidrBlock"],
            "origin": found.get("Origin"),
            "state": found.get("State"),
            **{name: found.get(target) for name, target in self._targets.items()},
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            call.client("ec2").replace_route(**self._arguments(new))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("ec2").delete_route(
                RouteTableId=known["routeTableId"], DestinationCidrBlock=known["destinationCidrBlock"]
            )

    def find(self, call: Call, inputs: Inputs) -> str | None:
        return _route_id(inputs) if self._found(call, inputs) else None

    def _found(self, call: Call, inputs: Inputs) -> dict[str, Any] | None:
        for table in _tables(call, str(inputs.get("routeTableId"))):
            for route in table["Routes"]:
                if route.get("DestinationCidrBlock") == inputs.get("destinationCidrBlock"):
                    return dict(route)
        return None

    def _arguments(self, inputs: Inputs) -> dict[str, Any]:
        return {
            "RouteTableId": inputs["routeTableId"],
            "DestinationCidrBlock": inputs["destinationCidrBlock"],
            **given(**{target: inputs.get(name) for name, target in self._targets.items()}),
        }


class RouteTableAssociation(Resource):
    resource_type = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    # The real provider changes the table in place, and the id with it, which the protocol does not allow for here:
    # CloudFormation's rule, replacement, is followed.
    twin = Twin("AWS::EC2::SubnetRouteTableAssociation")
    handles = frozenset({"subnetId", "routeTableId"})

    def create(self, call: Call, inputs: Inputs) -> str:
        made = call.client("ec2").associate_route_table(
            RouteTableId=inputs["routeTableId"], SubnetId=inputs["subnetId"]
        )
        return str(made["AssociationId"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        for table in call.client("ec2").describe_route_tables()["RouteTables"]:
            for association in table["Associations"]:
                if association["RouteTableAssociationId"] == identifier:
                    return {"subnetId": association.get("SubnetId"), "routeTableId": table["RouteTableId"]}
        raise Gone(f"There is no association {identifier}.")

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("ec2").disassociate_route_table(AssociationId=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        for table in _tables(call, str(inputs["routeTableId"])):
            for association in table["Associations"]:
                if association.get("SubnetId") == inputs["subnetId"]:
                    return str(association["RouteTableAssociationId"])
        return None


def _tables(call: Call, identifier: str) -> list[dict[str, Any]]:
    try:
        with gone_if_missing():
            return list(call.client("ec2").describe_route_tables(RouteTableIds=[identifier])["RouteTables"])
    except Gone:
        return []


def _route_id(inputs: Inputs) -> str:
    """As the provider makes it: `r-<table><checksum of the destination>`."""
    checksum = zlib.crc32(str(inputs["destinationCidrBlock"]).encode())
    return f"r-{inputs['routeTableId']}{checksum}"


ROUTES: tuple[Resource, ...] = (RouteTable(), Route(), RouteTableAssociation())
