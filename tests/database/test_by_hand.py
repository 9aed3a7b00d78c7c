"""What docs/going-to-production.md has the master do by hand does what it says, and leaves the model as it was."""

from __future__ import annotations

import re
from pathlib import Path

from tests.database.scene import MASTER, Database, Person

PAGE = Path(__file__).resolve().parents[2] / "docs" / "going-to-production.md"
FORCED = (
    "select relname from pg_class where relforcerowsecurity and relnamespace = 'public'::regnamespace"
    " and relname in ('users', 'credit_ledger') order by 1"
)
USER = "select credits_remaining from public.users where id = %s"
LEDGER = "select coalesce(sum(amount), 0)::int as sum from public.credit_ledger where user_id = %s"


def test_a_missing_entry_is_written_and_row_level_security_is_back(database: Database, alice: Person) -> None:
    with database.connect(MASTER) as master:
        assert master.execute(USER, (alice.user_id,)).fetchall() == [], "the master sees no user by itself"
    with database.superuser() as everyone:
        before = everyone.execute(LEDGER, (alice.user_id,)).fetchone()
        assert before is not None
        wanted = before["sum"] + 5
        everyone.execute("update public.users set credits_remaining = %s where id = %s", (wanted, alice.user_id))
    with database.connect(MASTER) as master:
        for statement in correction(alice, 5):
            master.execute(statement.encode())
    with database.superuser() as everyone:
        user, ledger = (everyone.execute(query, (alice.user_id,)).fetchone() for query in (USER, LEDGER))
        assert user is not None
        assert ledger is not None
        assert user["credits_remaining"] == ledger["sum"] == wanted
        assert [row["relname"] for row in everyone.execute(FORCED)] == ["credit_ledger", "users"]


def correction(user: Person, missing: int) -> list[str]:
    """The page's statements, for this user."""
    text = re.search(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert text is not None
    plain = re.sub(r"--.*", "", text[1]).replace("-4", str(missing)).replace("<user>", str(user.user_id))
    return [statement.strip() for statement in plain.split(";") if statement.strip()]
