"""The VPC: what may reach the database, and how functions reach the world."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.config import Network as NetworkConfig
from infra.names import Names
from policies.model.documents import Documents

POSTGRES_PORT = 5432
HTTPS_PORT = 443
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Zone:
    """One availability zone with a public and a private network of its own."""

    name: str
    public: ipaddress.IPv4Network
    private: ipaddress.IPv4Network


def zones_of(config: NetworkConfig) -> Iterator[Zone]:
    """Split the VPC's network in eight: the first for public subnets, from the fifth on for private ones.

    A zone keeps its networks when a third zone is added later.
    """
    parts = list(config.cidr.subnets(prefixlen_diff=3))
    for position, name in enumerate(config.zones):
        yield Zone(name=name, public=parts[position], private=parts[position + 4])


class Network(pulumi.ComponentResource):
    """A VPC with public and private subnets, NAT, and an S3 endpoint that knows only this stack's buckets.

    The database and the functions that use it are in the private subnets. Functions reach Postgres and HTTPS
    anywhere (Apple, AWS; docs/adr/0022-nat-and-vpc-endpoints.md); Postgres is reached by functions alone.
    """

    private_subnet_ids: list[pulumi.Output[str]]
    functions_security_group_id: pulumi.Output[str]
    database_security_group_id: pulumi.Output[str]
    nat_gateway_ids: dict[str, pulumi.Output[str]]
    """By zone."""
    routes: list[pulumi.Resource]
    """What must exist before anything in a private subnet can call out."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: NetworkConfig,
        documents: Documents,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:network:Network", resource_name, None, opts)
        self._names = names
        self._child = pulumi.ResourceOptions(parent=self)
        self._vpc = aws.ec2.Vpc(
            "vpc",
            cidr_block=str(config.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._child,
        )
        # Without ingress and egress this closes the group that AWS would otherwise leave open inside the VPC.
        aws.ec2.DefaultSecurityGroup("closed", vpc_id=self._vpc.id, tags=self._tags("closed"), opts=self._child)
        self.private_subnet_ids, self.routes, self.nat_gateway_ids = [], [], {}
        private_tables = self._subnets(list(zones_of(config)), config.nat_gateways)
        self.routes.append(
            aws.ec2.VpcEndpoint(
                "s3",
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{names.region}.s3",
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id for table in private_tables],
                policy=documents.render("network/s3_endpoint.json.j2"),
                tags=self._tags("s3"),
                opts=self._child,
            )
        )
        self.functions_security_group_id = self._functions_group()
        self.database_security_group_id = self._database_group(self.functions_security_group_id)
        self.register_outputs({"vpc_id": self._vpc.id, "private_subnet_ids": self.private_subnet_ids})

    def _subnets(self, zones: list[Zone], gateways: int) -> list[aws.ec2.RouteTable]:
        internet = aws.ec2.InternetGateway(
            "internet", vpc_id=self._vpc.id, tags=self._tags("internet"), opts=self._child
        )
        public_table = aws.ec2.RouteTable("public", vpc_id=self._vpc.id, tags=self._tags("public"), opts=self._child)
        to_internet = aws.ec2.Route(
            "public-to-internet",
            route_table_id=public_table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=internet.id,
            opts=self._child,
        )
        nats: list[aws.ec2.NatGateway] = []
        for position, zone in enumerate(zones):
            subnet = self._subnet("public", zone.name, zone.public)
            association = self._associate("public", zone.name, subnet, public_table)
            if position < gateways:
                nats.append(self._nat(zone.name, subnet, [to_internet, association]))
                self.nat_gateway_ids[zone.name] = nats[-1].id
        tables = []
        for position, zone in enumerate(zones):
            subnet = self._subnet("private", zone.name, zone.private)
            name = f"private-{zone.name}"
            table = aws.ec2.RouteTable(name, vpc_id=self._vpc.id, tags=self._tags(name), opts=self._child)
            association = self._associate("private", zone.name, subnet, table)
            out = aws.ec2.Route(
                f"{name}-to-nat",
                route_table_id=table.id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=nats[position % len(nats)].id,
                opts=self._child,
            )
            self.private_subnet_ids.append(subnet.id)
            self.routes += [association, out]
            tables.append(table)
        return tables

    def _subnet(self, kind: str, zone: str, cidr: ipaddress.IPv4Network) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            f"{kind}-{zone}",
            vpc_id=self._vpc.id,
            availability_zone=zone,
            cidr_block=str(cidr),
            map_public_ip_on_launch=False,
            tags=self._tags(f"{kind}-{zone}"),
            opts=self._child,
        )

    def _associate(
        self, kind: str, zone: str, subnet: aws.ec2.Subnet, table: aws.ec2.RouteTable
    ) -> aws.ec2.RouteTableAssociation:
        return aws.ec2.RouteTableAssociation(
            f"{kind}-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
        )

    def _nat(self, zone: str, subnet: aws.ec2.Subnet, way_out: list[pulumi.Resource]) -> aws.ec2.NatGateway:
        """A NAT gateway works only once its own subnet leads to the internet."""
        after = pulumi.ResourceOptions(parent=self, depends_on=way_out)
        address = aws.ec2.Eip(f"nat-{zone}", domain="vpc", tags=self._tags(f"nat-{zone}"), opts=after)
        return aws.ec2.NatGateway(
            f"nat-{zone}", allocation_id=address.id, subnet_id=subnet.id, tags=self._tags(f"nat-{zone}"), opts=after
        )

    def _functions_group(self) -> pulumi.Output[str]:
        """No ingress at all: nobody connects to a function's network interface."""
        group = self._group("functions", "Lambda functions that use the database")
        https = aws.vpc.SecurityGroupEgressRule(
            "functions-to-https",
            security_group_id=group.id,
            description="HTTPS: AWS services and Apple",
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            cidr_ipv4=ANYWHERE,
            tags=self._tags("functions-to-https"),
            opts=self._child,
        )
        self.routes.append(https)
        return group.id

    def _database_group(self, functions: pulumi.Output[str]) -> pulumi.Output[str]:
        """No egress: Postgres answers, it never calls."""
        group = self._group("database", "The Postgres instance")
        inward = aws.vpc.SecurityGroupIngressRule(
            "functions-into-database",
            security_group_id=group.id,
            description="Postgres, from functions alone",
            ip_protocol="tcp",
            from_port=POSTGRES_PORT,
            to_port=POSTGRES_PORT,
            referenced_security_group_id=functions,
            tags=self._tags("functions-into-database"),
            opts=self._child,
        )
        outward = aws.vpc.SecurityGroupEgressRule(
            "functions-to-database",
            security_group_id=functions,
            description="Postgres",
            ip_protocol="tcp",
            from_port=POSTGRES_PORT,
            to_port=POSTGRES_PORT,
            referenced_security_group_id=group.id,
            tags=self._tags("functions-to-database"),
            opts=self._child,
        )
        self.routes += [inward, outward]
        return group.id

    def _group(self, name: str, description: str) -> aws.ec2.SecurityGroup:
        """Auto-named: Lambda's interfaces take up to 45 minutes to go, and keep a fixed name taken till then."""
        return aws.ec2.SecurityGroup(
            name, vpc_id=self._vpc.id, description=description, tags=self._tags(name), opts=self._child
        )

    def _tags(self, what: str) -> dict[str, str]:
        return {**self._names.tags, "Name": f"{self._names.prefix}-{what}"}
