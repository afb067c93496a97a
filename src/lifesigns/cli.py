"""The command line: arguments in, one call, exit code out. Nothing is imported before it is needed.

Exit codes: that of the user's script for `run`; 0 or 1 for `check`, `rerun` and `prove`; 2 for a
mistake in the command; 3 for a proof that its budget left undecided; 4 for a run that cannot be
repeated fairly.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lifesigns import __version__
from lifesigns import _options as opt
from lifesigns._errors import Interrupted, LifesignsError, UsageError
from lifesigns._help import command_of, in_its_language, refuse, tell, welcome
from lifesigns._streams import UNWRITABLE, fail, provide, send_off
from lifesigns.locale.spoken import asked, said

app = typer.Typer(
    invoke_without_command=True,
    pretty_exceptions_enable=False,  # the traceback of a user's script is shown as it is
    rich_markup_mode=None,
)


SCRIPTS = ("run", "check")
"""Commands that run a program of the user, to whom the standard streams belong."""


def main() -> None:
    """Runs a command; a mistake of the user ends it with a message and exit code 2."""
    # Not `app()`: that would replace `sys.excepthook`, which belongs to the user's script.
    command = command_of(app)
    with in_its_language():
        try:
            sys.exit(command(prog_name="lifesigns", standalone_mode=False) or 0)
        except LifesignsError as error:
            fail(said(str(error), "errors"), 2)
        except OSError as error:
            if error.filename is not None or error.errno not in UNWRITABLE:
                raise
            fail(said(f"the output could not be written: {error.strerror}.", "errors"), 1)
        except Interrupted:
            sys.excepthook = lambda *_: None  # the script's traceback has been shown
            exec("raise KeyboardInterrupt")  # from a text: Python then ends itself by SIGINT
        except Exception as error:
            refuse(error)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"lifesigns {__version__}")
        raise typer.Exit


@app.callback()
def _lifesigns(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    lang: opt.Language = None,
) -> None:
    """Tells whether a PyTorch network can learn, shows the evidence, and says what to do."""
    tell(sys.argv)
    if context.invoked_subcommand not in SCRIPTS:
        provide()
        context.call_on_close(send_off)
    if context.invoked_subcommand is None:
        welcome()


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="Any PyTorch training script.")],
    arguments: opt.Arguments = None,
    module: opt.AsModule = False,
    every: opt.Every = None,
    budget: opt.Budget = None,
    json: opt.JsonFile = None,
    save: opt.Save = None,
    stop_on: opt.Stop = None,
    max_steps: opt.MaxSteps = None,
    strict: opt.Strict = False,
    sarif: opt.SarifFile = None,
    html: opt.HtmlFile = None,
    select: opt.Select = None,
    ignore: opt.Ignore = None,
    live: opt.Live = False,
    output_format: opt.OutputFormat = opt.Format.text,
) -> None:
    """Run a training script unchanged, watch it, report."""
    if every is not None and budget is not None:
        raise UsageError("--every and --budget exclude each other: give one of them.")
    settings = opt.settings_of(Path.cwd() if module else Path(script))
    if every is None and budget is None:
        every, budget = settings.every, settings.budget
    from lifesigns.commands.run import run as command

    code = command(
        script,
        arguments or [],
        module=module,
        every=every,
        budget=0.01 if budget is None else budget,
        json_path=json,
        save=save,
        stop_on=None if stop_on is None else stop_on.value,
        max_steps=max_steps,
        strict=strict,
        sarif_path=sarif,
        html_path=html,
        selection=opt.selected(settings, select, ignore),
        live=live,
        output_format=output_format.value,
    )
    raise typer.Exit(code)


@app.command(context_settings={"allow_interspersed_args": False})
def rerun(
    script: opt.ScriptOrRun,
    arguments: opt.Arguments = None,
    module: opt.AsModule = False,
    timeout: opt.Timeout = None,
    allow_network: opt.AllowNetwork = False,
    keep: opt.Keep = None,
    json: opt.AsJson = False,
) -> None:
    """Run a script in a sandbox; say if it repeats."""
    from lifesigns.commands.rerun import rerun as command

    code = command(
        script,
        arguments or [],
        module=module,
        timeout=timeout,
        allow_network=allow_network,
        keep=keep,
        json_output=json,
    )
    raise typer.Exit(code)


@app.command(context_settings={"allow_interspersed_args": False})
def prove(
    context: typer.Context,
    script: opt.ScriptOrRun,
    arguments: opt.Arguments = None,
    module: opt.AsModule = False,
    metric: opt.Metric = "",
    lower: opt.LowerIsBetter = False,
    margin: opt.Margin = 0.05,
    tries: opt.Tries = 10,
    pairs: opt.Pairs = 12,
    jobs: opt.Jobs = None,
    on: opt.Where = "local",
    timeout: opt.Timeout = None,
    allow_network: opt.AllowNetwork = False,
    auto: opt.Auto = False,
    dry_run: opt.DryRun = False,
    apply: opt.Apply = False,
    output: opt.ProofFolder = None,
    json: opt.AsJson = False,
) -> None:
    """Train with and without a remedy; say if it is proved."""
    from lifesigns.commands.prove import Wanted, prove_remedy
    from lifesigns.prove.proof import Limits
    from lifesigns.prove.scores import Measure

    opt.say_misplaced(context, script, arguments or [])
    how, limits = Measure(metric, lower, margin), Limits(tries, pairs)
    wanted = Wanted(
        how, limits, jobs, on, timeout, allow_network, auto, dry_run, apply, output, json
    )
    raise typer.Exit(prove_remedy(script, arguments or [], wanted, module=module))


@app.command()
def check(
    targets: opt.Checked,
    json: opt.JsonFile = None,
    sarif: opt.SarifFile = None,
    select: opt.Select = None,
    ignore: opt.Ignore = None,
    output_format: opt.OutputFormat = opt.Format.text,
) -> None:
    """Judge a network by one training step, before training."""
    file = Path(targets[0] if Path(targets[0]).is_file() else targets[0].rpartition(":")[0])
    chosen = opt.selected(opt.settings_of(file), select, ignore)
    from lifesigns.commands.check import check as command

    form = output_format.value
    code = command(*targets, json_path=json, sarif_path=sarif, selection=chosen, output_format=form)
    raise typer.Exit(code)


@app.command()
def show(
    paths: opt.RanksFiles,
    json: opt.AsJson = False,
    sarif: opt.SarifFile = None,
    select: opt.Select = None,
    ignore: opt.Ignore = None,
    output_format: opt.OutputFormat = opt.Format.text,
) -> None:
    """Print the report of a stored run."""
    from lifesigns.commands.show import show as command

    chosen = opt.selected(opt.settings_of(Path.cwd()), select, ignore)
    form = output_format.value
    code = command(*paths, json_output=json, sarif_path=sarif, selection=chosen, output_format=form)
    raise typer.Exit(code)


@app.command()
def compare(
    paths: opt.Runs,
    align: opt.AlignBy = opt.Align.step,
    json: opt.AsJson = False,
    html: opt.HtmlFile = None,
    select: opt.Select = None,
    ignore: opt.Ignore = None,
) -> None:
    """Print where runs differ (code 1: a new alarm)."""
    from lifesigns.commands.compare import compare_runs as command

    selection = opt.selected(opt.settings_of(Path.cwd()), select, ignore)
    code = command(paths, axis=align.value, json_output=json, html=html, selection=selection)
    raise typer.Exit(code)


@app.command()
def report(
    path: opt.RunFile,
    output: opt.Output,
    every: opt.Rewrite = None,
    select: opt.Select = None,
    ignore: opt.Ignore = None,
) -> None:
    """Write the page of a stored run: one file with all its charts."""
    from lifesigns.commands.report import report as command

    selection = opt.selected(opt.settings_of(Path.cwd()), select, ignore)
    raise typer.Exit(command(path, output, every=every, selection=selection))


@app.command()
def live(
    path: opt.RunFile,
    host: opt.Host = "127.0.0.1",
    port: opt.Port = 0,
    opened: opt.Opened = False,
    select: opt.Select = None,
    ignore: opt.Ignore = None,
) -> None:
    """Serve the page of a run while it trains, or afterwards."""
    selection = opt.selected(opt.settings_of(Path.cwd()), select, ignore)
    from lifesigns.commands.live import live as command

    raise typer.Exit(command(path, host=host, port=port, opened=opened, selection=selection))


@app.command()
def rules() -> None:
    """List the rules."""
    from lifesigns.commands.rules import rules as command

    command(opt.stdout())


@app.command()
def explain(
    name: opt.RuleOrTopic = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", callback=opt.writable, help="Write a topic's page there."),
    ] = None,
) -> None:
    """Explain a rule, or a topic of the textbook in numbers."""
    from lifesigns.commands.explain import explain as command

    command(name, opt.stdout(), html=html)


@app.command()
def demo(
    fault: opt.Fault = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of everything random.")] = 0,
) -> None:
    """Watch seven small networks train, six with a fault."""
    from lifesigns.commands.demo import demo as command

    raise typer.Exit(command(fault, seed))


@app.command()
def lab(
    design: Annotated[
        Path | None, typer.Argument(metavar="[DESIGN.toml]", help="The same settings as a file.")
    ] = None,
    data: opt.LabData = None,
    target: opt.Target = None,
    net: opt.Net = None,
    activation: opt.Activation = None,
    init: opt.Init = None,
    loss: opt.LabLoss = None,
    optimizer: opt.Optimizer = None,
    rate: opt.Rate = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="[default: 8]")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="[default: 500]")] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", help="[default: 32]")] = None,
    momentum: Annotated[float | None, typer.Option(metavar="M", help="[default: 0]")] = None,
    weight_decay: Annotated[float | None, typer.Option(metavar="W", help="[default: 0]")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Tables, page, design; resumes there.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Most processes. [default: all processors]"),
    ] = None,
    on: opt.Where = "local",
    parquet: Annotated[bool, typer.Option("--parquet", help="Also write Parquet tables.")] = False,
) -> None:
    """Compare activations, initialisers, losses and optimizers by training small networks."""
    from lifesigns.commands.lab import lab as command

    options = {
        "data": data,
        "target": target,
        "hidden": net,
        "activations": activation,
        "initialisers": init,
        "losses": loss,
        "optimizers": optimizer,
        "rates": rate,
        "seeds": seeds,
        "steps": steps,
        "batch_size": batch,
        "momentum": momentum,
        "weight_decay": weight_decay,
    }
    raise typer.Exit(command(design, options, out=out, jobs=jobs, on=on, parquet=parquet))


@app.command()
def functions(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An activation, initialiser or loss.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=opt.writable, help="Write a page with pictures there."
        ),
    ] = None,
) -> None:
    """Show activations, initialisers and losses, or one of them."""
    from lifesigns.commands.functions import functions as command

    command(name, html)


@app.command()
def claims(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[CLAIM]...", help="Which. [default: all]")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer seeds and steps; how long is said before.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the book of pictures there.")
    ] = None,
    json: opt.AsJson = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run everything anew, whatever is kept.")
    ] = False,
) -> None:
    """Run the textbook's sentences as experiments."""
    from lifesigns.commands.claims import claims as command

    raise typer.Exit(command(names or [], quick=quick, out=out, json_output=json, fresh=fresh))


@app.command()
def play(
    lesson: opt.Lesson = None,
    data: opt.PlayData = None,
    output: opt.PlayFile = Path("play.html"),
    no_open: opt.NoOpen = False,
) -> None:
    """Write the playground, one file for the browser, and open it."""
    from lifesigns.commands.play import play as command

    raise typer.Exit(command(output, lesson=lesson, data=data, lang=asked(), opened=not no_open))
