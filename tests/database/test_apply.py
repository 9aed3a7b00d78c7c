"""One transaction: all of a deployment, or nothing; and the same again changes nothing."""

from __future__ import annotations

import copy
import dataclasses
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lambdas.database_admin import logic
from lambdas.database_admin.plan import Plan, PlanRefused, canonical, digest
from lambdas.database_admin.steps import ApplyFailed
from lambdas.runtime.access_catalog import take_snapshot
from policies.model.postgres import render_postgres_model
from tests.database.scene import COMMITTED, STACK, Database, instance_in, packaged, plan_for


def catalog(database: Database) -> Any:
    with psycopg.connect(database.dsn("rdsadmin")) as connection:
        return take_snapshot(connection)


def changed(**sections: dict[str, str]) -> dict[str, dict[str, str]]:
    model = copy.deepcopy(render_postgres_model(STACK))
    for section, entries in sections.items():
        model[section].update(entries)
    return model


def test_a_second_apply_changes_nothing(database: Database) -> None:
    before, first = catalog(database), database.apply()
    assert first == database.apply()
    assert catalog(database) == before
    assert first.schema_versions == COMMITTED


def test_an_added_policy_and_grant_are_applied_and_taken_back(database: Database) -> None:
    before = catalog(database)
    database.apply(
        packaged(
            changed(
                grants={"more": "grant delete on table public.images to authenticated"},
                policies={
                    "public.images.images_delete_own": "create policy images_delete_own on public.images for delete"
                    " to authenticated using (status = 'refused')"
                },
            )
        )
    )
    assert "public.images.images_delete_own" in catalog(database)["policy"]
    assert "DELETE" in catalog(database)["grant"]["authenticated on table public.images"]
    database.apply()
    assert catalog(database) == before


def test_a_policy_that_postgres_refuses_changes_nothing_and_says_so(database: Database) -> None:
    before = catalog(database)
    wrong = packaged(
        changed(
            roles={"rendio_local_extra": "create role rendio_local_extra login"},
            policies={
                "public.images.images_select_own": "create policy images_select_own on public.images for select"
                " to authenticated using (no_such_column)"
            },
        )
    )
    with pytest.raises(ApplyFailed) as caught:
        database.apply(wrong)
    assert 'policy public.images.images_select_own: column "no_such_column" does not exist' in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert catalog(database) == before


def test_a_schema_version_that_fails_half_way_leaves_nothing(database: Database) -> None:
    wrong = packaged(versions={"9999_wrong": "create table public.half (id int); select 1 / 0;"})
    with pytest.raises(ApplyFailed, match="schema version 9999_wrong: division by zero"):
        database.apply(wrong)
    with database.superuser() as connection:
        assert connection.execute("select to_regclass('public.half') as found").fetchone() == {"found": None}
        assert connection.execute("select count(*) from rendio.schema_versions").fetchone() == {"count": len(COMMITTED)}


def test_a_schema_version_whose_rows_would_be_hidden_is_an_error(database: Database) -> None:
    """Forced row-level security would make the owner's update touch no row, silently."""
    database.new_person()
    silent = packaged(versions={"9999_silent": "update public.users set credits_remaining = 5;"})
    with pytest.raises(ApplyFailed, match='would be affected by row-level security policy for table "users"'):
        database.apply(silent)


def test_a_new_schema_version_is_applied_once_and_its_table_is_protected(tmp_database: Database) -> None:
    more = packaged(versions={"9999_notes": "create table public.notes (id int primary key);"})
    assert tmp_database.apply(more).schema_versions == [*COMMITTED, "9999_notes"]
    tmp_database.apply(more)
    assert catalog(tmp_database)["row-level security"]["public.notes"] == {"enabled": True, "forced": True}
    with pytest.raises(ApplyFailed, match="has schema version 9999_notes, which this package does not know"):
        tmp_database.apply()
    edited = packaged(versions={"9999_notes": "create table public.notes (id bigint primary key);"})
    with pytest.raises(ApplyFailed, match="9999_notes was changed after it was applied"):
        tmp_database.apply(edited)
    early = packaged(versions={"0001_a_late_one": "select 1;", "9999_notes": more.schema_versions["9999_notes"]})
    with pytest.raises(ApplyFailed, match="0001_a_late_one comes before 9999_notes"):
        tmp_database.apply(early)


def test_a_schema_version_may_change_rows_when_it_says_so(tmp_database: Database) -> None:
    person = tmp_database.new_person(credits=1)
    says_so = "alter table public.users no force row level security; update public.users set credits_remaining = 2;"
    tmp_database.apply(packaged(versions={"9999_credits": says_so}))
    with tmp_database.superuser() as connection:
        row = connection.execute(
            "select credits_remaining from public.users where id = %s", (person.user_id,)
        ).fetchone()
    assert row == {"credits_remaining": 2}
    assert catalog(tmp_database)["row-level security"]["public.users"] == {"enabled": True, "forced": True}


def test_a_role_that_left_the_model_goes_and_what_it_owned_stays(tmp_database: Database) -> None:
    tmp_database.apply(packaged(changed(roles={"rendio_local_old": "create role rendio_local_old login"})))
    with tmp_database.superuser() as connection:
        connection.execute("create table public.of_old (id int)")
        connection.execute("alter table public.of_old owner to rendio_local_old")
    tmp_database.apply()
    after = catalog(tmp_database)
    assert "rendio_local_old" not in after["role"]
    assert after["owner"]["table public.of_old"] == "rendio_local_database_admin"
    assert "rendio_local_me" in after["role"]


def test_an_unsafe_outcome_is_refused_whatever_the_model_says(database: Database) -> None:
    with pytest.raises(ApplyFailed, match=r"PUBLIC holds table public\.users"):
        database.apply(packaged(changed(grants={"bad": "grant select on table public.users to public"})))


def test_a_role_that_bypasses_row_level_security_stops_the_deployment(database: Database) -> None:
    with database.superuser() as connection:
        connection.execute("alter role rendio_local_me bypassrls")
        try:
            with pytest.raises(ApplyFailed, match="rendio_local_me is bypassrls"):
                database.apply()
        finally:
            connection.execute("alter role rendio_local_me nobypassrls")
    database.apply()


def test_only_one_deployment_works_at_a_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logic, "LOCK_SECONDS", 1)
    with database.superuser() as other, other.transaction():
        other.execute("select pg_advisory_xact_lock(%s)", (logic._LOCK,))
        with pytest.raises(ApplyFailed, match="another deployment, or a long transaction, holds a lock"):
            database.apply()
    database.apply()


def test_two_deployments_at_once_both_end_well(database: Database) -> None:
    outcomes: list[Any] = []
    threads = [threading.Thread(target=lambda: outcomes.append(database.apply())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 3
    assert len(set(map(repr, outcomes))) == 1


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ({"stack": "dev"}, "stack 'dev' is not 'local'"),
        ({"database": "other"}, "database 'other' is not 'rendio'"),
        ({"model_digest": "0" * 64}, "digest is another model's"),
        ({"schema_versions": {}}, "the schema versions are not the packaged ones"),
    ],
)
def test_an_input_this_code_was_not_packaged_for_is_refused(difference: dict[str, Any], words: str) -> None:
    package = packaged()
    plan_for(package).require_match(package, stack=STACK, database="rendio")
    with pytest.raises(PlanRefused, match=words):
        dataclasses.replace(plan_for(package), **difference).require_match(package, stack=STACK, database="rendio")


def test_old_code_refuses_a_new_model_and_names_the_first_key_that_differs() -> None:
    new = changed(grants={"a": "grant delete on table public.images to authenticated"})
    plan = dataclasses.replace(plan_for(packaged()), model=new, model_digest=digest(canonical(new)))
    with pytest.raises(PlanRefused, match="the model is not the packaged one \\(grants: a\\)"):
        plan.require_match(packaged(), stack=STACK, database="rendio")


def test_a_malformed_input_names_every_problem() -> None:
    with pytest.raises(PlanRefused, match=r"database is missing; .*extra is not known; stack is no str"):
        Plan.of({"stack": 1, "extra": True, "model": {}, "model_digest": "", "schema_versions": {}})


def test_postgres_killed_during_a_deployment_leaves_it_as_it_was(tmp_database: Database) -> None:
    before = catalog(tmp_database)
    more = packaged(versions={"9999_slow": "create table public.half (id int); select pg_sleep(60);"})
    failures: list[BaseException] = []

    def deploy() -> None:
        try:
            tmp_database.apply(more)
        except Exception as error:
            failures.append(error)

    deploying = threading.Thread(target=deploy)
    deploying.start()
    with tmp_database.superuser() as connection:
        while not connection.execute("select 1 from pg_stat_activity where wait_event = 'PgSleep'").fetchone():
            assert deploying.is_alive()
    process = tmp_database.server.process()
    assert process is not None
    process.kill()
    deploying.join(20)
    assert isinstance(failures[0], ApplyFailed)
    with tmp_database.server.alone():
        tmp_database.server.start()
    assert catalog(tmp_database) == before
    assert tmp_database.apply().schema_versions == COMMITTED


def test_every_schema_version_applies_where_the_first_has_rows(tmp_path: Path) -> None:
    """What a stack in use goes through: a version that touches rows says so, or forced row-level security stops it."""
    with instance_in(tmp_path) as server:
        database = Database(server)
        first = COMMITTED[0]
        text = database.package.schema_versions[first]
        with psycopg.connect(database.dsn("database_admin"), autocommit=True) as master:
            master.execute("grant rds_iam to current_user")
            master.execute(text.encode())
            master.execute(
                "insert into rendio.schema_versions (id, digest) values (%s, %s)", (first, digest(text.encode()))
            )
            for table in ("auth.users", "public.users", "public.devices", "public.credit_ledger", "public.images"):
                master.execute(f"alter table {table} enable row level security, force row level security".encode())
        person = database.new_person(credits=10)
        database.new_image(person)
        database.new_device(person)
        with database.superuser() as scene:
            scene.execute(
                "insert into public.credit_ledger (user_id, amount, reason) values (%s, 10, 'free_grant')",
                (person.user_id,),
            )
        assert database.apply().schema_versions == COMMITTED
        with database.as_user(person.auth_user_id) as session:
            assert session.execute("select credits_remaining from public.users").fetchone() == {"credits_remaining": 10}
