"""What the commands tell at their end."""

from __future__ import annotations

import traceback
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local import daemons
from local.canary import Seen
from local.cloud import Cloud
from local.deployment import Deployment
from local.processes import log_file
from local.state import State

WHAT = {
    "ministack": "AWS (MiniStack)",
    "postgres-front": "Postgres, logins by IAM token",
    "postgres": "Postgres itself",
    "standins": "Apple, fal.ai, pager",
}


# A pipe has no width of its own; folded paths would be of no use in it.
PIPE_WIDTH = 200


def console() -> Console:
    """Standard output, as wide as the terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=PIPE_WIDTH)


def say(text: str) -> None:
    Console(soft_wrap=True).print(text, markup=False, highlight=False)


def summary(cloud: Cloud, deployment: Deployment) -> None:
    """After `up`: what runs, where, and what to do with it."""
    outputs = cloud.outputs()
    table = _table("what", "where")
    table.add_row("API", str(outputs.get("api_url", "-")))
    table.add_row("AWS", cloud.url)
    table.add_row("Postgres", f"{outputs.get('database_endpoint', '-')}/{outputs.get('database_name', '-')}")
    table.add_row("images", f"s3://{outputs.get('images_bucket', '-')}")
    table.add_row("logs", str(cloud.state.logs))
    out = console()
    out.print()
    out.print(table)
    mended = f", {len(deployment.drifts)} drifts mended" if deployment.drifts else ""
    say(f"\n{deployment.changed} changes{mended}. Next:")
    say('  eval "$(make -s env)"          then aws s3 ls, psql, curl "$API_URL/.well-known/jwks.json"')
    say("  make preview                   what the next `make up` would change")
    say("  make logs ARGS=device_check    what a function logged")
    say("  make down                      everything goes")


def status(cloud: Cloud) -> None:
    """What runs, on which port, with which log."""
    if not cloud.ports:
        say("Nothing was ever started here. `make up` does.")
        return
    table = _table("program", "what", "state", "ports", "log")
    for name, alive in cloud.running().items():
        ports = ", ".join(str(cloud.ports.get(port, "-")) for port in daemons.PORTS_OF.get(name, ()))
        state = "[green]running[/green]" if alive else "[red]stopped[/red]"
        log = log_file(cloud.state, name)
        table.add_row(name, WHAT.get(name, ""), state, ports, str(log) if log.exists() else "")
    console().print(table)
    deployed = cloud.stack.resources() if cloud.state.config.exists() else []
    say(f"stack local: {len(deployed)} resources" if deployed else "stack local: nothing is deployed")


def canary(seen: Seen) -> None:
    """Whom a watched command called, and where it told the key."""
    beyond, leaks = seen.elsewhere.total(), seen.leaks.total()
    say(f"\n{seen.loopback} connections to this machine, {beyond} beyond it, the key told {leaks} times.")
    for what, times in [*seen.elsewhere.most_common(), *seen.leaks.most_common()]:
        say(f"  {times:6} x {what}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def unexpected(state: State) -> Path:
    """Write the traceback of the exception being handled to a log, and return the log."""
    state.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = log_file(state, "runner")
    with log.open("a") as file:
        traceback.print_exc(file=file)
    return log
