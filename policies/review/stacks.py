"""What the access model of a stack is: its documents and what each is attached to, its resources, its Postgres model.

Needs no cloud, no engine and no credentials: the program of a checkout runs in a child process on a recording stand-in
of the SDK (recorder.py). All stacks of a checkout take about a second together.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from policies.errors import CheckoutError

REPOSITORY = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")
RECORDER = Path(__file__).with_name("recorder.py")

DocumentKind = Literal["identity", "trust", "resource", "endpoint"]
ResourceKind = Literal["bucket", "queue", "topic", "key", "function", "role", "secret", "log group", "alias"]

_ATTACHED = {"s3.BucketPolicy": "bucket", "sqs.QueuePolicy": "queue_url", "sns.TopicPolicy": "arn"}
_RESOURCES: dict[str, ResourceKind] = {
    "s3.Bucket": "bucket",
    "sqs.Queue": "queue",
    "sns.Topic": "topic",
    "kms.Key": "key",
    "lambda_.Function": "function",
    "iam.Role": "role",
    "secretsmanager.Secret": "secret",
    "cloudwatch.LogGroup": "log group",
}
# Inputs that open or close something without being a policy; previews show them beside the documents.
_SETTINGS = {
    "s3.BucketPublicAccessBlock": None,
    "s3.BucketOwnershipControls": None,
    "s3.BucketAcl": None,
    "lambda_.FunctionUrl": None,
    "apigatewayv2.Route": ("route_key", "authorization_type", "authorizer_id"),
    "rds.Instance": ("publicly_accessible", "iam_database_authentication_enabled", "storage_encrypted"),
    "vpc.SecurityGroupIngressRule": None,
    "vpc.SecurityGroupEgressRule": None,
}
# Ways of giving access that nothing here judges: to use one, teach this file first.
_NOT_JUDGED = {
    "iam.Role": ("managed_policy_arns", "inline_policies", "permissions_boundary"),
    "s3.Bucket": ("policy", "acl", "grants"),
    "sqs.Queue": ("policy",),
    "sns.Topic": ("policy",),
    "secretsmanager.Secret": ("policy",),
}
_JUDGED_IAM = ("iam.Role", "iam.RolePolicy")


@dataclass(frozen=True)
class Document:
    """A policy document.

    Attributes:
        name: its path among the previews, such as "roles/me/access".
        on: the ARN of the role, user or resource it is attached to.
        template: what it was rendered from; "" for one that the provider writes (a function's permissions).
        text: canonical JSON.
    """

    name: str
    kind: DocumentKind
    on: str
    template: str
    text: str

    @functools.cached_property
    def statements(self) -> list[dict[str, Any]]:
        found = json.loads(self.text)["Statement"]
        return found if isinstance(found, list) else [found]


@dataclass(frozen=True)
class Resource:
    """Something with a policy or a secret: `label` is what reviewers call it, `in_network` where a function runs."""

    kind: ResourceKind
    label: str
    arn: str
    role: str = ""
    in_network: bool = False


@dataclass(frozen=True)
class Stack:
    """The access model of one stack, whole."""

    name: str
    region: str
    account: str
    prefix: str
    documents: tuple[Document, ...]
    resources: tuple[Resource, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    postgres: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    schema_versions: Mapping[str, str] = field(default_factory=dict)

    def document(self, name: str) -> Document:
        return next(document for document in self.documents if document.name == name)

    def of_kind(self, kind: ResourceKind) -> list[Resource]:
        return [resource for resource in self.resources if resource.kind == kind]


def load(stacks: Sequence[str] = STACKS, *, checkout: Path = REPOSITORY) -> dict[str, Stack]:
    """The access models of `stacks` as the program in `checkout` makes them.

    Raises:
        CheckoutError: a template, the configuration or the program is wrong; the message says where.
    """
    answer = subprocess.run(
        [sys.executable, str(RECORDER), str(checkout), *stacks],
        cwd=checkout,
        env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        recorded = json.loads(answer.stdout)
    except json.JSONDecodeError:
        last = answer.stderr.strip().splitlines()[-1:] or [f"exit status {answer.returncode}"]
        raise CheckoutError(f"{checkout}: the program does not run: {last[0]}") from None
    if "error" in recorded:
        raise CheckoutError(recorded["error"])
    return {name: _Reader(name, content).stack() for name, content in recorded["stacks"].items()}


class _Reader:
    """From what was recorded to what is attached to what."""

    def __init__(self, stack: str, recorded: Mapping[str, Any]) -> None:
        self._stack, self._recorded = stack, recorded
        self._account, self._region, self._prefix = recorded["account"], recorded["region"], recorded["prefix"]
        self._templates = {entry["text"]: entry["template"] for entry in recorded["rendered"]}
        self._resources: list[dict[str, Any]] = recorded["resources"]

    def stack(self) -> Stack:
        self._refuse_what_is_not_judged()
        documents = [*self._people(), *self._attached(), *self._permissions()]
        return Stack(
            name=self._stack,
            region=self._region,
            account=self._account,
            prefix=self._prefix,
            documents=tuple(sorted(documents, key=lambda document: document.name)),
            resources=tuple(sorted(self._things(), key=lambda resource: (resource.kind, resource.label))),
            settings=self._settings(),
            postgres=self._recorded["postgres"],
            schema_versions=self._recorded["schema_versions"],
        )

    def _refuse_what_is_not_judged(self) -> None:
        for resource in self._resources:
            type_, inputs = resource["type"], resource["inputs"]
            used = [name for name in _NOT_JUDGED.get(type_, ()) if inputs.get(name)]
            unknown_iam = type_.startswith("iam.") and type_ not in _JUDGED_IAM
            unknown_policy = isinstance(inputs.get("policy"), str) and inputs["policy"] not in self._templates
            if used or unknown_iam or unknown_policy:
                what = ", ".join(used) or ("a policy that is no template" if unknown_policy else "this type")
                raise CheckoutError(
                    f"infra: {type_} {resource['name']}: gives access by {what}, which the review does not judge;"
                    " use a template and a policy of its own, or teach policies/review/stacks.py"
                )

    def _people(self) -> list[Document]:
        """Documents that the program attaches to nothing: of the users and pipelines that work on a stack."""
        found = []
        for template in self._recorded["unattached"]:
            text = next(text for text, known in self._templates.items() if known == template)
            who = Path(template).name.removesuffix(".json.j2")
            arn = f"arn:aws:iam::{self._account}:user/rendio-{who}"
            found.append(Document(f"users/{who}", "identity", arn, template, text))
        return found

    def _attached(self) -> list[Document]:
        found = []
        for resource in self._resources:
            type_, name, inputs = resource["type"], resource["name"], resource["inputs"]
            if type_ == "iam.Role":
                role, text = inputs["name"], inputs["assume_role_policy"]
                found.append(self._document(f"roles/{self._short(role)}/trust", "trust", self._role(role), text))
            elif type_ == "iam.RolePolicy":
                role, path = inputs["role"], f"roles/{self._short(inputs['role'])}/{inputs['name']}"
                found.append(self._document(path, "identity", self._role(role), inputs["policy"]))
            elif type_ in _ATTACHED:
                arn = inputs[_ATTACHED[type_]]
                arn = f"arn:aws:s3:::{arn}" if type_ == "s3.BucketPolicy" else arn
                path = f"{type_.removesuffix('Policy').rpartition('.')[2].lower()}s/{self._short(arn)}"
                found.append(self._document(path, "resource", arn, inputs["policy"]))
            elif type_ == "kms.Key":
                arn = f"arn:aws:kms:{self._region}:{self._account}:key/{name}"
                found.append(self._document(f"keys/{name}", "resource", arn, inputs["policy"]))
            elif type_ == "ec2.VpcEndpoint" and inputs.get("policy"):
                found.append(self._document(f"network/{name}", "endpoint", inputs["service_name"], inputs["policy"]))
            elif isinstance(inputs.get("policy"), str):
                raise CheckoutError(f"infra: {type_} {name}: teach policies/review/stacks.py what its policy is on")
        return found

    def _permissions(self) -> list[Document]:
        """A function's own policy, as Lambda writes it from the permissions: one statement each."""
        statements: dict[str, list[dict[str, Any]]] = {}
        for resource in self._resources:
            if resource["type"] == "lambda_.Permission":
                inputs = resource["inputs"]
                statements.setdefault(inputs["function"], []).append(self._permission(resource["name"], inputs))
        return [
            Document(
                name=f"functions/{self._short(function)}",
                kind="resource",
                on=self._function(function),
                template="",
                text=json.dumps(
                    {"Version": "2012-10-17", "Statement": sorted(found, key=lambda one: str(one["Sid"]))},
                    sort_keys=True,
                    separators=(",", ":"),
                ),
            )
            for function, found in statements.items()
        ]

    def _permission(self, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        who, condition = inputs["principal"], {}
        if inputs.get("source_arn"):
            condition["ArnLike"] = {"AWS:SourceArn": inputs["source_arn"]}
        if inputs.get("source_account"):
            condition["StringEquals"] = {"AWS:SourceAccount": inputs["source_account"]}
        return {
            "Sid": inputs.get("statement_id") or name,
            "Effect": "Allow",
            "Principal": {"Service": who} if who.endswith(".amazonaws.com") else "*" if who == "*" else {"AWS": who},
            "Action": inputs["action"],
            "Resource": self._function(inputs["function"]),
            **({"Condition": condition} if condition else {}),
        }

    def _things(self) -> list[Resource]:
        found = []
        for resource in self._resources:
            kind, inputs, name = _RESOURCES.get(resource["type"]), resource["inputs"], resource["name"]
            place = f"{self._region}:{self._account}"
            match kind:
                case "bucket":
                    found.append(Resource(kind, f"{name} bucket", f"arn:aws:s3:::{inputs['bucket']}"))
                case "queue":
                    label = f"queue {self._short(inputs['name'])}"
                    found.append(Resource(kind, label, f"arn:aws:sqs:{place}:{inputs['name']}"))
                case "topic":
                    label = f"topic {self._short(inputs['name'])}"
                    found.append(Resource(kind, label, f"arn:aws:sns:{place}:{inputs['name']}"))
                case "key":
                    found.append(Resource(kind, f"key {name}", f"arn:aws:kms:{place}:key/{name}"))
                case "function":
                    label, in_network = f"function {self._short(inputs['name'])}", bool(inputs.get("vpc_config"))
                    found.append(
                        Resource(kind, label, self._function(inputs["name"]), inputs["role"], in_network=in_network)
                    )
                case "role":
                    arn, short = self._role(inputs["name"]), self._short(inputs["name"])
                    of_function = any(
                        each["type"] == "lambda_.Function" and each["inputs"]["role"] == arn for each in self._resources
                    )
                    found.append(Resource(kind, f"role {'of function ' if of_function else ''}{short}", arn))
                case "secret":
                    arn = f"arn:aws:secretsmanager:{place}:secret:{inputs['name']}-AbCdEf"
                    found.append(Resource(kind, f"secret {inputs['name'].rpartition('/')[2]}", arn))
                case "log group":
                    arn = f"arn:aws:logs:{place}:log-group:{inputs['name']}"
                    found.append(Resource(kind, f"log {self._short(inputs['name'].rpartition('/')[2])}", arn))
                case _:
                    continue
        return found

    def _settings(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for resource in self._resources:
            if resource["type"] in _SETTINGS:
                keys = _SETTINGS[resource["type"]] or sorted(set(resource["inputs"]) - {"tags"})
                values = {key: resource["inputs"].get(key) for key in keys}
                found[f"{resource['type']} {resource['name']}"] = values
        return dict(sorted(found.items()))

    def _document(self, name: str, kind: DocumentKind, on: str, text: str) -> Document:
        return Document(name, kind, on, self._templates[text], text)

    def _role(self, name: str) -> str:
        return f"arn:aws:iam::{self._account}:role/{name}"

    def _function(self, name: str) -> str:
        return f"arn:aws:lambda:{self._region}:{self._account}:function:{name}"

    def _short(self, name: str) -> str:
        """A physical name without what every name of the stack has."""
        last = name.rpartition(":")[2].removesuffix(f"-{self._account}")
        return last.removeprefix(f"{self._prefix}-") if last != self._prefix else "api"
