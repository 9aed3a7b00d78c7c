"""The applied database breaks no lint, and each lint finds what was planted for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from policies.model.postgres import policy_reasons
from policies.review.lints import Finding, lints, run
from policies.review.reasons import FILE, as_markdown, reasons
from tests.database.scene import STACK, Connection, Database

SELECT_OWN = "create policy planted on public.images for select to authenticated using"
FUNCTION = "create function auth.planted() returns int language sql"

# lint -> what is planted -> what its finding begins with
PLANTED: dict[str, dict[str, str]] = {
    "DB-ROW-SECURITY": {
        "alter table public.users disable row level security": "table public.users: row-level security is off",
        "alter table public.images no force row level security": "table public.images: row-level security is not",
        "create table public.planted (id int)": "table public.planted: row-level security is off",
    },
    "DB-OPEN-POLICY": {
        f"{SELECT_OWN} (true)": "policy public.images.planted: using holds for every row, for authenticated",
        f"{SELECT_OWN} (1 = 1)": "policy public.images.planted",
        f"{SELECT_OWN} (user_id = user_id)": "policy public.images.planted",
        f"{SELECT_OWN} (user_id is not null)": "policy public.images.planted",
        f"{SELECT_OWN} (status = 'ready' or not false)": "policy public.images.planted",
        f"{SELECT_OWN} ((select auth.uid()) is not null)": "policy public.images.planted",
        f"{SELECT_OWN} (exists (select from public.users where auth_user_id = (select auth.uid())))": (
            "policy public.images.planted"
        ),
        "create policy planted on public.images for select to public using (true)": "policy public.images.planted",
        "create policy planted on public.images for insert to authenticated with check (true)": (
            "policy public.images.planted: with check holds for every row"
        ),
        "create policy planted on public.images for update to authenticated"
        " using (user_id in (select id from public.users where auth_user_id = (select auth.uid())))"
        " with check (true)": ("policy public.images.planted: with check holds for every row"),
        "create policy planted on public.devices for select to rendio_local_inspect_image using (true)": (
            "policy public.devices.planted: using holds for every row, for rendio_local_inspect_image (select), with no"
        ),
    },
    "DB-POLICY-ROLE": {
        "alter policy images_select_own on public.images to public": "policy public.images.images_select_own: is for",
    },
    "DB-WRAPPED-HELPER": {
        "create policy planted on public.users for select to authenticated using (auth_user_id = auth.uid())": (
            "policy public.users.planted: using calls auth.uid() bare"
        ),
        f"{SELECT_OWN} (user_id in (select id from public.users where auth_user_id = auth.uid()))": (
            "policy public.images.planted: using calls auth.uid() bare"
        ),
        f"{SELECT_OWN} (user_id::text = auth.jwt() ->> 'sub')": "policy public.images.planted: using calls auth.jwt()",
        f"{SELECT_OWN} (user_id::text = current_setting('request.jwt.claims', true))": (
            "policy public.images.planted: using calls current_setting() bare"
        ),
        "create policy planted on public.images for insert to authenticated with check (user_id = auth.uid())": (
            "policy public.images.planted: with check calls auth.uid() bare"
        ),
    },
    "DB-POLICY-INDEX": {
        "drop index public.images_by_user": "policy public.images.images_select_own: no index begins with public.im",
        "alter table public.users drop constraint users_auth_user_id_key": (
            "policy public.users.users_select_own: no index begins with public.users.auth_user_id"
        ),
        "alter table public.credit_ledger add owner uuid;"
        " create policy planted on public.credit_ledger for select to authenticated"
        " using (owner = (select auth.uid()))": "policy public.credit_ledger.planted: no index begins with public",
        "alter table public.credit_ledger add owner uuid;"
        " create policy planted on public.images for select to authenticated using (exists (select from"
        " public.credit_ledger l where l.owner = images.user_id and l.user_id = (select auth.uid())))": (
            "policy public.images.planted: no index begins with public.credit_ledger.owner"
        ),
    },
    "DB-POLICY-SCAN": {
        f"{SELECT_OWN} (user_id in (select id from public.users where auth_user_id = (select auth.uid())))": (
            "policy public.images.planted: compares user_id with the rows of a query"
        ),
    },
    "DB-FOREIGN-KEY-INDEX": {
        "create table public.planted (owner uuid references public.users (id))": "table public.planted: no index",
        "drop index public.credit_ledger_user_id": "table public.credit_ledger: no index begins with user_id",
    },
    "DB-DEFINER": {
        f"{FUNCTION} security definer set search_path = '' return 1;"
        " grant execute on function auth.planted() to authenticated": "function auth.planted(): runs with its owner's",
        f"{FUNCTION} security definer set search_path = '' return 1;"
        " grant execute on function auth.planted() to public": "function auth.planted()",
        "alter function auth.uid() security definer": "function auth.uid(): runs with its owner's rights for authent",
    },
    "DB-SEARCH-PATH": {
        f"{FUNCTION} return 1": "function auth.planted(): takes the search path of its caller",
        "alter function auth.uid() reset search_path": "function auth.uid(): takes the search path of its caller",
        "alter function auth.uid() set search_path = public": "function auth.uid(): search_path=public",
        "create procedure public.planted() language sql begin atomic select 1; end": "function public.planted()",
    },
    "DB-USER-CLAIM": {
        f"{SELECT_OWN} (user_id::text = (select auth.jwt() -> 'user_metadata' ->> 'owner'))": (
            "policy public.images.planted: trusts the claim user_metadata"
        ),
        f"{SELECT_OWN} (user_id::text = (select auth.jwt() ->> 'owner'))": "policy public.images.planted: trusts the c",
        f"{SELECT_OWN} (user_id::text = (select auth.jwt() #>> '{{user_metadata,owner}}'))": (
            "policy public.images.planted: trusts user_metadata"
        ),
        f"{SELECT_OWN} (user_id::text = (select current_setting('request.headers', true)))": (
            "policy public.images.planted: reads the setting request.headers"
        ),
        f"{SELECT_OWN} (user_id::text = (select current_setting('request.user')))": (
            "policy public.images.planted: reads the setting request.user"
        ),
        "create function auth.planted() returns text language sql set search_path = ''"
        " return current_setting('request.user', true)": "function auth.planted(): reads the setting request.user",
        "alter table auth.users add raw_user_meta_data jsonb; create policy planted on auth.users for select"
        " to authenticated using (raw_user_meta_data is not null)": "policy auth.users.planted: trusts raw_user_meta",
    },
    "DB-PUBLIC": {
        "grant connect on database rendio to public": "database rendio: PUBLIC has CONNECT",
        "grant usage on schema auth to public": "schema auth: PUBLIC has USAGE",
        "grant select on public.images to public": "table public.images: PUBLIC has SELECT",
        "grant select (status) on public.images to public": "column public.images.status: PUBLIC has SELECT",
        "grant execute on function auth.uid() to public": "function auth.uid(): PUBLIC has EXECUTE",
        "grant usage on sequence public.credit_ledger_id_seq to public": "sequence public.credit_ledger_id_seq: PUBLIC",
        "alter default privileges for role rendio_local_database_admin grant execute on functions to public": (
            "functions that rendio_local_database_admin creates: PUBLIC will have EXECUTE"
        ),
        "alter default privileges for role rendio_local_database_admin in schema public grant select on tables"
        " to public": "tables that rendio_local_database_admin creates: PUBLIC will have SELECT",
        "grant create on schema public to rendio_local_me": "functions that rendio_local_me creates: PUBLIC will have",
    },
    "DB-ROLE": {
        "alter role rendio_local_me bypassrls": "role rendio_local_me: bypassrls",
        "alter role rendio_local_me createrole": "role rendio_local_me: createrole",
        "alter role authenticated superuser": "role authenticated: superuser",
        "alter table public.devices owner to rendio_local_device_check": (
            "role rendio_local_device_check: owner of table public.devices"
        ),
    },
    "DB-MEMBERSHIP": {
        "grant authenticated to rendio_local_inspect_image with inherit true": (
            "role rendio_local_inspect_image: inherits authenticated"
        ),
        "grant rds_iam to rendio_local_inspect_image with admin true": "role rendio_local_inspect_image: inherits and",
        "grant authenticated to rendio_local_inspect_image with inherit false, admin true": (
            "role rendio_local_inspect_image: administers authenticated"
        ),
    },
    "DB-VIEW": {
        "create view public.planted as select id from public.users;"
        " grant select on public.planted to authenticated": "view public.planted: shows rows past their policies",
        "create materialized view public.planted as select id from public.users;"
        " grant select (id) on public.planted to authenticated": "materialized view public.planted: shows rows past",
    },
}


@pytest.fixture(scope="module")
def superuser(database: Database) -> Iterator[Connection]:
    with database.superuser() as connection:
        yield connection


def found_in(connection: Connection) -> list[Finding]:
    return run(connection, policy_reasons(STACK))


def test_the_applied_database_breaks_no_lint(superuser: Connection) -> None:
    assert [str(finding) for finding in found_in(superuser)] == []


def test_every_lint_says_its_rule_and_has_a_violation_planted() -> None:
    assert [lint.id for lint in lints()] == sorted(PLANTED)
    assert all(lint.rule and not lint.rule.endswith(".") for lint in lints())


@pytest.mark.parametrize(
    ("lint", "statement", "what"),
    [(lint, statement, what) for lint, planted in PLANTED.items() for statement, what in planted.items()],
)
def test_a_planted_violation_is_found_by_its_lint(superuser: Connection, lint: str, statement: str, what: str) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute(statement.encode())
        found = defaultdict(list)
        for finding in found_in(superuser):
            found[finding.lint].append(finding.what)
    assert any(said.startswith(what) for said in found[lint]), dict(found)


@pytest.mark.parametrize(
    "harmless",
    [
        f"{SELECT_OWN} (user_id = (select u.id from public.users u where u.auth_user_id = (select auth.uid())))",
        f"{SELECT_OWN} (status = 'ready' and (select auth.role()) = 'authenticated')",
        f"{SELECT_OWN} (false)",
        (
            "create view public.planted with (security_invoker = true) as select id from public.users;"
            " grant select on public.planted to authenticated"
        ),
        "create policy planted on public.images as restrictive for select to authenticated using (true)",
        (
            f"{FUNCTION} security invoker set search_path = pg_catalog, pg_temp return 1;"
            " revoke all on function auth.planted() from public"
        ),
        (
            "create table public.planted (a uuid references public.users (id), b int);"
            " alter table public.planted enable row level security, force row level security;"
            " create index on public.planted (a, b)"
        ),
    ],
)
def test_what_is_right_is_not_found(superuser: Connection, harmless: str) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute(harmless.encode())
        assert [str(finding) for finding in found_in(superuser)] == []


def test_without_its_reason_a_workers_policy_for_every_row_is_found(superuser: Connection) -> None:
    given = policy_reasons(STACK)
    for policy in given:
        found = run(superuser, {key: why for key, why in given.items() if key != policy})
        assert {finding.lint for finding in found} == {"DB-OPEN-POLICY"}
        assert all(f"policy {policy}:" in finding.what for finding in found)


def test_the_list_of_workers_policies_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == as_markdown(reasons()), "run `python -m policies.review.reasons`"
    assert len(reasons()) == len(policy_reasons(STACK)) > 5
