"""Lints of roles, grants and functions."""

# ruff: noqa: S608  # every part of a query is a constant of this package
from __future__ import annotations

from collections.abc import Iterator

from lambdas.runtime.access_catalog import ACCESS_LISTS
from policies.review.lints.registry import OWN_ROLE, OWN_SCHEMA, Database, lint

_PINNED = ('search_path=""', "search_path=pg_catalog", "search_path=pg_catalog, pg_temp")


@lint("DB-PUBLIC")
def public_holds_nothing(database: Database) -> Iterator[str]:
    """PUBLIC holds no right, and gets none on what is created next"""
    for kind, name, right in database.rows(
        f"with lists as ({ACCESS_LISTS}) select kind, object, entry.privilege_type "
        "from lists cross join pg_catalog.aclexplode(lists.acl) entry where entry.grantee = 0"
    ):
        yield f"{kind} {name}: PUBLIC has {right}"
    for creator, kind, right in database.rows(
        # Who may create in a schema of ours, with what Postgres gives PUBLIC where no default says otherwise.
        f"""
        select distinct r.rolname, kinds.name, entry.privilege_type
        from pg_catalog.pg_roles r
        join pg_catalog.pg_namespace n on {OWN_SCHEMA} and pg_catalog.has_schema_privilege(r.oid, n.oid, 'create')
        cross join (values ('f'::"char", 'functions'), ('T', 'types'), ('r', 'tables'), ('S', 'sequences'))
          kinds(kind, name)
        cross join lateral (
          select pg_catalog.aclexplode(coalesce(
            (select d.defaclacl from pg_catalog.pg_default_acl d
             where d.defaclrole = r.oid and d.defaclnamespace = 0 and d.defaclobjtype = kinds.kind),
            pg_catalog.acldefault(case kinds.kind when 'S' then 's' else kinds.kind end, r.oid))) as entry
          union all
          select pg_catalog.aclexplode(d.defaclacl) from pg_catalog.pg_default_acl d
          where d.defaclrole = r.oid and d.defaclnamespace = n.oid and d.defaclobjtype = kinds.kind) lists
        cross join lateral (select (lists.entry).*) entry
        where {OWN_ROLE} and entry.grantee = 0"""
    ):
        yield f"{kind} that {creator} creates: PUBLIC will have {right}"


@lint("DB-DEFINER")
def no_function_lends_its_owners_rights(database: Database) -> Iterator[str]:
    """no security-definer function is executable by anybody but its owner"""
    for function, roles in database.rows(
        f"""
        select p.oid::regprocedure::text, pg_catalog.string_agg(r.rolname, ', ' order by r.rolname)
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        join pg_catalog.pg_roles r on r.oid <> p.proowner
          and pg_catalog.has_function_privilege(r.oid, p.oid, 'execute')
        where p.prosecdef and {OWN_SCHEMA} and {OWN_ROLE} and not r.rolsuper group by 1"""
    ):
        yield f"function {function}: runs with its owner's rights for {roles}"


@lint("DB-SEARCH-PATH")
def functions_pin_their_search_path(database: Database) -> Iterator[str]:
    """every function pins its search path to nothing or to pg_catalog: no caller slips in an operator of its own"""
    for function, settings in database.rows(
        f"""
        select p.oid::regprocedure::text, p.proconfig from pg_catalog.pg_proc p
        join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where {OWN_SCHEMA} and not coalesce(p.proconfig && %s::text[], false)""",
        list(_PINNED),
    ):
        yield f"function {function}: {' '.join(settings) if settings else 'takes the search path of its caller'}"


@lint("DB-ROLE")
def roles_own_and_escape_nothing(database: Database) -> Iterator[str]:
    """no role but the owner of the database is an owner, makes roles or databases, or escapes row-level security"""
    for role, powers in database.rows(
        f"""
        with lists as ({ACCESS_LISTS}), owner as (
          select d.datdba as oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
        select r.rolname, pg_catalog.concat_ws(', ',
          case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypassrls' end,
          case when r.rolreplication then 'replication' end, case when r.rolcreaterole and r.oid <> owner.oid
            then 'createrole' end, case when r.rolcreatedb and r.oid <> owner.oid then 'createdb' end,
          (select 'owner of ' || pg_catalog.min(kind || ' ' || object) from lists
           where lists.owner = r.oid and r.oid <> owner.oid and lists.kind <> 'column')) as powers
        from pg_catalog.pg_roles r cross join owner where {OWN_ROLE}"""
    ):
        if powers:
            yield f"role {role}: {powers}"


@lint("DB-MEMBERSHIP")
def rights_of_users_are_taken_on_not_inherited(database: Database) -> Iterator[str]:
    """who may act as users does so after SET ROLE alone: such a membership neither inherits nor administers"""
    for member, granted, inherits, administers in database.rows(
        f"""
        select r.rolname, granted.rolname, m.inherit_option, m.admin_option from pg_catalog.pg_auth_members m
        join pg_catalog.pg_roles r on r.oid = m.member join pg_catalog.pg_roles granted on granted.oid = m.roleid
        where {OWN_ROLE} and (m.admin_option or m.inherit_option and granted.rolname !~ '^(pg_|rds)')
          -- A creator gets ADMIN, and nothing else, on what it creates; the bootstrap superuser is the grantor.
          and not (m.grantor = 10 and not m.inherit_option and not m.set_option
            and m.member = (select d.datdba from pg_catalog.pg_database d where d.datname = current_database()))"""
    ):
        words = [word for word, holds in (("inherits", inherits), ("administers", administers)) if holds]
        yield f"role {member}: {' and '.join(words)} {granted}"
