"""What no attempt shows by itself: what would let a role out of row-level security, or act with another's rights."""

from __future__ import annotations

from collections.abc import Iterator

from policies.review.rows import ALLOW, DENY, Row
from policies.review.trial_database import TrialDatabase

# Logins of nobody: one is let in, so that it shows what PUBLIC may do inside; the other shows whether PUBLIC gets in.
STRANGER, OUTSIDER = "rendio_trial_stranger", "rendio_trial_outsider"
LATER = "trial_made_later"
_SCHEMAS = "n.nspname !~ '^(pg_|information_schema)'"
# Functions and procedures: name, types of the arguments, whether it runs with its owner's rights.
ROUTINES = f"""
select n.nspname || '.' || p.proname, coalesce(array_agg(format_type(t.oid, null) order by a.place)
  filter (where t.oid is not null), '{{}}'), p.prosecdef
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  left join unnest(p.proargtypes) with ordinality a(type, place) on true left join pg_type t on t.oid = a.type
 where {_SCHEMAS} and p.prokind in ('f', 'p') and p.prorettype <> 'trigger'::regtype
 group by p.oid, n.nspname, p.proname order by 1, 2
"""  # noqa: S608  # of constants
_TABLES = f"""
select n.nspname || '.' || c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and {_SCHEMAS} and c.relname <> '{LATER}' order by 1
"""  # noqa: S608  # constants of this module
_ROLES = f"""
select rolname, rolbypassrls, rolsuper, rolcreaterole, rolreplication from pg_roles
 where rolname !~ '^(pg_|rds)' and rolname not in ('{STRANGER}', '{OUTSIDER}') order by 1
"""  # noqa: S608  # constants of this module
_UNBOUND = f"""
select r.rolname, n.nspname || '.' || c.relname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join pg_roles r
 where c.relkind in ('r', 'p') and {_SCHEMAS}
   and (not c.relrowsecurity or (not c.relforcerowsecurity and pg_has_role(r.oid, c.relowner, 'usage')))
"""  # noqa: S608  # constants of this module
_ATTRIBUTES = ("bypass row-level security", "be superuser", "create roles", "replicate")


def unbound(database: TrialDatabase) -> set[tuple[str, str]]:
    """Roles and the tables on which row-level security does not bind them."""
    with database.superuser() as connection:
        return {(role, table) for role, table in connection.execute(_UNBOUND.encode())}


def facts(database: TrialDatabase) -> Iterator[Row]:
    """Flags of tables, owners, attributes of roles and functions that run with their owner's rights."""
    start = f"rendio_{database.stack.name}_"
    with database.superuser() as connection:
        tables, roles, routines = (connection.execute(query).fetchall() for query in (_TABLES, _ROLES, ROUTINES))
    labels = {name: f"role {name.removeprefix(start).replace('_', '-')}" for name, *_ in roles}
    for table, enabled, forced, owner in tables:
        yield _fact("any role", "ignore row-level security", table, not enabled)
        yield _fact("owner", "ignore row-level security", table, not forced)
        for name, label in labels.items():
            yield _fact(label, "own", table, owner == name)
    for name, *held in roles:
        for word, yes in zip(_ATTRIBUTES, held, strict=True):
            yield _fact(labels[name], word, "the database", yes)
    for name, types, definer in routines:
        if not name.endswith(f".{LATER}"):
            yield _fact("any caller", "act with its owner's rights", f"function {name}({', '.join(types)})", definer)


def _fact(principal: str, action: str, resource: str, yes: bool) -> Row:
    return Row("postgres", principal, action, resource, "-", "", ALLOW if yes else DENY)
