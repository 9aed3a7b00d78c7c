"""The access model as text: the same from every run, and wrong templates named by file, line and rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policies.errors import PolicyError
from policies.model import rendering
from policies.model.postgres import postgres_templates, render_postgres_model

HEADER = "{# id: X\n   intent: y\n   for: z\n   never: w #}\n"


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of templates of the test's own."""
    monkeypatch.setattr(rendering, "ROOT", tmp_path)
    folder = tmp_path / "postgres"
    folder.mkdir()
    return folder


def test_every_template_says_what_it_is_for() -> None:
    headers = [rendering.header(name) for name in postgres_templates()]
    assert len({header.id for header in headers}) == len(headers) >= 7


def test_the_model_is_the_same_from_every_run_and_sorted() -> None:
    model = render_postgres_model("prod")
    assert json.dumps(model) == json.dumps(render_postgres_model("prod"))
    assert json.dumps(model) == json.dumps(model, sort_keys=True)


def test_stacks_differ_in_names_alone() -> None:
    assert json.dumps(render_postgres_model("dev")).replace("rendio_dev_", "rendio_prod_") == json.dumps(
        render_postgres_model("prod")
    )


def test_nothing_is_granted_to_public_and_no_function_runs_as_its_owner() -> None:
    text = json.dumps(render_postgres_model("local")).lower()
    assert " to public" not in text
    assert "security definer" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("create role a login;\ngrant all on table public.x to a;", "x.sql.j2:6: .*is none of the statements"),
        ("create role a superuser;", "x.sql.j2:5: .*is none of the statements"),
        ("create role a login;\ncreate role a login;", "roles has 'a' twice"),
        ("create role a login;\ncreate policy p on public.x for select to a using (true);", "needs a `-- reason:`"),
        ("create role a login;\ncreate policy p on public.x for select to a using (1 = 1);", "needs a `-- reason:`"),
        ("grant select on table public.x to b;", "names b, a role that no template creates"),
        ("create policy p on public.x for select to public using (id = 1);", "names public, a role that no"),
        ("grant a to b with admin true, inherit false, set true;", "is none of the statements"),
        ("create role {{ nmae }} login;", "x.sql.j2:5: 'nmae' is undefined"),
        ("create role {{ login( }} login;", "x.sql.j2:5: unexpected"),
    ],
)
def test_a_wrong_template_is_an_error_that_says_where(templates: Path, text: str, words: str) -> None:
    (templates / "x.sql.j2").write_text(HEADER + text + "\n")
    with pytest.raises(PolicyError, match=words):
        render_postgres_model("local")


def test_a_right_template_is_none(templates: Path) -> None:
    (templates / "x.sql.j2").write_text(
        HEADER + "create role a login;\n-- reason: why\ncreate policy p on public.x\n  for select to a using (true);\n"
    )
    assert render_postgres_model("local")["policies"] == {
        "public.x.p": "create policy p on public.x for select to a using (true)"
    }


def test_a_template_without_a_header_is_refused(templates: Path) -> None:
    (templates / "x.sql.j2").write_text("create role a login;\n")
    with pytest.raises(PolicyError, match="the header lacks id, intent, for, never"):
        render_postgres_model("local")
