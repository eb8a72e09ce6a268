"""`warroom`: the hub's command line. Every error is one clear line; the traceback of a fault goes into a file."""

import sys
import traceback
from tempfile import NamedTemporaryFile

import typer

from services.cli import catalogue, dashboards, demo, imports, kpi, rejects, simulate, stack, truth
from services.cli.context import Context, complain

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="War Room Hub: layanan kota dalam satu tempat / a city's services in one place.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(Context.open)
stack.register(app)
truth.register(app)
kpi.register(app)
demo.register(app)
imports.register(app)
simulate.register(app)
app.add_typer(rejects.app, name="rejects")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(dashboards.app, name="dashboards")


def main() -> None:
    """Entry point of the `warroom` script."""
    try:
        app()
    except Exception as error:
        line = complain(error)
        if line is None:
            with NamedTemporaryFile("w", prefix="warroom-fault-", suffix=".txt", delete=False) as details:
                traceback.print_exc(file=details)
            line = f"a fault of the hub itself ({type(error).__name__}); please report it with {details.name}"
        print(line, file=sys.stderr)
        sys.exit(1)
