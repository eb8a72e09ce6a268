"""`simulate`: a city's applications, publishing through the SDK with their own accounts."""

import asyncio
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.hub import SAMPLE
from services.catalogue import load
from services.cli.context import Context, err, out, print_json
from simulator.run import Counts, run


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(simulate)


Rate = Annotated[float, typer.Option(min=1, help="Events a second, in the mean.")]
Duration = Annotated[float | None, typer.Option(min=1, help="Seconds; default: until Ctrl-C.")]
Speed = Annotated[float, typer.Option(min=1, help="A minute in the city takes 60/SPEED seconds.")]
Seed = Annotated[int, typer.Option(help="The same seed plays the same city.")]


def simulate(
    context: typer.Context,
    catalogue: Annotated[Path, typer.Option(help="Folder of the catalogue in force.")] = SAMPLE,
    rate: Rate = 250.0,
    duration: Duration = None,
    speed: Speed = 60.0,
    seed: Seed = 1,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Play a city's arrivals, counters, permits and visits; some applications go silent, late, twice or wrong."""
    own: Context = context.obj
    endpoints = own.endpoints()
    last = Counts()

    def report(counts: Counts) -> None:
        nonlocal last
        last = counts
        err.print(f"{own.number(counts.published)} {own.say('diterbitkan', 'published')}", end="\r")

    with suppress(KeyboardInterrupt):
        asyncio.run(
            run(
                load(catalogue),
                lambda opd, app: endpoints.nats_url_for(f"app-{opd}-{app}"),
                seed=seed,
                rate=rate,
                duration=duration,
                speed=speed,
                report=report,
            )
        )
    if json:
        plain = asdict(last)
        plain["by_app"] = {"/".join(key): n for key, n in last.by_app.items()}
        print_json(plain)
        return
    parts = (
        (last.published, own.say("diterbitkan", "published")),
        (last.duplicates_sent, own.say("ganda", "twice")),
        (last.garbage_sent, own.say("rusak", "garbage")),
        (last.late_sent, own.say("terlambat", "late")),
        (last.failed, own.say("gagal", "failed")),
    )
    out.print(", ".join(f"{own.number(count)} {what}" for count, what in parts))
    if last.failed:
        raise typer.Exit(1)
