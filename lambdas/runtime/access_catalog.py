"""What the database's catalog says about access, as one comparable value: kind -> object -> what is so.

`database_admin` takes it in the transaction that applies the access model; `access_drift` takes it again and compares.
Every login may read the catalog, so both see the same. RDS's own roles (`rds…`) and Postgres's (`pg_…`) are left out:
AWS adds to them with its versions.
"""

# ruff: noqa: S608  # every part of a query is a constant of this package
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

Snapshot = dict[str, dict[str, Any]]
Connection = psycopg.Connection[tuple[Any, ...]]

# Each query gives (object, value as JSON). Names are qualified and quoted, since the search path is empty.
_OWN_SCHEMAS = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
_OWN_ROLES = "r.rolname !~ '^(pg_|rds)'"

_ROLES = f"""
select r.rolname, jsonb_build_object('superuser', r.rolsuper, 'inherit', r.rolinherit, 'createrole', r.rolcreaterole,
  'createdb', r.rolcreatedb, 'login', r.rolcanlogin, 'replication', r.rolreplication, 'bypassrls', r.rolbypassrls,
  'connection_limit', r.rolconnlimit,
  'valid_until', case when r.rolvaliduntil = 'infinity' then null else r.rolvaliduntil end)
from pg_catalog.pg_roles r where {_OWN_ROLES}"""

_SETTINGS = """
select pg_catalog.format('%s in database %s', coalesce(r.rolname, 'every role'), coalesce(d.datname, '*')),
  to_jsonb(s.setconfig)
from pg_catalog.pg_db_role_setting s
left join pg_catalog.pg_roles r on r.oid = s.setrole
left join pg_catalog.pg_database d on d.oid = s.setdatabase
where s.setdatabase = 0 and r.rolname !~ '^(pg_|rds)' or d.datname = current_database()"""

_MEMBERSHIPS = f"""
select pg_catalog.format('%s in %s, granted by %s', r.rolname, granted.rolname, grantor.rolname),
  jsonb_build_object('admin', m.admin_option, 'inherit', m.inherit_option, 'set', m.set_option)
from pg_catalog.pg_auth_members m
join pg_catalog.pg_roles r on r.oid = m.member
join pg_catalog.pg_roles granted on granted.oid = m.roleid
join pg_catalog.pg_roles grantor on grantor.oid = m.grantor
where {_OWN_ROLES}"""

# kind, object, oid of the owner, access list with Postgres's defaults where none was set
ACCESS_LISTS = f"""
select 'database' as kind, pg_catalog.quote_ident(d.datname) as object, d.datdba as owner,
  coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)) as acl
from pg_catalog.pg_database d where d.datname = current_database()
union all
select 'schema', pg_catalog.quote_ident(n.nspname), n.nspowner,
  coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))
from pg_catalog.pg_namespace n where {_OWN_SCHEMAS}
union all
select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.relowner,
  coalesce(c.relacl, pg_catalog.acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner))
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {_OWN_SCHEMAS}
union all
select 'column', pg_catalog.format('%s.%I', c.oid::regclass, a.attname), c.relowner, a.attacl
from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where a.attacl is not null and {_OWN_SCHEMAS}
union all
select case p.prokind when 'p' then 'procedure' else 'function' end, p.oid::regprocedure::text, p.proowner,
  coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where {_OWN_SCHEMAS}
union all
select 'type', pg_catalog.format_type(t.oid, null), t.typowner,
  coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('d', 'e', 'r') and {_OWN_SCHEMAS}"""

_GRANTS = f"""
with lists as ({ACCESS_LISTS})
select pg_catalog.format('%s on %s %s', coalesce(r.rolname, 'PUBLIC'), kind, object),
  jsonb_agg(distinct entry.privilege_type || case when entry.is_grantable then ' with grant option' else '' end)
from lists cross join pg_catalog.aclexplode(lists.acl) entry
left join pg_catalog.pg_roles r on r.oid = entry.grantee
where entry.grantee <> lists.owner and coalesce({_OWN_ROLES}, true)
group by 1"""

_OWNERS = f"""
with lists as ({ACCESS_LISTS})
select pg_catalog.format('%s %s', kind, object), to_jsonb(r.rolname)
from lists join pg_catalog.pg_roles r on r.oid = lists.owner where kind <> 'column'"""

_DEFAULT_PRIVILEGES = """
select pg_catalog.format('%s of %s in %s', case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
    when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end,
    r.rolname, coalesce(n.nspname, 'every schema')),
  (select coalesce(jsonb_agg(item::text order by item::text), '[]') from pg_catalog.unnest(d.defaclacl) item)
from pg_catalog.pg_default_acl d join pg_catalog.pg_roles r on r.oid = d.defaclrole
left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace"""

_POLICIES = """
select pg_catalog.format('%s.%I', p.polrelid::regclass, p.polname),
  jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive,
    'roles', (select jsonb_agg(coalesce(r.rolname, 'PUBLIC') order by r.rolname)
              from pg_catalog.unnest(p.polroles) held left join pg_catalog.pg_roles r on r.oid = held),
    'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
    'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
from pg_catalog.pg_policy p"""

_ROW_SECURITY = f"""
select c.oid::regclass::text, jsonb_build_object('enabled', c.relrowsecurity, 'forced', c.relforcerowsecurity)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and {_OWN_SCHEMAS}"""

_FUNCTIONS = f"""
select p.oid::regprocedure::text, jsonb_build_object('security_definer', p.prosecdef, 'settings', p.proconfig,
  'leakproof', p.proleakproof, 'definition', pg_catalog.pg_get_functiondef(p.oid))
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.prokind in ('f', 'p') and {_OWN_SCHEMAS}"""

_CONSTRAINTS = f"""
select pg_catalog.format('%s.%I', k.conrelid::regclass, k.conname), to_jsonb(pg_catalog.pg_get_constraintdef(k.oid))
from pg_catalog.pg_constraint k join pg_catalog.pg_namespace n on n.oid = k.connamespace
where k.conrelid <> 0 and {_OWN_SCHEMAS}"""

_TRIGGERS = f"""
select pg_catalog.format('%s.%I', t.tgrelid::regclass, t.tgname),
  jsonb_build_object('enabled', t.tgenabled, 'definition', pg_catalog.pg_get_triggerdef(t.oid))
from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace where not t.tgisinternal and {_OWN_SCHEMAS}
union all
select pg_catalog.format('%s.%I', r.ev_class::regclass, r.rulename), to_jsonb(pg_catalog.pg_get_ruledef(r.oid))
from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class
join pg_catalog.pg_namespace n on n.oid = c.relnamespace where {_OWN_SCHEMAS}"""

_QUERIES = {
    "constraint": _CONSTRAINTS,
    "default privileges": _DEFAULT_PRIVILEGES,
    "function": _FUNCTIONS,
    "grant": _GRANTS,
    "membership": _MEMBERSHIPS,
    "owner": _OWNERS,
    "policy": _POLICIES,
    "role": _ROLES,
    "row-level security": _ROW_SECURITY,
    "setting": _SETTINGS,
    "trigger": _TRIGGERS,
}


@dataclass(frozen=True)
class Drift:
    """One object that is not as it was applied. `expected` is None for what was added, `actual` for what is gone."""

    kind: str
    object: str
    expected: Any
    actual: Any

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "object": self.object, "expected": self.expected, "actual": self.actual}


def take_snapshot(connection: Connection) -> Snapshot:
    """The catalog as it is in this transaction, whose search path becomes empty."""
    connection.execute("set local search_path = ''")
    return {kind: dict(connection.execute(query).fetchall()) for kind, query in _QUERIES.items()}


def drifts(expected: Snapshot, actual: Snapshot) -> list[Drift]:
    """Every object that differs, by kind and name."""
    return [
        Drift(kind, name, before.get(name), now.get(name))
        for kind in sorted({*expected, *actual})
        for before, now in [(expected.get(kind, {}), actual.get(kind, {}))]
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
