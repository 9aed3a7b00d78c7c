"""Who may do what in Postgres, found by doing it: every role, verb, column, function and state of a row.

Each login is tried as itself, with a user's verified claims set and with none; what users are is tried as role
`authenticated`. No attempt runs as a superuser, and none stays.
"""

# ruff: noqa: S608  # every part of a statement is a name from the catalog or a quoted literal
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from policies.review import trial_rows
from policies.review.actors import OWNER
from policies.review.row_states import NULL, SET, Told, told_by
from policies.review.rows import ALLOW, DENY, Attempt, Row
from policies.review.stacks import REPOSITORY, Stack
from policies.review.trial_database import REFUSED, Statement, TrialDatabase, permitted, trial_database
from policies.review.trial_facts import LATER, OUTSIDER, ROUTINES, STRANGER, facts, unbound
from policies.review.trial_roles import USERS_ROLE, Role, connecting, roles
from policies.review.trial_rows import OTHERS, OWN, Seed, Table


class Trial:
    """Attempts on one database, which somebody may change in between (`database.superuser()`)."""

    def __init__(self, database: TrialDatabase, known: Sequence[Stack] = ()) -> None:
        self.database = database
        self._unbound: set[tuple[str, str]] = set()
        models = [database.stack, *known]
        self.deciding: dict[Attempt, set[str]] = {}
        """For each attempt on rows, the columns whose value alone turned an outcome into another."""
        self._told = told_by([policy for model in models for policy in model.postgres["policies"].values()])
        with database.superuser() as connection:
            self._tables = trial_rows.tables(connection)
            trial_rows.take_constraints_off(connection)
            self._seeds = trial_rows.seed(connection, self._tables, self._told)
            trial_rows.focus(connection, self._tables)
            for nobody in (STRANGER, OUTSIDER):
                connection.execute(sql.SQL("create role {} login").format(sql.Identifier(nobody)))
            connection.execute(sql.SQL("grant connect on database rendio to {}").format(sql.Identifier(STRANGER)))
        with database.connect(database.master) as connection:
            # What a later schema version would make, so that default privileges show.
            connection.execute(f"create table public.{LATER} (id int)")
            connection.execute(f"create function public.{LATER}() returns int language sql return 1")

    def rows(self, *, tables: Collection[str] | None = None) -> list[Row]:
        """Every attempt and its outcome, in canonical order.

        Args:
            tables: leave out attempts on other tables, where only these were changed.
        """
        self._chosen = [table for name, table in self._tables.items() if tables is None or name in tables]
        self._unbound = unbound(self.database)
        connects = connecting(self.database)
        found = [self._row(role, "connect", "the database", may) for role, may in connects.items()]
        for role in roles(self.database, connects):
            found += self._rows_of(role)
        return sorted({*found, *facts(self.database)})

    @property
    def tables(self) -> list[str]:
        return sorted(self._tables)

    def rows_of(self, role: Role, tables: Sequence[str]) -> Iterator[Row]:
        """The attempts of one role one after the other, those on tables in this order."""
        self._chosen = [self._tables[name] for name in tables]
        yield from self._rows_of(role)

    def combined(self, role: Role, name: str) -> Iterator[Row]:
        """Updates of several columns at once, to what a policy wants of a row and to one value beside that.

        They are more than the matrix tells, and tell apart what one column at a time cannot.
        """
        table, told = self._tables[name], self._told.get(name, Told())
        rights, seeds = self._columns(role, table), self._of(table)
        for state in told.states():
            chosen = {column: value for column, value in state.items() if rights.get(("update", column))}
            if len(chosen) < 2:
                continue
            values = (f'"{column}" = {self._literal(table, column, OWN, chosen, {})}' for column in sorted(chosen))
            text = f"update {name} set {', '.join(values)}"  # of names and literals
            answers = self._try(role, [self._on(seed, text) for seed in seeds])
            said = " and ".join(_said(*item) for item in sorted(chosen.items()))
            for seed, answer in zip(seeds, answers, strict=True):
                of = [_said(*item) for item in sorted(seed.state.items())]
                of += [f"the user's {_said(*item)}" for item in sorted(seed.user.items())]
                row = f"{name}, rows"
                yield self._row(role, f"update to {said}", row, permitted(answer), seed.whose, " and ".join(of))

    def roles(self) -> list[Role]:
        """Who is tried here."""
        return roles(self.database, connecting(self.database))

    def _rows_of(self, role: Role) -> Iterator[Row]:
        for each in (self._schemas, self._memberships, self._routines, self._table_rights):
            yield from each(role)

    def _try(self, role: Role, statements: Sequence[Statement]) -> list[str]:
        claims = {"sub": OWNER, "role": USERS_ROLE} if role.claims else None
        return self.database.attempt(role.login, statements, role=role.role, claims=claims)

    def _row(
        self, role: Role, action: str, resource: str, answer: str | bool, whose: str = "-", context: str = ""
    ) -> Row:
        allowed = answer if isinstance(answer, bool) else answer != REFUSED
        said = ", ".join(part for part in (role.context, context) if part)
        return Row("postgres", role.label, action, resource, whose, said, ALLOW if allowed else DENY)

    def _schemas(self, role: Role) -> Iterator[Row]:
        if not role.claims and role.role == "":
            return  # claims are about rows and functions
        schemas = sorted({table.partition(".")[0] for table in self._tables})
        statements = [Statement(f"create table {schema}.trial_own (id int)") for schema in schemas]
        answers = self._try(role, [*statements, Statement("create temporary table trial_own (id int)")])
        for schema, answer in zip([*(f"schema {schema}" for schema in schemas), "temporary"], answers, strict=True):
            yield self._row(role, "create table", schema, answer)

    def _memberships(self, role: Role) -> Iterator[Row]:
        if not role.claims:
            return
        start = f"rendio_{self.database.stack.name}_"
        others = sorted({*self.database.stack.postgres["roles"], self.database.master, "rds_superuser"} - {role.login})
        if role.role:
            others = [other for other in others if other != role.role]
        answers = self._try(role, [Statement(f"set local role {other}") for other in others])
        grants = self._try(role, [Statement(f"grant {other} to {STRANGER}") for other in others])
        for other, answer, grant in zip(others, answers, grants, strict=True):
            label = f"role {other.removeprefix(start).replace('_', '-')}"
            yield self._row(role, "set role", label, answer)
            yield self._row(role, "grant membership", label, grant == "0")

    def _routines(self, role: Role) -> Iterator[Row]:
        with self.database.superuser() as connection:
            routines = connection.execute(ROUTINES).fetchall()
        statements = [
            Statement(f"select {name}({', '.join(f'null::{type_}' for type_ in types)})") for name, types, _ in routines
        ]
        for (name, types, _), answer in zip(routines, self._try(role, statements), strict=True):
            later = name.endswith(f".{LATER}")
            label = "a function made later" if later else f"function {name}({', '.join(types)})"
            yield self._row(role, "execute", label, answer)

    def _table_rights(self, role: Role) -> Iterator[Row]:
        verbs = ("select", "insert", "update", "delete", "truncate")
        later = [
            "select count(*) from public.trial_made_later", "insert into public.trial_made_later values (1)",
            "update public.trial_made_later set id = 1", "delete from public.trial_made_later",
            "truncate public.trial_made_later",
        ]  # fmt: skip
        if role.claims and role.login != self.database.master:
            for verb, answer in zip(verbs, self._try(role, [Statement(text) for text in later]), strict=True):
                yield self._row(role, verb, "a table made later", answer)
        for table in self._chosen:
            rights = self._columns(role, table)
            if role.claims:
                for (verb, column), allowed in rights.items():
                    yield self._row(role, f"{verb} {column}".strip(), f"{table.name}, columns", allowed)
            yield from self._seen(role, table, rights)
            yield from self._written(role, table, rights)

    def _columns(self, role: Role, table: Table) -> dict[tuple[str, str], bool]:
        """Verb and column -> whether the privilege is there, tried on no row."""
        attempts: dict[tuple[str, str], str] = {}
        for column in table.columns:
            attempts["select", column.name] = f'select "{column.name}" from {table.name} where false'
            if not column.made:
                value = f"null::{column.type}"
                attempts["insert", column.name] = (
                    f'insert into {table.name} ("{column.name}") select {value} where false'
                )
                attempts["update", column.name] = f'update {table.name} set "{column.name}" = {value} where false'
        attempts["delete", ""] = f"delete from {table.name} where false"
        attempts["truncate", ""] = f"truncate {table.name}"
        answers = self._try(role, [Statement(text) for text in attempts.values()])
        return {key: answer != REFUSED for key, answer in zip(attempts, answers, strict=True)}

    def _seen(self, role: Role, table: Table, rights: Mapping[tuple[str, str], bool]) -> Iterator[Row]:
        """Which rows select and delete meet."""
        for verb, text in (("select", f"select 1 from {table.name}"), ("delete", f"delete from {table.name}")):
            if not any(allowed for (name, _), allowed in rights.items() if name == verb):
                yield self._row(role, verb, f"{table.name}, rows", False)
                continue
            seeds = self._of(table)
            answers = self._on_rows(role, table, [text], seeds)
            outcomes = [(seed, permitted(answer)) for seed, answer in zip(seeds, answers, strict=True)]
            yield from self._told_rows(role, verb, table, outcomes)

    def _written(self, role: Role, table: Table, rights: Mapping[tuple[str, str], bool]) -> Iterator[Row]:
        given = {verb: [name for (each, name), yes in rights.items() if each == verb and yes] for verb, _ in rights}
        yield from self._updated(role, table, given["update"])
        yield from self._inserted(role, table, given["insert"])

    def _updated(self, role: Role, table: Table, columns: Sequence[str]) -> Iterator[Row]:
        """Which rows update meets, and to what each told-apart column may be set."""
        if not columns:
            yield self._row(role, "update", f"{table.name}, rows", False)
            return
        told, seeds = self._told.get(table.name, Told()), self._of(table)
        plain = [name for name in columns if name not in told.values and name != table.owner]
        changes: list[tuple[str, str]] = []
        for name in columns:
            if name == table.owner:
                changes.append((f"update, to another user ({name})", self._set(table, name, OTHERS, {})))
            else:
                changes += [
                    (f"update {name} to {value}", self._set(table, name, OWN, {name: value}))
                    for value in told.values.get(name, ())
                ]
        # The last is `updated_at` wherever there is one, which nothing is counted by.
        changes += [("update", self._set(table, plain[-1], OWN, {}))] if plain else []
        # Whether a row is there for an update does not depend on what it is updated to: "0" once is "0" for all.
        first = self._on_rows(role, table, [changes[0][1]], seeds)
        there = [seed for seed, answer in zip(seeds, first, strict=True) if answer != "0"]
        answers = iter(self._on_rows(role, table, [text for _, text in changes[1:]], there))
        for number, (action, _) in enumerate(changes):
            found = dict(zip(seeds, first, strict=True)) if number == 0 else {seed: next(answers) for seed in there}
            outcomes = [(seed, permitted(found.get(seed, "0"))) for seed in seeds]
            yield from self._told_rows(role, action, table, outcomes)

    def _on_rows(self, role: Role, table: Table, texts: Sequence[str], seeds: Sequence[Seed]) -> list[str]:
        """Each text on each row. Whom row-level security does not bind meets them all: one attempt tells of each."""
        if (role.role or role.login, table.name) in self._unbound:
            return [answer for answer in self._try(role, [Statement(text) for text in texts]) for _ in seeds]
        return self._try(role, [self._on(seed, text) for text in texts for seed in seeds])

    def _inserted(self, role: Role, table: Table, columns: Sequence[str]) -> Iterator[Row]:
        """For whom and in which states a row may be made; columns that may not be given take their defaults."""
        if not columns:
            yield self._row(role, "insert", f"{table.name}, rows", False)
            return
        seeds, texts = self._of(table), []
        for seed in seeds:
            given = [column for column in table.columns if column.name in columns]
            values = ", ".join(self._literal(table, column.name, seed.whose, seed.state, seed.user) for column in given)
            names = ", ".join(f'"{column.name}"' for column in given)
            user = self._user_of(seed)
            texts.append(Statement(f"insert into {table.name} ({names}) values ({values})", user=user))
        answers = self._try(role, texts)
        outcomes = [
            (Seed(seed.table, "", seed.whose, {k: v for k, v in seed.state.items() if k in columns}, seed.user),
             permitted(answer))
            for seed, answer in zip(seeds, answers, strict=True)
        ]  # fmt: skip
        yield from self._told_rows(role, "insert", table, outcomes)

    def _told_rows(self, role: Role, action: str, table: Table, outcomes: Sequence[tuple[Seed, bool]]) -> Iterator[Row]:
        """Whether any row of a person is met, and for each value that policies tell apart, any row that has it."""
        resource = f"{table.name}, rows"
        by_whose: dict[str, list[tuple[Seed, bool]]] = defaultdict(list)
        for seed, met in outcomes:
            by_whose[seed.whose].append((seed, met))
        for whose, found in by_whose.items():
            plain = [(seed, met) for seed, met in found if not seed.user]
            row = self._row(role, action, resource, any(met for _, met in plain), whose)
            self.deciding[row.attempt] = _deciding(found)
            yield row
            for values in sorted({item for seed, _ in plain for item in seed.state.items()}):
                met = any(met for seed, met in plain if values in seed.state.items())
                yield self._row(role, action, resource, met, whose, _said(*values))
            for user in sorted({item for seed, _ in found for item in seed.user.items()}):
                met = any(met for seed, met in found if user in seed.user.items())
                yield self._row(role, action, resource, met, whose, f"the user's {_said(*user)}")

    def _on(self, seed: Seed, text: str) -> Statement:
        """The statement where it meets this row, and the asking user has the row's user's state."""
        return Statement(text, seed.table, seed.ctid, self._user_of(seed))

    def _user_of(self, seed: Seed) -> str:
        """The asking user's row in the state of the seed's user; every one of them where rows of users are tried."""
        if seed.table == trial_rows.USERS:
            return ""
        users = (one for one in self._seeds if one.table == trial_rows.USERS and one.whose == OWN)
        return next((one.ctid for one in users if dict(one.state) == dict(seed.user)), "")

    def _of(self, table: Table) -> list[Seed]:
        return [seed for seed in self._seeds if seed.table == table.name]

    def _set(self, table: Table, column: str, whose: str, state: Mapping[str, str]) -> str:
        return f'update {table.name} set "{column}" = {self._literal(table, column, whose, state, {})}'

    def _literal(self, table: Table, column: str, whose: str, state: Mapping[str, str], user: Mapping[str, str]) -> str:
        found = table.column(column)
        value = trial_rows.value_of(table, found, whose, state, user, self._tables)
        if column not in state and value is None and not found.nullable:
            value = "x"
        return "null" if value is None else f"{sql.Literal(value).as_string()}::{found.type}"


@contextmanager
def trial_of(stack: Stack, known: Sequence[Stack] = (), *, checkout: Path = REPOSITORY) -> Iterator[Trial]:
    """A trial of a stack's model on a Postgres of its own.

    Args:
        known: models whose policies choose rows to try on as well, such as the other side of a comparison.
        checkout: the revision whose code applies the model.

    Raises:
        PolicyError: Postgres refuses the model.
    """
    with trial_database(stack, checkout=checkout) as database:
        yield Trial(database, known)


def _deciding(outcomes: Sequence[tuple[Seed, bool]]) -> set[str]:
    """Columns in which alone a row that was met differs from one that was not."""
    states = [({**seed.state, **{f"the user's {k}": v for k, v in seed.user.items()}}, met) for seed, met in outcomes]
    found = set()
    for one in (state for state, met in states if met):
        for other in (state for state, met in states if not met):
            differs = [name for name in {*one, *other} if one.get(name) != other.get(name)]
            if len(differs) == 1:
                found.add(differs[0])
    return found


def _said(column: str, value: str) -> str:
    return f"{column} {'is null' if value == NULL else 'is set' if value == SET else f'= {value}'}"
