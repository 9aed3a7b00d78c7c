"""The commands of `./rendio` for people on call, on any stack."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from local import insights, operations, questions, report, restoring, subscriptions, switches
from local.backfill import FUNCTION, Backfill
from local.state import STACK

app = typer.Typer()


@app.command(name="subscriptions")
def show_subscriptions(
    stack: Annotated[str, typer.Option(help="local, or a stack on AWS, with this shell's credentials.")] = STACK,
) -> None:
    """Who gets a stack's alarms, and who never confirmed that or is gone; fails while there is somebody."""
    found = subscriptions.of(operations.person(stack, questions.ROLE).client("sns"), stack)
    subscriptions.show(found, report.console(), stack)
    if any(not subscription.confirmed for subscription in found):
        raise typer.Exit(1)


@app.command()
def backfill(
    stack: Annotated[str, typer.Option(help="local, or a stack on AWS, with this shell's credentials.")] = STACK,
    rate: Annotated[int, typer.Option(min=1, max=10_000, help="Videos a minute.")] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many wait, and change nothing.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Those whose migration failed, too.")] = False,
) -> None:
    """Ask for the migration of old videos at a chosen rate. Stop it and run it again whenever you like."""
    asking = Backfill(operations.function(stack, FUNCTION, role=switches.ROLE), report.console(), rate, failed=failed)
    if dry_run:
        asking.preview()
    else:
        asking.run()


@app.command(name="insights")
def ask_logs(
    name: Annotated[str, typer.Argument(help="A saved query: request, job, user, failures, migrations…")],
    identifier: Annotated[str, typer.Option("--id", help="The id that the query looks for.")] = "",
    stack: Annotated[str, typer.Option(help="local, or a stack on AWS, with this shell's credentials.")] = STACK,
    hours: Annotated[int, typer.Option(min=1, max=24 * 90, help="How far back.")] = 24,
) -> None:
    """Ask the logs of all functions at once: follow a request, a job, a user; see failures."""
    logs_of = operations.person(stack, questions.ROLE).client("logs")
    rows = insights.ask(logs_of, stack, name, identifier=identifier, hours=hours)
    insights.show(rows, report.console())


@app.command(name="query")
def ask_database(
    name: Annotated[str, typer.Argument(help="What to ask: job, ledger, top-users… `--list` names all.")] = "",
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="name=value; may come again.")] = None,
    identifier: Annotated[str, typer.Option("--id", help="Short for --param id=….")] = "",
    stack: Annotated[str, typer.Option(help="local, or a stack on AWS, with this shell's credentials.")] = STACK,
    as_json: Annotated[bool, typer.Option("--json", help="The rows as JSON.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Name every query with its parameters.")] = False,
) -> None:
    """Ask the database a named question, as people on call may: read-only, logged, with no bastion."""
    person = operations.person(stack, questions.ROLE)
    if list_ or not name:
        found = questions.listed(person)
        if as_json:
            print(json.dumps(found, indent=2))
        else:
            questions.show_list(found, report.console())
        return
    answer = questions.ask(person, name, questions.parameters(param or [], identifier))
    if as_json:
        print(questions.as_json(answer))
    else:
        questions.show(answer, report.console())


@app.command(name="switch")
def throw_switch(
    name: Annotated[str, typer.Argument(help="stop-submits, pause-video-migration, pause-clean-ups or block-user.")],
    because: Annotated[str, typer.Option(help="Why: it is kept, and shown to the next on call.")] = "",
    back: Annotated[bool, typer.Option("--back", help="Take it back.")] = False,
    user: Annotated[str, typer.Option(help="Whom block-user blocks, by id.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    stack: Annotated[str, typer.Option(help="local, or a stack on AWS, with this shell's credentials.")] = STACK,
) -> None:
    """Switch a part of the service off, or on again: at once, with no deployment, logged with who did it."""
    person = operations.person(stack, switches.ROLE)
    done = switches.throw(person, name, because=because, back=back, user=user, dry_run=dry_run)
    switches.show(done, report.console())


@app.command()
def redrive(
    rate: Annotated[int, typer.Option(min=1, max=1200, help="Messages a minute.")] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many wait, and change nothing.")] = False,
    stack: Annotated[str, typer.Option(help="local, or a stack on AWS, with this shell's credentials.")] = STACK,
) -> None:
    """Move the dead letters of video migration back to their queue. Stop it and run it again whenever you like."""
    restoring.redrive(operations.person(stack, restoring.ROLE), report.console(), rate=rate, dry_run=dry_run)


@app.command()
def restore(
    video: Annotated[str, typer.Option(help="One deleted video, by its id.")] = "",
    user: Annotated[str, typer.Option(help="All that this user lost, by the user's id.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Deleted within so many days. 0: as long as versions last.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what could be restored, and change nothing.")] = False,
    stack: Annotated[str, typer.Option(help="local, or a stack on AWS, with this shell's credentials.")] = STACK,
) -> None:
    """Bring deleted videos back, while their old versions last."""
    person = operations.person(stack, restoring.ROLE)
    done = restoring.restore(person, video=video, user=user, days=days, dry_run=dry_run)
    restoring.show(done, report.console(), dry_run=dry_run)
