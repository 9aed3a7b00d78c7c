"""What reviewers are shown is what the program attaches: the recording stand-in against the SDK's own mocks."""

from __future__ import annotations

import json

from policies.review.stacks import load
from tests.infra.conftest import TreeOf


def test_the_recorded_documents_are_those_of_the_resource_tree(up: TreeOf, stack: str) -> None:
    recorded = [d.text for d in load([stack])[stack].documents if d.template and not d.name.startswith("users/")]
    registered = [text for _, _, text in up(stack).documents()]
    assert sorted(recorded) == sorted(registered)


def test_each_recorded_permission_is_one_of_the_resource_tree(up: TreeOf, stack: str) -> None:
    permissions = up(stack).of_type("aws:lambda/permission:Permission")
    statements = [s for d in load([stack])[stack].documents if not d.template for s in json.loads(d.text)["Statement"]]
    assert len(permissions) == len(statements)
    named = {permission.name: permission.inputs for permission in permissions}
    for statement in statements:
        inputs = named[statement["Sid"]]
        assert statement["Resource"].endswith(f":{inputs['function']}")
        assert statement["Principal"] == {"Service": inputs["principal"]}
        source, wanted = statement["Condition"]["ArnLike"]["AWS:SourceArn"], str(inputs["sourceArn"])
        if "/authorizers/" in wanted:
            wanted = wanted.rpartition("/")[0] + "/session"  # its id is AWS's; recorded is the program's name
        assert source.split("/")[1:] == wanted.split("/")[1:]
        account = statement["Condition"].get("StringEquals", {}).get("AWS:SourceAccount")
        assert account == inputs.get("sourceAccount")


def test_the_recorded_roles_are_attached_where_the_tree_has_them(up: TreeOf, stack: str) -> None:
    documents = load([stack])[stack].documents
    recorded = {(d.on.rpartition("/")[2], d.text) for d in documents if d.name.startswith("roles/")}
    tree = up(stack)
    registered = {(r.inputs["role"], r.inputs["policy"]) for r in tree.of_type("aws:iam/rolePolicy:RolePolicy")}
    registered |= {(r.inputs["name"], r.inputs["assumeRolePolicy"]) for r in tree.of_type("aws:iam/role:Role")}
    assert recorded == registered
