"""``restoration evaluate``: compare colorizers or face restorers on photographs, with or without a known truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from restoration.cli.evaluation_output import (
    NO_ST_LPIPS,
    Asked,
    check_catalog,
    print_means,
    print_pairs,
    record_row,
    scored,
    tell_problems,
)

if TYPE_CHECKING:
    from rich.console import Console

    from restoration.evaluate.colorizers import Evaluation
    from restoration.evaluate.statistics import Row
    from restoration.models.loading import LoadedModels

TASKS = {
    "colorize": ("house-colorizer", ("--long-side", "--fid", "--fid-minimum")),
    "restore-face": ("house-restorer", ("--seed",)),
    "repair": ("", ("--seed", "--marks")),
}
"""What can be compared: the model that is taken where none is named, and the options that no other task has."""

HELP = """Compare colorizers or face restorers on one folder of photographs; doing nothing is always beside them.

--task colorize: with --reference the photographs are colour ones, made gray with their own L*, painted, and held
against the truth. With --no-reference they are real old photographs (gray or tinted scans), and only figures that need
no truth are given.

--task restore-face: with --reference the photographs are sharp portraits; their faces are degraded from --seed and
restored, and held against the truth. With --no-reference they are real old photographs, and every face is shown as it
was and restored.

--task repair: whole photographs are made gray, damaged from --seed in seven trials (thin and bold scratches, creases,
tears, holes, dust, three together), mended, and held against the truth; what a mender changes about whole ones is shown
too. Beside the models stand doing nothing, the true mask with OpenCV's inpainting, and the step without nets. With
--marks finders are held against damage that people marked on real old photographs (benchmarks/old_damage.json).

Photographs are grouped by family: the file name up to the first underscore. --out writes scores.csv, summary.json and
a report with plots and pictures (report.html); --record keeps the scores in the catalog. A TorchScript file given with
--fid is a program and is run: take none from strangers.

Exit codes: 0 all compared; 1 some photographs could not be; 2 wrong usage; 3 something on this machine is missing.
"""


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("evaluate", help=HELP)(evaluate)


def evaluate(
    photos: Annotated[Path, typer.Option("--photos", "--data", help="Folder of photographs.", show_default=False)],
    task: Annotated[str, typer.Option(help="colorize, restore-face or repair.")] = "colorize",
    models: Annotated[
        str | None,
        typer.Option(
            help="Registry names, recipe:NAME (colorize) or file:PATH of weights (restore-face), comma-separated; the "
            "house model, if left out."
        ),
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference/--no-reference", help="Whether the photographs are the truth.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Folder for the report, scores.csv and summary.json.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the scores in the catalog (worker's login).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a picture and model on stdout.")] = False,
    data_set: Annotated[
        str, typer.Option(help="Name of the data set in reports and catalog; the folder's, if left out.")
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option(help="restore-face, repair: what damage is drawn from; 1, if left out.", show_default=False),
    ] = None,
    marks: Annotated[
        Path | None, typer.Option(help="repair: damage marked by hand; no damage is made then.", show_default=False)
    ] = None,
    long_side: Annotated[
        int | None, typer.Option(help="colorize: long side at which to compare, in pixels; 256, if left out.")
    ] = None,
    fid: Annotated[
        str | None, typer.Option(help="colorize: feature net for FID: a TorchScript file, or a registry name.")
    ] = None,
    fid_minimum: Annotated[
        int | None, typer.Option(help="colorize: fewest photographs for which FID is given; 2000, if left out.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto; the setting, if left out.")] = None,
) -> None:
    """See HELP."""
    from restoration.errors import UsageError
    from restoration.evaluate import report
    from restoration.models.loading import LoadedModels
    from restoration.settings import get_settings

    if device not in {None, "cpu", "cuda", "auto"}:
        raise UsageError(f"--device is {device!r}; it may be cpu, cuda or auto")
    of_tasks = {"--seed": seed, "--marks": marks, "--long-side": long_side, "--fid": fid, "--fid-minimum": fid_minimum}
    _check_task(task, [name for name, value in of_tasks.items() if value is not None], with_reference=reference)
    if out is not None:
        report.check_folder(out, photos)
    if record:
        check_catalog()
    settings = get_settings()
    loaded = LoadedModels(
        device=device or settings.device,
        threads=settings.threads,
        precision=settings.precision,
        compiled=settings.compile_nets,
    )
    names = tuple(filter(None, (TASKS[task][0] if models is None else models).split(",")))
    asked = Asked(photos, names, reference, out, record, as_json, data_set)
    if task == "restore-face":
        from restoration.cli.evaluate_faces import evaluate_faces

        failed = evaluate_faces(asked, loaded, seed)
    elif task == "repair":
        from restoration.cli.evaluate_repair import evaluate_repair

        failed = evaluate_repair(asked, loaded, seed, marks)
    else:
        failed = _evaluate_colorizers(asked, loaded, long_side, fid, fid_minimum)
    if failed:
        raise typer.Exit(1)


def _check_task(task: str, given: Sequence[str], *, with_reference: bool) -> None:
    """:raises UsageError: no such task, or an option that means nothing for it."""
    from restoration.errors import UsageError

    if task not in TASKS:
        raise UsageError(f"--task is {task!r}; it may be {' or '.join(TASKS)}")
    for name in given:
        owners = [other for other, (_, options) in TASKS.items() if name in options]
        if task not in owners:
            raise UsageError(f"{name} goes with --task {' or '.join(owners)} only; leave it away for --task {task}")
    if "--seed" in given and not with_reference:
        raise UsageError("--seed decides how faces are degraded; with --no-reference nothing is degraded")
    if {"--seed", "--marks"} <= set(given):
        raise UsageError("--seed decides what damage is made; with --marks none is made, so leave one of them away")
    if task == "repair" and not with_reference:
        raise UsageError("--task repair makes damage, so that the photographs are the truth; leave --no-reference away")


def _evaluate_colorizers(
    asked: Asked, loaded: LoadedModels, long_side: int | None, fid: str | None, fid_minimum: int | None
) -> bool:
    """Compare, print, write and record; whether some photographs failed."""
    from rich.console import Console

    from restoration.evaluate import report
    from restoration.evaluate.colorizers import Request, Run
    from restoration.evaluate.recording import evaluation_row

    own = {"long_side": long_side, "feature_net": fid, "fid_minimum": fid_minimum}
    given = {name: value for name, value in own.items() if value is not None}
    request = Request(asked.photos, asked.models, asked.with_reference, data_set=asked.data_set, **given)  # type: ignore[arg-type]
    run = Run(request, loaded)
    console = Console(stderr=True)
    scored(console, len(run.names), run.scores, as_json=asked.as_json)
    evaluation = run.result()
    if not asked.as_json:
        _print_tables(evaluation)
    if asked.out is not None:
        console.print(f"report: {report.write_report(run, evaluation, asked.out)}", markup=False, soft_wrap=True)
    if asked.record:
        console.print(f"kept in the catalog as evaluation {record_row(evaluation_row(evaluation))}", markup=False)
    tell_problems(console, evaluation.problems)
    return evaluation.failed


def _print_tables(evaluation: Evaluation) -> None:
    from rich.console import Console

    from restoration.evaluate import figures, statistics

    console = Console()
    metrics = figures.SHOWN_WITH_TRUTH if evaluation.request.with_reference else figures.SHOWN_WITHOUT
    groups = statistics.by_group(evaluation.scores)
    print_means(console, "By family", "family", statistics.by_family(evaluation.scores), metrics)
    if groups:
        print_means(console, "By skin group (ITA of the truth)", "group", groups, metrics)
        _print_fairness(console, groups)
    print_pairs(console, evaluation.pairs)
    for model, distance in evaluation.fid.items():
        net = evaluation.fid_net
        console.print(f"FID {model}: {distance:.3f} ({net.name if net else ''})", markup=False)
    if evaluation.request.with_reference and not evaluation.perceptual:
        console.print(NO_ST_LPIPS, markup=False)


def _print_fairness(console: Console, groups: Sequence[Row]) -> None:
    from restoration.evaluate.figures import FIGURES
    from restoration.evaluate.statistics import fairness

    for row in fairness(groups):
        if row.ratio is not None:
            label = FIGURES[row.metric].label
            console.print(
                f"{row.model}, {label}: worst group ({row.worst}) over best ({row.best}) is {row.ratio:.2f}",
                markup=False,
            )
