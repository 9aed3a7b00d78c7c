"""The rows that switches are, each change in the transaction that looked at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from lambdas.runtime.database import Cursor, Database, DatabaseSettings, Row
from lambdas.runtime.environment import read_settings
from lambdas.runtime.switches import Switch, standing
from lambdas.throw_switch.logic import State

_COLUMNS = "thrown_at, thrown_by, because"


@dataclass(frozen=True)
class PostgresSwitches:
    """Switches and users' blocks within one transaction."""

    cursor: Cursor

    def state(self, switch: Switch, *, lock: bool) -> State:
        text = f"select {_COLUMNS} from rendio.switches where name = %s" + (" for update" if lock else "")  # noqa: S608  # constants
        return _state(self.cursor.execute(text.encode(), (str(switch),)).fetchone())

    def set(self, switch: Switch, *, by: str | None, because: str | None) -> State:
        """Throw it, or take it back where nobody throws it."""
        return _state(
            self.cursor.execute(
                "update rendio.switches set thrown_at = case when %(by)s::text is not null then now() end,"
                " thrown_by = %(by)s, because = %(because)s where name = %(name)s"
                " returning thrown_at, thrown_by, because",
                {"name": str(switch), "by": by, "because": because},
            ).fetchone()
        )

    def blocked(self, user_id: UUID, *, lock: bool) -> State | None:
        """None when there is no such user whose account is open."""
        text = "select blocked_at from public.users where (id = %(id)s or auth_user_id = %(id)s) and deleted_at is null"
        row = self.cursor.execute((text + (" for update" if lock else "")).encode(), {"id": user_id}).fetchone()
        return State(row["blocked_at"]) if row else None

    def block(self, user_id: UUID, *, blocked: bool) -> State:
        row = self.cursor.execute(
            "update public.users set blocked_at = case when %(blocked)s then now() end, updated_at = now()"
            " where (id = %(id)s or auth_user_id = %(id)s) and deleted_at is null returning blocked_at",
            {"id": user_id, "blocked": blocked},
        ).fetchone()
        assert row is not None, "it was locked"
        return State(row["blocked_at"])


@dataclass(frozen=True)
class Adapters:
    database: Database
    standing: frozenset[Switch]

    @classmethod
    def build(cls) -> Adapters:
        return cls(Database(read_settings(DatabaseSettings)), standing())

    @contextmanager
    def switches(self) -> Iterator[PostgresSwitches]:
        with self.database.transaction() as cursor:
            yield PostgresSwitches(cursor)


def _state(row: Row | None) -> State:
    assert row is not None, "a schema version makes the row of every switch"
    return State(row["thrown_at"], row["thrown_by"], row["because"])
