"""The matrix as people read it: the same decisions, with what goes alike said once.

What is allowed is said verb by verb and thing by thing; what is refused, as widely as it is refused. A circumstance
that changes nothing is not mentioned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from policies.review.actors import USERS_SESSION
from policies.review.attempts import Attempt
from policies.review.rows import ALLOW, DENY, Row
from policies.review.trial import Trial
from policies.review.trial_roles import NO_CLAIMS

ANYTHING, ANYTHING_ELSE = "anything", "anything else"
_KINDS = {"objects": "object", "login": "database login", "anything": "thing of the account", "log": "log"}
_LATER = "a table made later"


def summary_of_iam(tried: Iterable[tuple[Attempt, Row]]) -> list[Row]:
    """Rows of AWS: what is allowed on all of a kind is one row, and so is what is refused."""
    kinds: dict[str, dict[str, list[tuple[Attempt, Row]]]] = defaultdict(lambda: defaultdict(list))
    for attempt, row in tried:
        kinds[row.principal][attempt.thing.kind].append((attempt, row))
    found: list[Row] = []
    for principal, by_kind in kinds.items():
        nothing = []
        for kind, pairs in by_kind.items():
            label = _KINDS.get(kind, kind.replace("beyond/", "other "))
            said_each = kind == "objects" and principal.startswith(USERS_SESSION)
            if all(row.decision == DENY for _, row in pairs) and not said_each:
                nothing.append(label)
            else:
                found += _kind(principal, label, pairs)
        if nothing:
            found.append(Row("iam", principal, ANYTHING, f"any {', '.join(sorted(nothing))}", "-", "", DENY))
    return sorted(set(found))


def _kind(principal: str, label: str, pairs: list[tuple[Attempt, Row]]) -> Iterator[Row]:
    things = sorted({(row.resource, row.whose, attempt.thing.context) for attempt, row in pairs})
    verbs: dict[tuple[str, str], dict[tuple[str, str, str], str]] = defaultdict(dict)
    for attempt, row in pairs:
        context = row.context.removeprefix(attempt.thing.context).removeprefix(", ")
        verbs[row.action, context][row.resource, row.whose, attempt.thing.context] = row.decision
    if len(things) > 1 and all(set(outcomes.values()) == {ALLOW} for outcomes in verbs.values()):
        yield Row("iam", principal, ANYTHING, f"any {label}", "-", "", ALLOW)
        return
    touched = set()
    open_verbs = {action for (action, _), outcomes in verbs.items() if ALLOW in outcomes.values()}
    for (action, context), outcomes in verbs.items():
        if action not in open_verbs:
            continue
        if len(things) > 1 and len(outcomes) == len(things) and len(set(outcomes.values())) == 1:
            yield Row("iam", principal, action, f"any {label}", "-", context, next(iter(outcomes.values())))
            touched.update(things)
            continue
        allowed = {thing for thing in things if verbs.get((action, ""), {}).get(thing) == ALLOW}
        for thing, decision in outcomes.items():
            resource, whose, own = thing
            said = ", ".join(part for part in (own, context) if part)
            if decision == ALLOW:
                touched.add(thing)
                yield Row("iam", principal, action, resource, whose, said, ALLOW)
            elif thing in allowed or _allowed_somehow(verbs, action, thing):
                yield Row("iam", principal, action, resource, whose, said, DENY)
    if label == "object" and principal.startswith(USERS_SESSION):
        for resource, whose, own in things:
            rest = ANYTHING_ELSE if (resource, whose, own) in touched else ANYTHING
            yield Row("iam", principal, rest, resource, whose, own, DENY)
    else:
        yield Row("iam", principal, ANYTHING_ELSE, f"any {label}", "-", "", DENY)


def _allowed_somehow(
    verbs: Mapping[tuple[str, str], Mapping[tuple[str, str, str], str]], action: str, thing: tuple[str, str, str]
) -> bool:
    return any(outcomes.get(thing) == ALLOW for (name, _), outcomes in verbs.items() if name == action)


def summary_of_postgres(rows: Iterable[Row], trial: Trial) -> list[Row]:
    """Rows of Postgres: columns of a verb together, values and states only where they make a difference."""
    columns: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    met: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    rest: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        table, _, what = row.resource.partition(", ")
        if what == "columns":
            columns[row.principal, table][row.action.partition(" ")[0]].append(row)
        elif what == "rows":
            met[row.principal, table][row.action].append(row)
        else:
            key = row.action if row.resource != _LATER else ANYTHING
            rest[row.principal, key].append(row)
    found: list[Row] = []
    touched: dict[str, set[str]] = defaultdict(set)
    for principal, table in sorted({*columns, *met}):
        reached = list(_met(met[principal, table], trial))
        verbs = {row.action.split()[0].rstrip(",") for row in reached if row.decision == ALLOW}
        reached += [
            row for verb in sorted(verbs) for row in _columns(principal, table, verb, columns[principal, table][verb])
        ]
        if verbs:
            touched[principal].add(table)
            found += [*reached, Row("postgres", principal, ANYTHING_ELSE, table, "-", "", DENY)]
    for principal in {principal for principal, _ in met}:
        label = "any other table" if touched[principal] else "any table"
        found.append(Row("postgres", principal, ANYTHING, label, "-", "", DENY))
    for (principal, action), those in rest.items():
        found += _things(principal, action, those)
    return sorted(set(found))


def _columns(principal: str, table: str, verb: str, rows: list[Row]) -> Iterator[Row]:
    allowed = sorted(row.action.partition(" ")[2] for row in rows if row.decision == ALLOW)
    if allowed and allowed != [""]:
        said = "every column" if len(allowed) == len(rows) else ", ".join(allowed)
        yield Row("postgres", principal, f"{verb} ({said})", table, "-", "", ALLOW)


def _met(actions: Mapping[str, list[Row]], trial: Trial) -> Iterator[Row]:
    """Which rows each action meets; values of one column that go alike are one action."""
    alike: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    principal = resource = ""
    for action, rows in actions.items():
        principal, resource = rows[0].principal, rows[0].resource.partition(",")[0]
        verb, _, value = action.partition(" to ") if not action.startswith("update, ") else (action, "", "")
        alike[verb, tuple(_where(rows, trial))].append(value)
    for (verb, outcomes), values in alike.items():
        named = sorted(value for value in values if value)
        action = f"{verb} to {' or '.join(named)}" if named else verb
        for whose, context in outcomes:
            yield Row("postgres", principal, action, f"rows of {resource}", whose, context, ALLOW)


def _where(rows: list[Row], trial: Trial) -> Iterator[tuple[str, str]]:
    """Whose rows are met and under which circumstances."""
    by_claims: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
    for whose in sorted({row.whose for row in rows}):
        for claims in (True, False):
            these = [row for row in rows if row.whose == whose and row.context.startswith(NO_CLAIMS) is not claims]
            contexts = list(_states(these, trial))
            if contexts:
                by_claims[claims][whose] = contexts
    for claims, owners in by_claims.items():
        if not claims and owners == by_claims[True]:
            continue  # nothing depends on claims
        if not claims and not any(not row.context.startswith(NO_CLAIMS) for row in rows):
            claims = True  # a principal that never has any
        if owners.get("own") and owners.get("own") == owners.get("other's"):
            owners = {"shared": owners["own"]}
        for whose, contexts in owners.items():
            for context in contexts:
                yield whose, context if claims else ", ".join(part for part in (NO_CLAIMS, context) if part)


def _states(rows: list[Row], trial: Trial) -> Iterator[str]:
    """The values of the columns that decide, as one sentence each; "" when none does; nothing when no row is met."""
    plain = {row.context.removeprefix(NO_CLAIMS).removeprefix(", "): row for row in rows}
    if "" not in plain or plain[""].decision == DENY:
        return
    deciding = trial.deciding.get(plain[""].attempt, set())
    said = []
    for column in sorted(deciding):
        values = [
            context.removeprefix(column).removeprefix(" ")
            for context, row in sorted(plain.items())
            if row.decision == ALLOW and context.startswith((f"{column} = ", f"{column} is "))
        ]
        # Every value that policies name is refused, so it is what a row has when it is made: for a user's, null.
        said.append(f"{column} {_listed(values)}" if values else f"{column} is as made")
    yield "; ".join(said)


def _listed(values: list[str]) -> str:
    if all(value.startswith("= ") for value in values):
        return f"= {' or '.join(value.removeprefix('= ') for value in values)}"
    return " or ".join(values)


def _things(principal: str, action: str, rows: list[Row]) -> Iterator[Row]:
    """One action on several things of the database: allowed ones each, refused ones together."""
    if len(rows) > 1 and len({row.decision for row in rows}) == 1:
        resource = _LATER if action == ANYTHING else "any"
        yield Row("postgres", principal, action, resource, "-", rows[0].context, rows[0].decision)
        return
    yield from (row for row in rows if row.decision == ALLOW)
    refused = [row for row in rows if row.decision == DENY]
    if refused:
        label = refused[0].resource if len(rows) == 1 else "any other"
        yield Row("postgres", principal, refused[0].action, label, "-", refused[0].context, DENY)
