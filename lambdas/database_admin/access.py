"""The access model as desired state: what is not in it goes, what is in it comes, whatever was there before.

All as a master that is no superuser, by the rules of Postgres 16 and later: it may change roles that it has ADMIN on
(those it created), objects that it owns, and nothing of `rdsadmin`'s.
"""

# ruff: noqa: S608  # every part of a query is a constant of this package
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lambdas.database_admin.steps import ApplyFailed, as_written, rows, run, step
from lambdas.runtime.access_catalog import ACCESS_LISTS, Connection, Snapshot

OWN_SCHEMAS = ("auth", "public", "rendio")
Model = Mapping[str, Mapping[str, str]]

_MEMBERSHIP = re.compile(r"grant (\w+) to (\w+) with admin (true|false), inherit (true|false), set (true|false)")
_ROLE = re.compile(r"create role (\w+) (login|nologin)")
_NOT_OURS = "rolname !~ '^(pg_|rds)'"


def apply_model(connection: Connection, model: Model) -> None:
    """Make roles, rights and policies those of `model`.

    Raises:
        ApplyFailed: names the first key or step that Postgres refuses.
    """
    _create_roles(connection, model)
    _own_everything(connection)
    _revoke_everything(connection)
    _drop_unknown_roles(connection, model)
    _set_memberships(connection, model)
    for key, statement in model["functions"].items():
        with step(f"function {key}"):
            connection.execute(as_written(statement))
    _protect_rows(connection)
    for kind, section in (("policy", "policies"), ("grant", "grants")):
        for key, statement in model[section].items():
            with step(f"{kind} {key}"):
                connection.execute(as_written(statement))


def require_safe(snapshot: Snapshot, model: Model) -> None:
    """Refuse an outcome no model may have, whatever its statements were.

    Raises:
        ApplyFailed: PUBLIC reaches something, a role escapes row-level security, or a table is not protected.
    """
    problems = [f"PUBLIC holds {name.removeprefix('PUBLIC on ')}"
                for name in snapshot["grant"] if name.startswith("PUBLIC ")]  # fmt: skip
    for name in model["roles"]:
        attributes = snapshot["role"][name]
        problems += [f"role {name} is {escape}, which only RDS can take away"
                     for escape in ("superuser", "bypassrls", "replication") if attributes[escape]]  # fmt: skip
    for table, flags in snapshot["row-level security"].items():
        if not (flags["enabled"] and flags["forced"]):
            problems.append(f"row-level security of {table} is not enabled and forced")
    if problems:
        raise ApplyFailed(f"The outcome would not be safe: {'; '.join(problems)}. Nothing was changed.")


def _create_roles(connection: Connection, model: Model) -> None:
    present = {name for (name,) in rows(connection, "select rolname from pg_roles")}
    database = rows(connection, "select current_database()")[0][0]
    for name, statement in model["roles"].items():
        with step(f"role {name}"):
            match = _ROLE.fullmatch(statement)
            if match is None:
                raise ApplyFailed(f"role {name}: {statement!r} is no role of the model. Nothing was changed.")
            if name not in present:
                connection.execute(as_written(statement))
            # Attributes that only a superuser may take away are looked at in the end (require_safe).
            run(
                connection,
                f"alter role {{}} {match[2]} inherit nocreatedb nocreaterole connection limit -1 "
                "valid until 'infinity' password null",
                name,
            )
            run(connection, "alter role {} reset all", name)
            run(connection, "alter role {} in database {} reset all", name, database)
    with step("settings of the database"):
        run(connection, "alter database {} reset all", database)


def _own_everything(connection: Connection) -> None:
    """The master owns all: an owner could grant, drop policies and switch row-level security off."""
    owners = rows(
        connection,
        f"with lists as ({ACCESS_LISTS}) select distinct r.rolname from lists join pg_roles r on r.oid = lists.owner "
        f"where r.rolname <> current_user and r.{_NOT_OURS}",
    )
    for (owner,) in owners:
        with step(f"taking over what {owner} owns"), _as_member_of(connection, owner):
            run(connection, "reassign owned by {} to current_user", owner)


def _revoke_everything(connection: Connection) -> None:
    held = rows(
        connection,
        f"with lists as ({ACCESS_LISTS}) "
        "select distinct case kind when 'column' then 'table' else kind end, "
        "  case kind when 'column' then regexp_replace(object, '\\.[^.]+$', '') else object end, "
        "  coalesce(quote_ident(r.rolname), 'public') "
        "from lists cross join aclexplode(lists.acl) entry left join pg_roles r on r.oid = entry.grantee "
        f"where entry.grantee <> lists.owner and coalesce(r.{_NOT_OURS}, true) order by 1, 2, 3",
    )
    for kind, name, grantee in held:
        with step(f"revoking rights of {grantee} on {kind} {name}"):
            # The catalog quotes both names, and the kind is one of this module's words.
            connection.execute(as_written(f"revoke all on {kind} {name} from {grantee} cascade"))
    _reset_default_privileges(connection)


def _reset_default_privileges(connection: Connection) -> None:
    """PUBLIC may execute every new function and use every new type, unless its creator's defaults say otherwise.

    Only the form without a schema takes that away; the master is the one role that may create anything.
    """
    held = rows(
        connection,
        "select distinct r.rolname, n.nspname, "
        "  case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' "
        "    when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end, "
        "  coalesce(quote_ident(g.rolname), 'public') "
        "from pg_default_acl d join pg_roles r on r.oid = d.defaclrole "
        "left join pg_namespace n on n.oid = d.defaclnamespace "
        "cross join aclexplode(d.defaclacl) entry left join pg_roles g on g.oid = entry.grantee "
        f"where entry.grantee <> d.defaclrole and r.{_NOT_OURS}",
    )
    for creator, schema, kind, grantee in held:
        with step(f"default privileges of {creator} on {kind}"), _as_member_of(connection, creator):
            where = " in schema {}" if schema else ""
            run(
                connection,
                f"alter default privileges for role {{}}{where} revoke all on {kind} from {grantee}",
                creator,
                *([schema] if schema else []),
            )
    with step("default privileges"):
        run(connection, "alter default privileges revoke all on functions from public")
        run(connection, "alter default privileges revoke all on types from public")


def _drop_unknown_roles(connection: Connection, model: Model) -> None:
    """A role that the model does not have goes; what it owns went to the master, and nothing is lost with it."""
    known = [*model["roles"]]
    unknown = rows(
        connection,
        f"select rolname from pg_roles where {_NOT_OURS} and rolname <> current_user and rolname <> all(%s)",
        [known],
    )
    for (name,) in unknown:
        with step(f"dropping role {name}, which is not in the model"):
            run(connection, "grant {} to current_user with inherit true, set true", name)
            run(connection, "reassign owned by {} to current_user", name)
            run(connection, "drop owned by {}", name)
            run(connection, "drop role {}", name)


def _set_memberships(connection: Connection, model: Model) -> None:
    """Memberships of and in the model's roles, and in rds_iam. Those Postgres and RDS make by themselves stay.

    They are compared, not made anew: without rds_iam, even for a moment, a login would be of another kind.
    """
    wanted = {}
    for key, statement in model["memberships"].items():
        match = _MEMBERSHIP.fullmatch(statement)
        if match is None:
            raise ApplyFailed(f"membership {key}: {statement!r} is none. Nothing was changed.")
        granted, member, *options = match.groups()
        wanted[member, granted, *(option == "true" for option in options)] = (key, statement)
    present = rows(
        connection,
        "select m.rolname, r.rolname, a.admin_option, a.inherit_option, a.set_option, g.rolname "
        "from pg_auth_members a join pg_roles m on m.oid = a.member join pg_roles r on r.oid = a.roleid "
        "join pg_roles g on g.oid = a.grantor "
        "where (r.rolname = any(%(roles)s) or r.rolname = 'rds_iam' or m.rolname = any(%(roles)s)) "
        "  and m.rolname !~ '^(pg_|rds)' "
        # A creator gets ADMIN, and nothing else, on what it creates; the bootstrap superuser is the grantor.
        "  and not (m.rolname = current_user and a.grantor = 10 and not a.inherit_option and not a.set_option)",
        {"roles": [*model["roles"]]},
    )
    for member, granted, admin, inherit, set_, grantor in present:
        if (member, granted, admin, inherit, set_) in wanted:
            del wanted[member, granted, admin, inherit, set_]
            continue
        with step(f"revoking membership of {member} in {granted}"):
            run(connection, "revoke {} from {} granted by {} cascade", granted, member, grantor)
    for key, statement in wanted.values():
        with step(f"membership {key}"):
            connection.execute(as_written(statement))


def _protect_rows(connection: Connection) -> None:
    """Row-level security on every table, forced on its owner; policies go, the model's come after."""
    policies = rows(
        connection,
        "select p.polname, n.nspname, c.relname from pg_policy p join pg_class c on c.oid = p.polrelid "
        "join pg_namespace n on n.oid = c.relnamespace",
    )
    for policy, schema, table in policies:
        with step(f"dropping policy {schema}.{table}.{policy}"):
            run(connection, "drop policy {} on {}.{}", policy, schema, table)
    tables = rows(
        connection,
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'",
    )
    for schema, table in tables:
        with step(f"row-level security of {schema}.{table}"):
            run(connection, "alter table {}.{} enable row level security", schema, table)
            run(connection, "alter table {}.{} force row level security", schema, table)


@contextmanager
def _as_member_of(connection: Connection, role: str) -> Iterator[None]:
    """With the rights of `role`, and without them again afterwards."""
    if role == rows(connection, "select current_user")[0][0]:
        yield
        return
    run(connection, "grant {} to current_user with inherit true, set true", role)
    yield
    run(connection, "revoke {} from current_user granted by current_user", role)
