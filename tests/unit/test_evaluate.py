"""``restoration evaluate``: photographs, figures, the report and its refusals, on real pictures and real weights."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from restoration.cli import app
from restoration.errors import EnvironmentProblem, ModelError, OutOfMemory, ReasonCode, RecipeError, UsageError
from restoration.evaluate import features, perceptual, plots, report, statistics
from restoration.evaluate.colorizers import Request, Run, evaluate
from restoration.evaluate.features import FrechetTally, check_minimum, load_feature_net
from restoration.evaluate.figures import FIGURES
from restoration.evaluate.pictures import MOST_FAMILIES, TILE, cases, strip
from restoration.models.loading import LoadedModels
from restoration.settings import get_settings
from restoration.steps.colorize import Step
from tests.unit.picture_maker import gray, photograph, smaller
from tests.unit.standins import astronaut, entry_text, hopper, models_with, registry_with

SIDE = 96
FACES = 'step = "faces"\nrestorer = "sharpener"\nidentity_threshold = 0.0'
NAMES = {
    "navy_hopper.png": hopper,
    "nasa_collins.png": astronaut,
    "thing_coffee.png": lambda: photograph("coffee"),
    "thing_cat.png": lambda: photograph("chelsea"),
    "thing_china.png": lambda: photograph("china"),
    "=evil_<b>&\"x'.png": lambda: photograph("flower"),
}


def saved(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.rint(pixels[:, :, ::-1] * 255).astype(np.uint8)
    assert cv2.imwrite(str(path), np.ascontiguousarray(whole))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name, pixels in NAMES.items():
        saved(folder / name, smaller(pixels(), SIDE))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> LoadedModels:
    return LoadedModels(registry_with(tmp_path_factory.mktemp("models")), device="cpu", threads=1)


@pytest.fixture(scope="module")
def standing_in(tmp_path_factory) -> LoadedModels:
    return models_with(tmp_path_factory.mktemp("standins"))


@pytest.fixture(scope="module")
def done(photos, models):
    run = Run(Request(photos, ("house-colorizer", "seed-autoencoder"), long_side=SIDE), models)
    ticks: list[int] = []
    scores = list(run.scores(lambda: ticks.append(1)))
    assert len(ticks) == len(NAMES)
    evaluation = run.result()
    assert evaluation.scores == tuple(scores)
    return run, evaluation


@pytest.fixture
def command(monkeypatch):
    monkeypatch.setenv("RESTORATION_DEVICE", "cpu")
    monkeypatch.setenv("RESTORATION_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()

    def run(*words: object):
        return CliRunner().invoke(app, ["evaluate", *map(str, words)])

    yield run
    get_settings.cache_clear()


def values(evaluation, model: str, photo: str) -> dict[str, float]:
    return dict(next(s.values for s in evaluation.scores if (s.model, s.photo) == (model, photo)))


# -- figures ----------------------------------------------------------------------------------------------------------
def test_every_photograph_is_scored_for_gray_every_model_and_the_truth(done):
    _, evaluation = done
    models = ["gray", "house-colorizer", "seed-autoencoder", "truth"]
    assert [s.model for s in evaluation.scores] == models * len(NAMES)
    assert [m.name for m in evaluation.members] == sorted(NAMES)
    assert not evaluation.failed
    assert evaluation.perceptual


def test_gray_and_truth_are_the_two_ends_of_every_figure(done):
    _, evaluation = done
    nothing, truth = (values(evaluation, model, "navy_hopper.png") for model in ("gray", "truth"))
    assert nothing["colourfulness"] == pytest.approx(0, abs=1e-3)
    assert (nothing["bleed"], nothing["skin_blue"]) == (0, 0)
    assert nothing["colour_share"] == pytest.approx(0, abs=1e-4)
    assert nothing["ssim_y"] > 0.97
    assert nothing["skin_delta_e00"] > 5
    assert truth["face_colourfulness"] > 10
    assert truth["colourfulness"] == pytest.approx(nothing["truth_colourfulness"])
    assert not {name for name, figure in FIGURES.items() if figure.needs_truth} & truth.keys()
    assert truth["sharpness"] == pytest.approx(nothing["sharpness"], rel=0.1)


def test_figures_lie_within_their_ranges_and_all_of_them_are_given(done):
    _, evaluation = done
    seen = set()
    for score in evaluation.scores:
        for name, value in score.values.items():
            assert FIGURES[name].low - 1e-9 <= value <= FIGURES[name].high, (name, score)
            seen.add(name)
    assert seen == set(FIGURES)


def test_skin_is_measured_where_there_are_people_only(done):
    _, evaluation = done
    people = {m.name: m.group for m in evaluation.members if m.group}
    assert set(people) == {"navy_hopper.png", "nasa_collins.png"}
    for score in evaluation.scores:
        assert ("skin_blue" in score.values) == (score.photo in people)


def test_a_picture_equal_to_the_truth_is_perfect(photos, models, monkeypatch):
    """A colorizer that knows the answer: what every figure is at its best."""
    truths = {name: smaller(pixels(), SIDE) for name, pixels in NAMES.items()}

    def knowing(self, frames, parameters, models):
        from restoration.steps.protocol import StepOutcome

        exact = [np.rint(truths[frame.name] * 255).astype(np.float32) / np.float32(255) for frame in frames]
        return [StepOutcome(f.picture.with_pixels(p), "applied") for f, p in zip(frames, exact, strict=True)]

    monkeypatch.setattr(Step, "apply_many", knowing)
    evaluation = evaluate(Request(photos, ("house-colorizer",), long_side=SIDE), models)
    found = values(evaluation, "house-colorizer", "navy_hopper.png")
    assert found["delta_e00"] == pytest.approx(0, abs=1e-5)
    assert found["skin_delta_e00"] == pytest.approx(0, abs=1e-5)
    assert (found["psnr"], found["st_lpips"]) == (100, 0)
    assert (found["mse"], found["channel_agreement"]) == (pytest.approx(0, abs=1e-9), pytest.approx(1, abs=1e-3))
    assert found["ssim_y"] == pytest.approx(1)
    assert found["colour_share"] == pytest.approx(1)


def test_the_order_of_models_and_doubles_do_not_matter(photos, models, done):
    request = Request(photos, ("seed-autoencoder", "gray", "seed-autoencoder"), long_side=SIDE)
    one = evaluate(request, models)
    assert [entry.name for entry in one.models] == ["seed-autoencoder"]
    name = "thing_coffee.png"
    assert values(one, "seed-autoencoder", name) == values(done[1], "seed-autoencoder", name)
    assert one.data_set_sha256 == done[1].data_set_sha256


# -- recipes ----------------------------------------------------------------------------------------------------------
def test_recipes_are_compared_like_models_in_both_orders_of_the_seeds_chain(tmp_path, standing_in):
    """Faces sharpened before or after colorizing: both orders are asked for, scored, and differ where a face is."""
    saved(tmp_path / "nasa_collins.png", smaller(astronaut(), 256))
    names = tuple(f"recipe:{tmp_path / name}.toml" for name in ("forth", "back"))
    steps = {"colorize": 'step = "colorize"\nmodel = "seed-autoencoder"', "faces": FACES}
    for name, order in (("forth", ("colorize", "faces")), ("back", ("faces", "colorize"))):
        body = "\n".join(f"[[steps]]\n{steps[step]}" for step in order)
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\ntitle = "t"\n[[steps]]\nstep = "triage"\n{body}\n')
    run = Run(Request(tmp_path, ("seed-autoencoder", *names), long_side=256), standing_in)
    list(run.scores())
    evaluation = run.result()
    assert not evaluation.problems
    plain, forth, back = (
        values(evaluation, name, "nasa_collins.png") for name in ("seed-autoencoder", "recipe:forth", "recipe:back")
    )
    assert len({plain["mse"], forth["mse"], back["mse"]}) == 3
    assert max(forth["ssim_y"], back["ssim_y"]) < plain["ssim_y"]  # a face was changed
    facts = [one.facts() for one in evaluation.models]
    assert [fact["name"] for fact in facts] == ["seed-autoencoder", "recipe:forth", "recipe:back"]
    assert facts[1]["sha256"] == facts[2]["sha256"]
    assert facts[1]["version"] != facts[2]["version"]
    assert {entry["name"] for entry in facts[1]["models"]} >= {"seed-autoencoder", "sharpener"}
    assert facts[1]["about"] == "recipe: triage, colorize, faces"


def test_a_recipe_that_enlarges_cannot_be_compared(photos, standing_in, tmp_path):
    (tmp_path / "large.toml").write_text('name = "large"\ntitle = "t"\n[[steps]]\nstep = "upscale"\nfactor = 2\n')
    run = Run(Request(photos, (f"recipe:{tmp_path / 'large.toml'}",), long_side=SIDE), standing_in)
    assert list(run.scores()) == []
    with pytest.raises(UsageError, match="only pictures of one size can be compared"):
        run.result()


# -- real old photographs ---------------------------------------------------------------------------------------------
def test_old_photographs_are_neutralised_and_colour_ones_left_out(tmp_path, models):
    plain = smaller(gray(hopper()), SIDE)
    saved(tmp_path / "album_gray.png", plain)
    saved(tmp_path / "album_sepia.png", np.clip(plain * np.float32([1.0, 0.85, 0.65]), 0, 1))
    saved(tmp_path / "album_colour.png", smaller(photograph("coffee"), SIDE))
    request = Request(tmp_path, ("house-colorizer",), with_reference=False, long_side=SIDE)
    evaluation = evaluate(request, models)
    assert [m.name for m in evaluation.members] == ["album_gray.png", "album_sepia.png"]
    (problem,) = evaluation.problems
    assert (problem.name, problem.reason, problem.skipped) == ("album_colour.png", ReasonCode.ALREADY_COLOUR, True)
    assert not evaluation.failed
    assert {score.model for score in evaluation.scores} == {"gray", "house-colorizer"}
    for score in evaluation.scores:
        assert not {name for name, figure in FIGURES.items() if figure.needs_truth} & score.values.keys()
        assert "face_colourfulness" in score.values
    assert values(evaluation, "gray", "album_sepia.png")["colourfulness"] == pytest.approx(0, abs=1e-3)


# -- photographs that fail --------------------------------------------------------------------------------------------
def test_an_unreadable_photograph_is_named_and_does_not_stop_the_run(tmp_path, command):
    saved(tmp_path / "a_good.png", smaller(photograph("coffee"), SIDE))
    (tmp_path / "b_broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"nothing" * 40)
    (tmp_path / "c_empty.png").write_bytes(b"")
    saved(tmp_path / "d_strip.png", photograph("coffee")[:40])
    saved(tmp_path / "e_narrow.png", photograph("coffee")[:, :200])
    answer = command("--photos", tmp_path, "--long-side", SIDE, "--json")
    assert answer.exit_code == 1
    assert {json.loads(line)["photo"] for line in answer.stdout.splitlines()} == {"a_good.png", "e_narrow.png"}
    assert "failed b_broken.jpg" in answer.stderr
    assert "failed c_empty.png [empty_file]" in answer.stderr
    assert "failed d_strip.png [too_small]: it is 600 x 40, a strip of 6 pixels" in " ".join(answer.stderr.split())


def test_a_photograph_that_one_model_fails_on_is_left_out_for_all(photos, models, monkeypatch):
    genuine = Step.apply_many

    def tired(self, frames, parameters, models):
        if parameters.model == "seed-autoencoder" and any("coffee" in frame.name for frame in frames):
            raise OutOfMemory("no memory for it")
        return genuine(self, frames, parameters, models)

    monkeypatch.setattr(Step, "apply_many", tired)
    evaluation = evaluate(Request(photos, ("house-colorizer", "seed-autoencoder"), long_side=SIDE), models)
    (problem,) = evaluation.problems
    assert (problem.name, problem.reason) == ("thing_coffee.png", ReasonCode.OUT_OF_MEMORY)
    assert "seed-autoencoder fails on it" in problem.message
    assert evaluation.failed
    assert len(evaluation.members) == len(NAMES) - 1
    assert len(evaluation.scores) == 4 * (len(NAMES) - 1)


def test_where_nothing_can_be_read_there_is_no_result(tmp_path, models):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"none of the 1 photographs .* a\.png"):
        evaluate(Request(tmp_path, ("house-colorizer",)), models)


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (("nobody",), ModelError, "there is no model 'nobody'"),
        (("centerface",), ModelError, "no colorizer"),
        (("gfpgan-1.4",), ModelError, "no colorizer"),
        (("house-colorizer", " "), UsageError, "empty name"),
        (("recipe:nobody",), RecipeError, "there is no recipe 'nobody'"),
    ],
)
def test_models_are_checked_before_the_first_photograph(photos, models, names, error, words):
    with pytest.raises(error, match=words):
        Run(Request(photos, names), models)


def test_folders_and_sides_are_checked(tmp_path, photos, models):
    with pytest.raises(UsageError, match="is not a folder"):
        Run(Request(tmp_path / "none", ("house-colorizer",)), models)
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UsageError, match="holds no photographs"):
        Run(Request(tmp_path, ("house-colorizer",)), models)
    with pytest.raises(UsageError, match="64 to 4096"):
        Run(Request(photos, ("house-colorizer",), long_side=20), models)


# -- FID --------------------------------------------------------------------------------------------------------------
class Means(torch.nn.Module):
    """Mean and spread of each channel: six features."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean(dim=(2, 3)), x.std(dim=(2, 3))], dim=1)


class Maps(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, ::100, ::100]


class Nowhere(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3)) / torch.zeros(1)


def scripted(module: torch.nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(module, torch.rand(2, 3, 299, 299)).save(str(path))
    return path


def test_fid_comes_from_a_net_that_the_user_brings(photos, models, tmp_path):
    net = scripted(Means(), tmp_path / "means.pt")
    request = Request(photos, ("house-colorizer",), long_side=SIDE, feature_net=str(net), fid_minimum=7)
    with pytest.raises(UsageError, match="at least 7 photographs and there are 6"):
        Run(request, models)
    tally = FrechetTally(load_feature_net(str(net), models))
    rng = np.random.default_rng(0)
    for _ in range(10):
        picture = rng.random((40, 30, 3), np.float32)
        for name, shift in (("truth", 0.0), ("same", 0.0), ("darker", 0.25)):
            tally.add(name, np.clip(picture - np.float32(shift), 0, 1))
    found = tally.distances("truth")
    assert set(found) == {"same", "darker"}
    assert found["same"] == pytest.approx(0, abs=1e-9)
    assert found["darker"] > 0.1


@pytest.mark.slow
def test_fid_is_printed_with_the_hash_of_its_net(photos, tmp_path, command):
    for number in range(3):
        for name in list(NAMES)[:3]:
            saved(tmp_path / "many" / f"{number}_{name}", smaller(NAMES[name](), 80 + 8 * number))
    net = scripted(Means(), tmp_path / "means.pt")
    words = ["--photos", tmp_path / "many", "--long-side", SIDE, "--fid", net, "--out", tmp_path / "out"]
    refused = command(*words)
    assert isinstance(refused.exception, UsageError)
    assert "at least 2000 photographs" in str(refused.exception)
    answer = command(*words, "--fid-minimum", 8)
    assert answer.exit_code == 0
    assert "FID house-colorizer" in answer.stdout
    known = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert known["feature_net"]["sha256"] == hashlib.sha256(net.read_bytes()).hexdigest()
    assert known["feature_net"]["features"] == 6
    assert known["fid"]["house-colorizer"] > 0
    assert known["feature_net"]["sha256"] in (tmp_path / "out" / "report.html").read_text()


def test_a_feature_net_may_be_one_of_the_registry(tmp_path):
    file = tmp_path / "means.safetensors"
    save_file({"weight": torch.ones(6)}, file)

    class Weighted(Means):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(6))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * self.weight

    registry = registry_with(tmp_path, entry_text("means", "means-net", "identity", file))
    net = load_feature_net("means", LoadedModels(registry, device="cpu", threads=1, builders={"means-net": Weighted}))
    assert (net.name, net.size) == ("means", 6)
    assert net.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    white = np.ones((20, 30, 3), np.float32)
    assert net([white, white]) == pytest.approx(np.tile([1, 1, 1, 0, 0, 0], (2, 1)), abs=1e-6)


def test_a_torchscript_net_may_have_a_name_in_the_registry_and_is_held_against_its_hash(tmp_path):
    file = scripted(Means(), tmp_path / "means.pt")
    registry = registry_with(tmp_path, entry_text("means", features.TORCHSCRIPT, "identity", file))
    models = LoadedModels(registry, device="cpu", threads=1)
    net = load_feature_net("means", models)
    assert (net.name, net.size, net.sha256) == ("means", 6, registry.entry("means").sha256)
    with file.open("ab") as stream:
        stream.write(b"!")
    with pytest.raises(ModelError, match="not the file pinned"):
        load_feature_net("means", models)


def test_fid_is_refused_where_it_means_nothing(photos, models, tmp_path):
    with pytest.raises(ModelError, match="neither a file nor a name") as raised:
        load_feature_net("inception", models)
    assert raised.value.reason == ReasonCode.MODEL_UNKNOWN
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"no net")
    with pytest.raises(ModelError, match="cannot be read as TorchScript"):
        load_feature_net(str(wrong), models)
    with pytest.raises(ModelError, match=r"it must give N x D"):
        load_feature_net(str(scripted(Maps(), tmp_path / "maps.pt")), models)
    with pytest.raises(ModelError, match="no numbers"):
        load_feature_net(str(scripted(Nowhere(), tmp_path / "nan.pt")), models)
    with pytest.raises(UsageError, match="--fid-minimum is 100, but this net has 2048 features"):
        check_minimum(5000, 100, 2048)
    with pytest.raises(UsageError, match="--no-reference"):
        Run(Request(photos, ("house-colorizer",), with_reference=False, feature_net="x"), models)
    check_minimum(2049, 2049, 2048)


def test_a_net_that_fails_is_named():
    def broken(batch: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(ModelError, match=r"net x\.pt fails on pictures .* cannot be multiplied"):
        features.features_of(broken, torch.zeros(1, 3, 4, 4), "x.pt")
    with pytest.raises(ModelError, match="gives tuple"):
        features.features_of(lambda batch: (batch,), torch.zeros(1, 3, 4, 4), "x.pt")


# -- the report -------------------------------------------------------------------------------------------------------
class Page(HTMLParser):
    """What a screen reader and a browser would meet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(done, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("report") / "out"
    report.write_report(*done, target)
    return target


def test_the_report_is_one_folder_that_needs_no_network(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "http" not in text
    assert "<script" not in text
    page = Page(text)
    sources = [image["src"] for image in page.all("img")]
    assert sources
    assert all((folder / source).is_file() for source in sources)
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert written == {"report.html", "scores.csv", "summary.json", *sources}


def test_the_report_can_be_read_aloud(folder):
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert page.all("html") == [{"lang": "en"}]
    assert all(image["alt"] for image in page.all("img"))
    assert all(cell["scope"] in {"col", "row"} for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    headings = [tag for tag, _ in page.tags if tag in {"h1", "h2", "h3"}]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a")} <= ids
    assert {section["aria-labelledby"] for section in page.all("section")} <= ids


def test_names_of_files_are_text_and_nothing_else(folder):
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "=evil_<b>&\"x'.png" in page.text
    assert not page.all("b")
    rows = list(csv.DictReader((folder / "scores.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["photo"][:2] for row in rows if "evil" in row["photo"]} == {"'="}
    assert len(rows) == 4 * len(NAMES)


def test_the_csv_and_the_summary_hold_what_was_measured(done, folder):
    _, evaluation = done
    rows = csv.DictReader((folder / "scores.csv").read_text(encoding="utf-8").splitlines())
    found = {(row["photo"], row["model"]): row for row in rows}
    row = found["navy_hopper.png", "house-colorizer"]
    expected = values(evaluation, "house-colorizer", "navy_hopper.png")
    assert float(row["delta_e00"]) == pytest.approx(expected["delta_e00"], rel=1e-8)
    assert row["ita_group"] != ""
    assert found["thing_coffee.png", "house-colorizer"]["skin_blue"] == ""
    known = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert known["photos"] == len(NAMES)
    assert known["data_set_sha256"] == evaluation.data_set_sha256
    assert [model["name"] for model in known["models"]] == ["house-colorizer", "seed-autoencoder"]
    means = {row["model"]: row["means"] for row in known["overall"]}
    by_hand = np.mean([s.values["delta_e00"] for s in evaluation.scores if s.model == "house-colorizer"])
    assert means["house-colorizer"]["delta_e00"] == pytest.approx(by_hand, rel=1e-8)
    assert {group["ita_group"] for group in known["ita_groups"]} == {m.group for m in evaluation.members if m.group}
    assert {pair["metric"] for pair in known["comparisons"]} == set(statistics.COMPARED_WITH_TRUTH)


def test_the_same_evaluation_gives_the_same_bytes(done, folder, tmp_path):
    report.write_report(*done, tmp_path / "again")
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(folder)).read_bytes(), path.name


def test_pictures_show_worst_median_and_best_and_are_bounded(done, folder):
    _, evaluation = done
    shown = cases(evaluation)
    things = [(case.place, case.photo) for case in shown if case.family == "thing"]
    order = sorted(
        (s for s in evaluation.scores if s.family == "thing" and s.model == "house-colorizer"),
        key=lambda s: -s.values["delta_e00"],
    )
    assert things == [("worst", order[0].photo), ("median", order[1].photo), ("best", order[2].photo)]
    assert len(shown) <= 3 * MOST_FAMILIES
    strips = sorted((folder / "pictures").iterdir())
    assert [path.name for path in strips] == [f"{n:04d}.jpg" for n in range(1, len(shown) + 1)]
    for path, case in zip(strips, shown, strict=True):
        height, width = cv2.imread(str(path)).shape[:2]
        assert width <= len(case.models) * (SIDE + 6)
        assert height <= SIDE + 20
    large = np.zeros((900, 300, 3), np.float32)
    assert strip({"gray": large, "x": large}).shape[0] <= TILE + 20


def test_plots_are_drawings_without_a_date(folder):
    for path in (folder / "plots").iterdir():
        text = path.read_text(encoding="utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert "dc:date" not in text
    assert {path.stem for path in (folder / "plots").iterdir()} == {*plots.WITH_TRUTH, "families"}


def test_a_folder_with_other_files_is_not_touched(tmp_path, photos, done, folder):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(UsageError, match="holds other files"):
        report.check_folder(tmp_path, photos)
    for inside in (photos, photos / "report"):
        with pytest.raises(UsageError, match="outside the folder of photographs"):
            report.check_folder(inside, photos)
    with pytest.raises(UsageError, match="is a file"):
        report.check_folder(tmp_path / "letters.txt", photos)
    report.check_folder(tmp_path / "new", photos)
    report.check_folder(folder, photos)


def test_without_matplotlib_a_report_is_refused_before_the_work(tmp_path, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EnvironmentProblem, match="extra 'demo'") as raised:
        report.check_folder(tmp_path / "new", photos)
    assert raised.value.exit_code == 3


# -- the command ------------------------------------------------------------------------------------------------------
def test_the_command_prints_tables_by_family_group_and_pair(photos, command, tmp_path):
    answer = command("--data", photos, "--long-side", SIDE, "--out", tmp_path / "out")
    assert answer.exit_code == 0, answer.output
    for words in (
        "By family",
        "By skin group",
        "Model against model",
        "no clear difference",
        "navy",
        "all",
        "ST-LPIPS",
    ):
        assert words in answer.stdout
    assert (tmp_path / "out" / "report.html").is_file()
    assert "report:" in answer.stderr


def test_where_st_lpips_is_missing_its_column_is_left_out_with_a_note(photos, command, monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "weights_path", lambda: None)
    answer = command("--photos", photos, "--long-side", SIDE, "--out", tmp_path / "out")
    assert answer.exit_code == 0
    assert "ST-LPIPS is left out" in answer.stdout
    assert "ST-LPIPS is left out" in (tmp_path / "out" / "report.html").read_text()


def test_json_is_one_object_a_photograph_and_model(photos, command):
    answer = command("--photos", photos, "--models", "house-colorizer", "--long-side", SIDE, "--json")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(lines) == 3 * len(NAMES)
    assert {"model", "photo", "sha256", "family", "ita_group", "delta_e00"} <= lines[1].keys()
    content = (photos / lines[1]["photo"]).read_bytes()
    assert lines[1]["sha256"] == hashlib.sha256(content).hexdigest()


def test_wrong_words_are_refused(photos, command):
    assert isinstance(command("--photos", photos, "--device", "tpu").exception, UsageError)
    assert command().exit_code == 2


def test_without_a_catalog_nothing_is_recorded_and_nothing_computed(photos, command, monkeypatch):
    from restoration.errors import CatalogError

    monkeypatch.delenv("RESTORATION_DATABASE_URL", raising=False)
    get_settings.cache_clear()
    answer = command("--photos", photos, "--record")
    assert isinstance(answer.exception, CatalogError)
    assert answer.stdout == ""


# -- the project's photographs ----------------------------------------------------------------------------------------
@pytest.mark.photos
@pytest.mark.slow
def test_gray_pass_through_has_its_known_figures(photos_folder, tmp_path, models):
    known = {"krna": (25.11, 7.24, 33), "twly": (23.03, 8.26, 42), "ukmp": (24.91, 8.62, 33)}
    for path in (photos_folder / "reference").iterdir():
        if path.name.split("_")[0] in known:
            (tmp_path / path.name).symlink_to(path)
    evaluation = evaluate(Request(tmp_path, ("gray",)), models)
    rows = {row.family: row.means for row in statistics.by_family(evaluation.scores) if row.model == "gray"}
    for family, (psnr, difference, colour) in known.items():
        assert rows[family]["psnr"] == pytest.approx(psnr, abs=0.05)
        assert rows[family]["delta_e00"] == pytest.approx(difference, abs=0.02)
        assert rows[family]["truth_colourfulness"] == pytest.approx(colour, abs=1)
    portraits = [member for member in evaluation.members if member.family in {"twly", "ukmp"}]
    assert all(member.group for member in portraits)
