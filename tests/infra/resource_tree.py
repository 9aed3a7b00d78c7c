"""The whole resource tree of a stack, by mocks that answer as AWS does.

A mock that echoes inputs would turn a generated ARN into null; here every generated output has AWS's form and a random
part, and in a preview it is unknown, as it is before the first `up`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import mocks, rpc

from infra.__main__ import back_end
from infra.access_model import AccessModelInput
from infra.config import Config, parse_config
from infra.config_rules import DEBUG_PROVIDERS

# The forms of EC2's ids, which other resources are checked to be given.
_ID_PREFIXES = {
    "aws:ec2/eip:Eip": "eipalloc-",
    "aws:ec2/internetGateway:InternetGateway": "igw-",
    "aws:ec2/natGateway:NatGateway": "nat-",
    "aws:ec2/routeTable:RouteTable": "rtb-",
    "aws:ec2/securityGroup:SecurityGroup": "sg-",
    "aws:ec2/subnet:Subnet": "subnet-",
    "aws:ec2/vpc:Vpc": "vpc-",
}

Program = Callable[[], Mapping[str, pulumi.Input[Any]]]

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")
UNKNOWN = rpc.UNKNOWN
MODEL = AccessModelInput(
    model={"roles": {}, "policies": {"public.images.images_select_own": "create policy images_select_own"}},
    model_digest="0" * 64,
    schema_versions={"0001_foundation": "1" * 64},
)


@dataclass(frozen=True)
class Registered:
    """One resource as the program registered it: inputs as sent (unknowns marked), and what it depends on."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    dependencies: frozenset[str]


@dataclass
class Tree:
    """What a run of the program registered, by URN, and what it exported."""

    stack: str
    resources: dict[str, Registered] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of_type(self, type_: str) -> list[Registered]:
        return [resource for resource in self.resources.values() if resource.type == type_]

    def one(self, type_: str, name: str) -> Registered:
        found = [resource for resource in self.of_type(type_) if resource.name == name]
        assert len(found) == 1, f"{len(found)} resources {type_} {name}"
        return found[0]

    def custom(self) -> list[Registered]:
        return [resource for resource in self.resources.values() if resource.custom]

    def everything_before(self, resource: Registered) -> set[str]:
        """The URNs of all that is made before `resource`, by any number of steps."""
        found: set[str] = set()
        waiting = [resource.urn]
        while waiting:
            for urn in self.resources[waiting.pop()].dependencies - found:
                found.add(urn)
                if urn in self.resources:
                    waiting.append(urn)
        return found

    def documents(self) -> Iterator[tuple[Registered, str, str]]:
        """Every policy document of the tree: the resource, the input's name and the text."""
        for resource in self.custom():
            for key in ("policy", "assumeRolePolicy"):
                if key in resource.inputs:
                    yield resource, key, resource.inputs[key]


def stack_values(stack: str) -> dict[str, str]:
    """The committed configuration of `stack`, flattened as the engine hands it over."""
    raw: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in raw.items()}


def stack_environment(stack: str) -> dict[str, str]:
    return {DEBUG_PROVIDERS: "aws:1"} if stack == "local" else {}


def stack_config(stack: str, values: Mapping[str, str] | None = None) -> Config:
    return parse_config(stack, stack_values(stack) if values is None else values, environment=stack_environment(stack))


class StubPackages:
    """Stands in for infra/packaging.py: a tree needs no wheels."""

    def archive(self, function: str, *, wheels: str, maximum_mb: int) -> pulumi.Archive:
        assert (ROOT / "lambdas" / "requirements" / f"{wheels}.txt").is_file()
        return pulumi.AssetArchive({f"lambdas/{function}/handler.py": pulumi.StringAsset("handler = None")})


def build(
    stack: str, *, preview: bool = False, seed: int = 0, config: Config | None = None, model: AccessModelInput = MODEL
) -> Tree:
    """Run the program of `stack`. With `preview`, what AWS generates is unknown; else it is random by `seed`."""
    known = stack_config(stack) if config is None else config
    return run(stack, lambda: back_end(known, model, StubPackages()), preview=preview, seed=seed)


def in_phase(phase: str) -> Tree:
    """The tree of `dev` in a phase of the roll-out of image uploads."""
    values = {**stack_values("dev"), "rendio:rollout": json.dumps({"image_uploads": phase})}
    return build("dev", config=stack_config("dev", values))


def run(stack: str, program: Program, *, preview: bool = False, seed: int = 0) -> Tree:
    """Run any program on the mocks. An exception in it, or in what answers it, is raised here."""
    tree = Tree(stack)
    aws = Aws(region="us-east-1", account=stack_values(stack)["rendio:account_id"], seed=seed)
    pulumi.runtime.set_mocks(
        aws, project="rendioai", stack=stack, preview=preview, monitor=Recorder(aws, tree, preview=preview)
    )

    @pulumi.runtime.test  # type: ignore[untyped-decorator]  # the SDK's; it awaits the output and every registration
    def whole_program() -> pulumi.Output[Any]:
        return pulumi.Output.all(**program()).apply(tree.outputs.update)

    whole_program()
    return tree


class Recorder(mocks.MockMonitor):
    """Keeps each registration with its dependencies, and refuses what the engine would refuse: the same URN twice."""

    def __init__(self, aws: Aws, tree: Tree, *, preview: bool) -> None:
        super().__init__(aws)
        self._tree, self._preview, self._aws = tree, preview, aws

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the name is the protocol's
        if request.type != "pulumi:pulumi:Stack":
            urn = self.make_urn(request.parent, request.type, request.name)
            assert urn not in self._tree.resources, f"registered twice: {urn}"
            self._tree.resources[urn] = Registered(
                urn=urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=request.custom,
                inputs=_plain(request.object),
                dependencies=frozenset(request.dependencies),
            )
            self._aws.generates = not (self._preview and request.custom)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the SDK's


class Aws(mocks.Mocks):
    """Outputs as AWS gives them. Physical names that the program left open get a random end, as Pulumi's do."""

    def __init__(self, *, region: str, account: str, seed: int) -> None:
        self._region, self._account = region, account
        self._random = random.Random(seed)
        self.generates = True

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token}: the program asks AWS; account, region and zones are config")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not self.generates or not args.custom:
            return "", dict(args.inputs)
        id_ = _ID_PREFIXES.get(args.typ, "") + self._hex(17)
        return id_, {**args.inputs, **self._outputs(args.typ, args.name, args.inputs, id_)}

    def _outputs(self, type_: str, name: str, inputs: Mapping[str, Any], id_: str) -> dict[str, Any]:
        physical = inputs.get("name") or f"{name}-{self._hex(7)}"
        match type_:
            case "aws:s3/bucket:Bucket":
                return {"arn": f"arn:aws:s3:::{inputs['bucket']}"}
            case "aws:iam/role:Role":
                return {"name": physical, "arn": f"arn:aws:iam::{self._account}:role/{physical}"}
            case "aws:lambda/function:Function":
                arn = self._arn("lambda", f"function:{physical}")
                invoke = f"arn:aws:apigateway:{self._region}:lambda:path/2015-03-31/functions/{arn}/invocations"
                return {"name": physical, "arn": arn, "invokeArn": invoke, "version": "1"}
            case "aws:kms/key:Key":
                key_id = f"{self._hex(8)}-{self._hex(4)}-{self._hex(4)}-{self._hex(4)}-{self._hex(12)}"
                return {"keyId": key_id, "arn": self._arn("kms", f"key/{key_id}")}
            case "aws:apigatewayv2/api:Api":
                url = f"https://{id_}.execute-api.{self._region}.amazonaws.com"
                return {"apiEndpoint": url, "executionArn": self._arn("execute-api", id_)}
            case "aws:rds/instance:Instance":
                secret = self._arn("secretsmanager", f"secret:rds!db-{id_}-{self._hex(6)}")
                address = f"{inputs['identifier']}.{id_}.{self._region}.rds.amazonaws.com"
                secrets = [{"secretArn": secret, "secretStatus": "active", "kmsKeyId": "aws/secretsmanager"}]
                return {
                    "address": address,
                    "port": 5432,
                    "endpoint": f"{address}:5432",
                    "masterUserSecrets": secrets,
                    "arn": self._arn("rds", f"db:{inputs['identifier']}"),
                }
            case "aws:sqs/queue:Queue":
                url = f"https://sqs.{self._region}.amazonaws.com/{self._account}/{physical}"
                return {"name": physical, "url": url, "arn": self._arn("sqs", physical)}
            case "aws:cloudwatch/logGroup:LogGroup":
                return {"name": physical, "arn": self._arn("logs", f"log-group:{physical}")}
            case "aws:lambda/invocation:Invocation":
                return {"result": json.dumps({"model_digest": "0" * 64})}
            case _:
                service = type_.split(":")[1].split("/")[0]
                return {"name": physical, "arn": self._arn(service, physical)}

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._region}:{self._account}:{resource}"

    def _hex(self, length: int) -> str:
        return "".join(self._random.choice("0123456789abcdef") for _ in range(length))


def _plain(struct: Any) -> dict[str, Any]:
    """A protobuf struct as Python values; unknowns keep the engine's mark."""
    return {key: _value(value) for key, value in struct.fields.items()}


def _value(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _plain(value.struct_value)
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case "null_value" | None:
            return None
        case "number_value":  # the wire knows floats alone
            return int(value.number_value) if value.number_value.is_integer() else value.number_value
        case kind:
            return getattr(value, kind)
