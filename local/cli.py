"""The commands of `./rendio`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from local import canary, checks, cli_on_call, environment, logs, operations, report, scope, subscriptions
from local.cloud import Cloud
from local.errors import Interrupted, LocalError
from local.progress import Progress, Silent
from local.state import REPOSITORY, STACK, State

app = typer.Typer(
    name="rendio",
    help="RendioAI's back end on this machine: AWS, Postgres and the outside services on loopback, no account needed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command()
def up(
    journey: Annotated[bool, typer.Option(help="Run the journey of a phone at the end.")] = True,
) -> None:
    """Bring everything up: local cloud, stack, a phone's journey through it. Mends what was changed by hand."""
    progress = Progress()
    cloud = Cloud(State.default(), progress=progress)
    deployment = cloud.up(meanwhile=_prepare_journey if journey else lambda: None)
    passed = _journey(cloud) if journey else True
    report.summary(cloud, deployment)
    subscriptions.warn(subscriptions.of(operations.client(STACK, "sns"), STACK), report.console(), STACK)
    if not passed:
        raise LocalError(
            "The stack is up, but the journey failed.",
            why="The table above shows the step.",
            fix="Read `./rendio logs <function>`; `./rendio journey` runs it again.",
        )


@app.command()
def preview(
    diff: Annotated[bool, typer.Option("--diff", help="Show every property that would change.")] = False,
) -> None:
    """Show what `up` would change."""
    raise typer.Exit(Cloud(State.default(), progress=Progress()).preview(diff=diff))


@app.command()
def down(
    everything: Annotated[bool, typer.Option("--all", help="Remove the virtualenv too.")] = False,
    force: Annotated[bool, typer.Option(help="Go on when the stack cannot be destroyed.")] = False,
) -> None:
    """Destroy the stack, stop everything, delete its state."""
    Cloud(State.default(), progress=Progress()).down(force=force)
    if not everything:
        report.say("Nothing is left but the virtualenv (`down --all` removes it).")
        return
    report.say("Nothing is left.")
    sys.stdout.flush()
    # This program runs from the virtualenv: whoever deletes it must be another.
    script = 'rm -rf "$1/venv" "$1/proof.json" && { rmdir "$1" 2>/dev/null || :; }'
    os.execv("/bin/sh", ["/bin/sh", "-c", script, "sh", str(REPOSITORY / ".rendio")])


@app.command()
def stop() -> None:
    """Stop every process; the data stays, `up` goes on with it."""
    stopped = Cloud(State.default()).stop()
    report.say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@app.command()
def status() -> None:
    """Show what runs where."""
    report.status(Cloud(State.default()))


@app.command(name="logs")
def show_logs(
    name: Annotated[
        str, typer.Argument(help="A function (device_check) or a program (ministack). None: the list.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.")] = 100,
) -> None:
    """Show the log of a function or of a program of the local cloud."""
    logs.show(Cloud(State.default()), name, follow=follow, lines=lines)


@app.command()
def env() -> None:
    """Print exports for a shell: eval "$(make -s env)", then `aws s3 ls`, `psql`, `curl $API_URL/v1/…` work."""
    print(environment.shell_exports(Cloud(State.default(), progress=Silent()).environment()))


@app.command()
def journey() -> None:
    """Act as a phone: check in, upload a photograph, load it back, be refused what is not one's own."""
    if not _journey(Cloud(State.default())):
        raise typer.Exit(1)


@app.command(context_settings=PASS_ON)
def pulumi(context: typer.Context) -> None:
    """Run pulumi on the stack `local`: ./rendio pulumi preview -s local."""
    arguments = scope.local_only(context.args)
    raise typer.Exit(Cloud(State.default(), progress=Progress()).pulumi(arguments))


@app.command()
def lint() -> None:
    """Check style, types and the import contract."""
    raise typer.Exit(checks.lint())


@app.command(context_settings=PASS_ON)
def test(context: typer.Context) -> None:
    """Run all tests, the fastest level first. Arguments go to pytest, and then choose the tests."""
    raise typer.Exit(checks.test(State.default(), context.args))


@app.command(name="canary", context_settings=PASS_ON)
def watch_canary(context: typer.Context) -> None:
    """Run a command (none: all tests) in a shell full of AWS keys; fail if it calls beyond this machine or tells one.

    Needs strace, and warm caches: a download is a call beyond this machine.
    """
    command = context.args or ["./rendio", "test"]
    status, seen = canary.watch(command)
    report.canary(seen)
    raise typer.Exit(status if status != 0 else int(not seen.clean))


@app.command(context_settings=PASS_ON)
def chaos(context: typer.Context) -> None:
    """Run the long experiments with kills, faults and restarts, or go on with them. `chaos --help` lists them."""
    raise typer.Exit(checks.chaos(context.args))


@app.command(context_settings=PASS_ON)
def drill(context: typer.Context) -> None:
    """Fire every alarm by a real fault on a stack of its own, and see it clear. Ten minutes; `drill --help`."""
    raise typer.Exit(checks.drill(context.args))


@app.command()
def proof() -> None:
    """Show which tests prove which id of the plan, and what no test proves yet."""
    raise typer.Exit(checks.proof(State.default()))


@app.command(context_settings=PASS_ON)
def policies(context: typer.Context) -> None:
    """Write policies/previews: what the policies of every stack say, for a pull request to show. Needs no cloud."""
    raise typer.Exit(checks.tool("policies.review.previews", context.args))


@app.command(context_settings=PASS_ON)
def mutate(context: typer.Context) -> None:
    """Break each rule of the access model, one at a time: does a decision notice? Some minutes; --sample for less."""
    raise typer.Exit(checks.tool("policies.review.mutation", context.args))


@app.command(context_settings=PASS_ON)
def matrix(context: typer.Context) -> None:
    """Try who may do what on every stack, compare with what is expected, write policies/previews/*/access-matrix.*."""
    raise typer.Exit(checks.tool("policies.review.matrix", context.args))


@app.command(context_settings=PASS_ON)
def review(context: typer.Context) -> None:
    """Compare who may do what with another revision: granted, revoked, unchanged. Status 2 when access widens."""
    raise typer.Exit(checks.tool("policies.review.review", context.args))


@app.command()
def lock() -> None:
    """Write the requirements' locks anew from requirements*.in."""
    raise typer.Exit(checks.lock())


app.registered_commands.extend(cli_on_call.app.registered_commands)


def main() -> NoReturn:
    """Run a command; errors of ours are printed as they are, with their status."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    signal.signal(signal.SIGHUP, _as_interrupt)
    try:
        app(prog_name="rendio")
    except LocalError as error:
        Console(stderr=True, soft_wrap=True).print(f"\n{error}", style="red", markup=False, highlight=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(Interrupted.exit_code)
    except Exception as error:
        # A mistake of the runner's own: its details belong into a file, not onto the screen.
        log = report.unexpected(State.default())
        wrapped = LocalError(
            f"The runner failed: {type(error).__name__}: {error}",
            fix="Run the command again; if it stays, open an issue with the log.",
            log=log,
        )
        Console(stderr=True, soft_wrap=True).print(f"\n{wrapped}", style="red", markup=False, highlight=False)
        sys.exit(70)
    sys.exit(0)


def _journey(cloud: Cloud) -> bool:
    # The one place where the runner knows the product; imported late, since it is needed by two commands only.
    from local.journey import run

    return bool(run(cloud.outputs(), state=cloud.state, console=report.console()))


def _prepare_journey() -> None:
    """Its imports and its photograph take half a second, which the engine's work hides."""
    from local.journey.photograph import photograph

    photograph()


def _as_interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """`kill` and a closed terminal end a command as Ctrl-C does: in order."""
    raise KeyboardInterrupt
