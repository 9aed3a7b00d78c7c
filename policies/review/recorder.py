"""What the program of a checkout attaches to what, without an engine: `python recorder.py CHECKOUT STACK...`

Run by its path in a process of its own, with nothing of this package imported, so that it records an older checkout
as well. The program runs whole, on stand-ins of `pulumi` and `pulumi_aws` that make nothing and keep every input:
a document that somebody attaches tomorrow is recorded without a line here. tests/infra compares what this records
with the resource tree of the real SDK.

Prints {"stacks": {stack: {"region", "account", "resources", "rendered", "postgres", "schema_versions"}}} as JSON,
or {"error": text} with exit status 1 when the checkout cannot be rendered.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

LOCAL = "local"
_OF_FUNCTION = re.compile(r"^\s*for:\s+role of function\b", re.MULTILINE)
DEBUG_PROVIDERS = "PULUMI_DEBUG_PROVIDERS"


class Output:
    """A value that is there at once; one that only AWS could give is a name in angle brackets."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __class_getitem__(cls, _item: Any) -> Any:
        return cls

    def __getattr__(self, name: str) -> Output:
        if name.startswith("__"):
            raise AttributeError(name)
        return Output(f"<{self.value}.{name}>")

    def __getitem__(self, item: Any) -> Output:
        return Output(f"<{self.value}.{item}>")

    def apply(self, function: Callable[[Any], Any]) -> Output:
        """The function's answer; what it cannot make of a stand-in's value stays a stand-in."""
        try:
            return Output(plain(function(self.value)))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return Output(f"<{self.value}>")

    @staticmethod
    def from_input(value: Any) -> Output:
        return Output(plain(value))

    @staticmethod
    def concat(*parts: Any) -> Output:
        return Output("".join(str(plain(part)) for part in parts))

    @staticmethod
    def all(*values: Any, **named: Any) -> Output:
        return Output([plain(value) for value in values] if values else {name: plain(v) for name, v in named.items()})

    secret = unsecret = from_input

    @staticmethod
    def format(text: str, *values: Any, **named: Any) -> Output:
        return Output(text.format(*map(plain, values), **{name: plain(value) for name, value in named.items()}))

    @staticmethod
    def json_dumps(value: Any, **options: Any) -> Output:
        return Output(json.dumps(plain(value), **options))


class Anything:
    """Stands for a class of the SDK that is only named, subclassed or handed on."""

    def __init__(self, *_arguments: Any, **_named: Any) -> None: ...

    def __class_getitem__(cls, _item: Any) -> Any:
        return cls

    def register_outputs(self, _outputs: Any) -> None: ...


class Resource(Anything):
    """A resource of the provider: its type as the SDK spells it (`iam.Role`), and its inputs as they were given."""

    recorded: list[Resource]
    region: str
    account: str

    def __init__(self, type_: str, name: str, inputs: dict[str, Any]) -> None:
        self.type_, self.name_ = type_, name
        self.inputs = {key: value for key, value in inputs.items() if key not in ("opts", "resource_name")}
        Resource.recorded.append(self)

    def __getattr__(self, attribute: str) -> Output:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        given = self.inputs.get(attribute)
        return Output(plain(given) if given is not None else self._generated(attribute))

    def _generated(self, attribute: str) -> str:
        """What AWS answers; where an ARN ends in a generated id, the program's own name of the resource stands."""
        physical = str(plain(self.inputs.get("name") or self.inputs.get("bucket") or self.name_))
        place = f"{self.region}:{self.account}"
        match self.type_, attribute:
            case "s3.Bucket", "arn":
                return f"arn:aws:s3:::{physical}"
            case "iam.Role", "arn":
                return f"arn:aws:iam::{self.account}:role/{physical}"
            case "lambda_.Function", "arn" | "invoke_arn":
                return f"arn:aws:lambda:{place}:function:{physical}"
            case "kms.Key", "arn":
                return f"arn:aws:kms:{place}:key/{self.name_}"
            case "sqs.Queue", "arn" | "url" | "id":
                return f"arn:aws:sqs:{place}:{physical}"
            case "sns.Topic", "arn" | "id":
                return f"arn:aws:sns:{place}:{physical}"
            case "secretsmanager.Secret", "arn" | "id":
                return f"arn:aws:secretsmanager:{place}:secret:{physical}-AbCdEf"
            case "apigatewayv2.Api", "execution_arn":
                return f"arn:aws:execute-api:{place}:{physical}"
            case _, "id" | "name" | "bucket":
                return physical
        return f"<{self.type_} {self.name_}.{attribute}>"


def plain(value: Any) -> Any:
    """`value` with every output replaced by what it holds."""
    if isinstance(value, Output):
        return plain(value.value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


class _Service(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        type_ = f"{self.__name__.rpartition('.')[2]}.{name}"
        if name.endswith(("Args", "ArgsDict")):
            return lambda **inputs: inputs

        def made(resource: Resource, resource_name: str, *_arguments: Any, **inputs: Any) -> None:
            Resource.__init__(resource, type_, resource_name, inputs)

        return type(name, (Resource,), {"__init__": made})


class _Provider(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Service(f"{self.__name__}.{name}")


def stand_ins() -> None:
    """Put the stand-ins where the program imports the SDK from."""
    pulumi, runtime, config = ModuleType("pulumi"), ModuleType("pulumi.runtime"), ModuleType("pulumi.runtime.config")
    names = (
        "ComponentResource", "CustomResource", "Input", "Archive", "FileArchive", "AssetArchive", "StringAsset",
        "Alias", "CustomTimeouts", "InvokeOptions", "ResourceOptions",
    )  # fmt: skip
    for name in names:
        setattr(pulumi, name, type(name, (Anything,), {}))
    more: dict[str, Any] = {
        "Output": Output, "Resource": Resource, "RunError": type("RunError", (Exception,), {}), "runtime": runtime,
        "export": lambda *_: None, "get_stack": lambda: "", "get_project": lambda: "rendioai",
    }  # fmt: skip
    for name, value in more.items():
        setattr(pulumi, name, value)
    runtime.config = config  # type: ignore[attr-defined]  # a module made here
    provider = _Provider("pulumi_aws")
    sys.modules.update(
        {"pulumi": pulumi, "pulumi.runtime": runtime, "pulumi.runtime.config": config, "pulumi_aws": provider}
    )


def record(checkout: Path, stack: str) -> dict[str, Any]:
    """Run the program of `checkout` for `stack` and give what it registered and rendered."""
    import yaml

    program, config = importlib.import_module("infra.__main__"), importlib.import_module("infra.config")
    documents, postgres = (importlib.import_module(f"policies.model.{name}") for name in ("documents", "postgres"))
    raw: dict[str, Any] = yaml.safe_load((checkout / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in raw.items()}
    parsed = config.parse_config(stack, values, environment={DEBUG_PROVIDERS: "aws:1"} if stack == LOCAL else {})
    names = program.Names.of(parsed)
    Resource.recorded, Resource.region, Resource.account = [], parsed.region, parsed.account_id

    rendered: list[dict[str, Any]] = []

    class Recording(documents.Documents):  # type: ignore[misc, name-defined]
        def render(self, template: str, **parameters: Any) -> str:
            text: str = super().render(template, **parameters)
            rendered.append({"template": template, "parameters": parameters, "text": text})
            return text

    class Packages:
        def archive(self, _function: str, **_options: Any) -> Any:
            return Anything()

    vars(program)["Documents"] = Recording
    model = program.AccessModelInput.of(stack)
    program.back_end(parsed, model, Packages())
    # What the program attaches to nothing are the documents of people and pipelines, and of functions that a stack
    # does not have.
    used = {entry["template"] for entry in rendered}
    spare, people = Recording(names.context()), []
    for template in sorted(set(documents.templates()) - used):
        if not _OF_FUNCTION.search((checkout / "policies" / template).read_text(encoding="utf-8")):
            spare.render(template, buckets_that_go=[f"{names.prefix}-*"] if parsed.storage.force_destroy else [])
            people.append(template)
    versions = sorted((checkout / "lambdas" / "database_admin" / "schema_versions").glob("[0-9]*.sql"))
    return {
        "region": parsed.region,
        "account": parsed.account_id,
        "prefix": names.prefix,
        "resources": [{"type": r.type_, "name": r.name_, "inputs": _json(plain(r.inputs))} for r in Resource.recorded],
        "rendered": rendered,
        "unattached": people,
        "postgres": postgres.render_postgres_model(stack),
        "schema_versions": {path.stem: path.read_text(encoding="utf-8") for path in versions},
    }


def _json(value: Any) -> Any:
    """What JSON can hold of an input; the rest (archives) is of no interest here."""
    if isinstance(value, dict):
        return {key: _json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json(inner) for inner in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(type(value).__name__)


def main(arguments: list[str]) -> int:
    """Record the stacks named after the checkout."""
    checkout, *stacks = arguments
    sys.path[0] = checkout
    sys.dont_write_bytecode = True
    stand_ins()
    try:
        answer: dict[str, Any] = {"stacks": {stack: record(Path(checkout), stack) for stack in stacks}}
    except Exception as error:  # whatever the checkout does wrong is its reader's to see, in one line
        text = re.sub(r"\s+\Z", "", f"{error}") or type(error).__name__
        expected = type(error).__module__.startswith(("infra.", "policies."))
        answer = {"error": text if expected else f"{type(error).__name__}: {text}"}
    print(json.dumps(answer))
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
