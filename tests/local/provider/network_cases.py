"""The network."""

from __future__ import annotations

from tests.local.provider.world import CHANGED_TAGS, TAGS, Case, document

NETWORK: dict[str, Case] = {
    "vpc": Case(
        "aws:ec2/vpc:Vpc",
        lambda _: {"cidrBlock": "10.9.0.0/20", "enableDnsSupport": True, "enableDnsHostnames": True, "tags": TAGS},
        {"enableDnsHostnames": False, **CHANGED_TAGS},
        {"cidrBlock": "10.8.0.0/20"},
    ),
    "default-group": Case(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        lambda w: {"vpcId": w["vpc"]["id"], "tags": TAGS},
        CHANGED_TAGS,
    ),
    "subnet": Case(
        "aws:ec2/subnet:Subnet",
        lambda w: {"vpcId": w["vpc"]["id"], "cidrBlock": "10.9.0.0/23", "availabilityZone": "us-east-1a", "tags": TAGS},
        {"mapPublicIpOnLaunch": True, **CHANGED_TAGS},
        {"cidrBlock": "10.9.4.0/23", "availabilityZone": "us-east-1b"},
    ),
    "other-subnet": Case(
        "aws:ec2/subnet:Subnet",
        lambda w: {"vpcId": w["vpc"]["id"], "cidrBlock": "10.9.2.0/23", "availabilityZone": "us-east-1b"},
    ),
    "internet": Case(
        "aws:ec2/internetGateway:InternetGateway", lambda w: {"vpcId": w["vpc"]["id"], "tags": TAGS}, CHANGED_TAGS
    ),
    "address": Case("aws:ec2/eip:Eip", lambda _: {"domain": "vpc", "tags": TAGS}, CHANGED_TAGS),
    "nat": Case(
        "aws:ec2/natGateway:NatGateway",
        lambda w: {"allocationId": w["address"]["id"], "subnetId": w["subnet"]["id"], "tags": TAGS},
        CHANGED_TAGS,
        {"subnetId": "subnet-other", "allocationId": "eipalloc-other"},
    ),
    "table": Case("aws:ec2/routeTable:RouteTable", lambda w: {"vpcId": w["vpc"]["id"], "tags": TAGS}, CHANGED_TAGS),
    "route": Case(
        "aws:ec2/route:Route",
        lambda w: {"routeTableId": w["table"]["id"], "destinationCidrBlock": "0.0.0.0/0",
                   "gatewayId": w["internet"]["id"]},
        None,
        {"destinationCidrBlock": "10.0.0.0/8"},
    ),
    "association": Case(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        lambda w: {"subnetId": w["subnet"]["id"], "routeTableId": w["table"]["id"]},
        None,
        {"subnetId": "subnet-other"},
    ),
    "endpoint": Case(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        lambda w: {
            "vpcId": w["vpc"]["id"], "serviceName": "com.amazonaws.us-east-1.s3", "vpcEndpointType": "Gateway",
            "routeTableIds": [w["table"]["id"]], "policy": document("s3:GetObject", Principal="*"), "tags": TAGS,
        },
        {"routeTableIds": [], **CHANGED_TAGS},
        {"serviceName": "com.amazonaws.us-east-1.dynamodb"},
    ),
    "group": Case(
        "aws:ec2/securityGroup:SecurityGroup",
        lambda w: {"vpcId": w["vpc"]["id"], "description": "Functions", "tags": TAGS},
        CHANGED_TAGS,
        {"description": "Others"},
    ),
    "out": Case(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        lambda w: {"securityGroupId": w["group"]["id"], "ipProtocol": "tcp", "fromPort": 443, "toPort": 443,
                   "cidrIpv4": "0.0.0.0/0", "description": "HTTPS", "tags": TAGS},
        {"cidrIpv4": "10.0.0.0/8"},
        {"securityGroupId": "sg-other"},
    ),
    "into": Case(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        lambda w: {"securityGroupId": w["group"]["id"], "ipProtocol": "tcp", "fromPort": 5432, "toPort": 5432,
                   "referencedSecurityGroupId": w["group"]["id"]},
        {"description": "Postgres"},
        {"securityGroupId": "sg-other"},
    ),
}  # fmt: skip
