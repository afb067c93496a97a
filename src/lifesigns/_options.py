"""Options of the command line: those that several commands share, and what their values become.

Like `cli`, it imports nothing before it is needed: `lifesigns --help` waits for nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifesigns._errors import cut
from lifesigns._help import chosen
from lifesigns._outputs import STDOUT, report_file
from lifesigns._ranks import filled, rank_here
from lifesigns.locale.spoken import said

if TYPE_CHECKING:
    from rich.console import Console

    from lifesigns.rules import Selection
    from lifesigns.settings import Settings


class StopOn(str, Enum):
    """What ends a run early."""

    error = "error"


class Format(str, Enum):
    """What is printed."""

    text = "text"
    github = "github"


class Align(str, Enum):
    """What the losses of two runs are aligned by."""

    step = "step"
    samples = "samples"


def _budget(text: str) -> float:
    """`1%`, `0.5%` or `0.01` as a share."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = float("nan")
    if not 0 < share <= 1:
        raise typer.BadParameter(f"{text!r} is no share of the training time, such as 1% or 0.01.")
    return share


def writable(path: Path | None) -> Path | None:
    """Looked at before training starts, because the report is written when it has ended.

    Args:
        path: None where it was not asked for; `-` is standard output, and always will do.

    Raises:
        UsageError: No report may be written there; the message says why.
    """
    if path is not None and path != STDOUT:
        report_file(filled(path, rank_here()))
    return path


Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="en|zh",
        callback=chosen,
        is_eager=True,
        expose_value=False,
        help="Language of what you read: English or Chinese. [default: that of the locale]",
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARGS", help="Everything after SCRIPT is the script's own."),
]
AsModule = Annotated[
    bool, typer.Option("-m", help="SCRIPT is the name of a module, as in python -m.")
]
RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="A run file (run --save RUN).")]
RanksFiles = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="A run file, or those of all ranks: one report."),
]
Every = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Record each N-th step; 1 records all.")
]
MaxSteps = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="End the run after N steps.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Raise the recorder's own failures.")]
Live = Annotated[bool, typer.Option("--live", help="Serve the page of the run while it trains.")]
Opened = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser here.")]
Save = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="Write a run file while training, for lifesigns show."),
]
Stop = Annotated[
    StopOn | None, typer.Option(help="End the run at the first finding that it cannot learn.")
]
Budget = Annotated[
    float | None,
    typer.Option(
        parser=_budget,
        metavar="SHARE",
        help="Share of the training time that watching may cost. [default: 1%]",
    ),
]
Runs = Annotated[
    list[Path],
    typer.Argument(metavar="A B [C...]", help="Run files; each is compared with the first."),
]
AlignBy = Annotated[
    Align, typer.Option(help="Compare losses at the same step or number of samples seen.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        callback=writable,
        help="Also write the report there; - is standard output, after what the script prints.",
    ),
]
SarifFile = Annotated[
    Path | None,
    typer.Option(
        "--sarif",
        metavar="FILE",
        callback=writable,
        help="Also write SARIF 2.1.0 there; - is standard output.",
    ),
]
OutputFormat = Annotated[
    Format,
    typer.Option(metavar="text|github", help="github: also print each finding as an annotation."),
]
HtmlFile = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        callback=writable,
        help="Also write a page with charts there; - is standard output.",
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="RULE,…", help="Ask these rules only: names, codes, ACT."),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="RULE,…", help="Leave these rules out."),
]
Output = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="FILE", help="Where; - is standard output."),
]
Rewrite = Annotated[
    float | None,
    typer.Option(min=1, metavar="SECONDS", help="Write it anew so often, until the run has ended."),
]
Host = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Listen there; others can reach it then."),
]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="[default: a free one]")]
Timeout = Annotated[
    float | None,
    typer.Option(
        min=1,
        metavar="SECONDS",
        help="End a training after that. [default: an hour, or ten times what RUN took]",
    ),
]
Keep = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep what it wrote, printed and recorded there."),
]
ScriptOrRun = Annotated[
    str, typer.Argument(metavar="SCRIPT|RUN", help="A training script, or a run file.")
]
AllowNetwork = Annotated[
    bool, typer.Option("--allow-network", help="Let it download; trackers stay offline.")
]
Metric = Annotated[
    str,
    typer.Option(
        metavar="KEY|REGEX",
        help="What it prints about itself: a key of its last line of JSON, or a regular expression "
        "with one group. [default: how prediction and target correlate]",
    ),
]
LowerIsBetter = Annotated[bool, typer.Option("--lower-is-better", help="Of that number.")]
Margin = Annotated[
    float,
    typer.Option(
        min=0, metavar="SHARE", help="By how much it must be better, of the number and of 1."
    ),
]
Tries = Annotated[int, typer.Option(min=1, metavar="N", help="Remedies to try at most.")]
Pairs = Annotated[int, typer.Option(min=1, metavar="N", help="Seeds to prove it on at most.")]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Trainings at the same time. [default: 1]"),
]
Where = Annotated[str, typer.Option(metavar="WHERE", help="local or ray.")]
Auto = Annotated[
    bool, typer.Option("--auto", help="Try the commonest remedies, too, where nothing was found.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be tried, and what it would cost.")
]
Apply = Annotated[bool, typer.Option("--apply", help="Write a proved change into the source.")]
ProofFolder = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="Write the proof, its pages, the patch and the runs there; resumes there.",
    ),
]
RuleOrTopic = Annotated[
    str | None,
    typer.Argument(
        metavar="RULE|TOPIC",
        help="A rule's name or code, or a topic: ACT001, backprop. [default: list topics]",
    ),
]
Checked = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE[:FACTORY]...",
        help="A function that returns (model, batch, loss_fn), or a script, which is run up to "
        "the end of its first training step.",
    ),
]
Fault = Annotated[
    str | None,
    typer.Option(
        metavar="FAULT",
        help="One of zero-init, dead-relu, saturated, double-softmax, linear, mse-sigmoid, "
        "none. [default: all, as a table]",
    ),
]

LabData = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="digits, iris, …, or a .csv or .npz file.")
]
Target = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Target column of a CSV. [default: last]")
]
Net = Annotated[str | None, typer.Option(metavar="WIDTHS", help="Hidden layers. [default: 64-64]")]
Activation = Annotated[
    str | None, typer.Option(metavar="A,B,…", help="relu, tanh, …, none. [default: relu]")
]
Init = Annotated[
    str | None, typer.Option(metavar="A,B,…", help="he, glorot, zeros, … [default: he]")
]
LabLoss = Annotated[str | None, typer.Option(metavar="A,B,…", help="[default: cross_entropy]")]
Optimizer = Annotated[str | None, typer.Option(metavar="A,B,…", help="sgd, adam, … [default: sgd]")]
Rate = Annotated[
    str | None,
    typer.Option(metavar="RATES", help="0.1 or 0.01,0.1 or 1e-3:1:log; tuned per cell."),
]
Lesson = Annotated[
    str | None, typer.Option(metavar="NAME", help="Begin with this lesson, such as zero-start.")
]
PlayData = Annotated[
    Path | None,
    typer.Option(metavar="FILE.csv", help="Put your own data in: the last column is the target."),
]
PlayFile = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="FILE", help="Where; - is standard output."),
]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Only write it.")]


def settings_of(start: Path) -> Settings:
    """The settings of the project that `start` belongs to.

    Args:
        start: A script of the project or a folder in it; the nearest settings at or above it count.

    Raises:
        UsageError: Its settings are not what is expected there; the message says which.
    """
    from lifesigns.settings import load_settings

    return load_settings(start)


def selected(settings: Settings, select: list[str] | None, ignore: list[str] | None) -> Selection:
    """The project's settings with the options put over them, each for itself.

    Args:
        settings: Of the project.
        select: Values of `--select`, each with commas or without; None leaves it to the settings.
        ignore: Values of `--ignore` likewise.

    Raises:
        UsageError: There is no such rule; the message offers the nearest names.
    """
    return settings.selection(
        None if select is None else _words(select), None if ignore is None else _words(ignore)
    )


def say_misplaced(context: typer.Context, script: str, arguments: Iterable[str]) -> None:
    """Says which of a script's arguments are called like options of the command.

    Args:
        context: Of the command.
        script: Behind which they stand.
        arguments: The script's own.
    """
    known = {name for one in context.command.params for name in one.opts if name.startswith("--")}
    words = dict.fromkeys(argument.partition("=")[0] for argument in arguments)
    if found := ", ".join(word for word in words if word in known):
        stands = f"{found} behind {cut(script)} is given to the script"
        own = f"an option of lifesigns {context.command.name} stands before it"
        print(f"lifesigns: {said(f'{stands}; {own}.')}", file=sys.stderr, flush=True)


def stdout() -> Console:
    """A console on standard output, as the reports are printed on."""
    from lifesigns.report.terminal import console_for

    return console_for(sys.stdout)


def _words(options: list[str]) -> list[str]:
    return [word for option in options for word in option.split(",") if word.strip()]
