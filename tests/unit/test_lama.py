"""LaMa: true keys and shapes, its Fourier convolution against numpy, its published archive read without running it."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restoration.damage_kinds import MASK_CODES, DamageKind, Mending
from restoration.errors import ModelError, ReasonCode
from restoration.models.files import Registry
from restoration.models.headers import read_heads
from restoration.models.loading import LoadedModels, built_on_meta, check_file, fill, read_weights
from restoration.models.manifests import form_of, form_of_net, heads_of
from restoration.models.nets import lama
from restoration.settings import Settings
from restoration.steps import filling, repair
from restoration.steps.inpainters import inpainter_of
from restoration.steps.judging import Marks
from restoration.steps.parameters import Repair
from restoration.steps.protocol import Frame
from tests.unit.picture_maker import gray, photograph, picture
from tests.unit.standins import entry_text

SMALL = {"width": 8, "blocks": 2}
OPTIONS = "width = 8\nblocks = 2"


def seeded(seed=7):
    """A small net of the true architecture whose statistics of normalisation are not those of a fresh one."""
    torch.manual_seed(seed)
    net = lama.build(**SMALL).eval()
    for name, buffer in net.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand(buffer.shape) * 0.2 + (0.9 if name.endswith("var") else 0))
    return net


@pytest.fixture(scope="module")
def net():
    return seeded()


# -- the net ---------------------------------------------------------------------------------------------------------
def test_keys_and_shapes_are_the_published_ones():
    form = form_of_net(built_on_meta("lama", {}))
    shapes = {name: head.shape for name, head in form.tensors.items()}
    assert len(shapes) == 989
    assert 50_900_000 < form.parameters < 51_200_000
    assert shapes["model.1.ffc.convl2l.weight"] == (64, 4, 7, 7)
    assert shapes["model.1.bn_l.running_mean"] == (64,)
    assert shapes["model.3.ffc.convl2l.weight"] == (256, 128, 3, 3)
    assert shapes["model.4.ffc.convl2g.weight"] == (384, 256, 3, 3)
    assert shapes["model.4.bn_l.weight"] == (128,)
    assert shapes["model.4.bn_g.weight"] == (384,)
    assert "model.4.ffc.convg2l.weight" not in shapes
    assert shapes["model.5.conv1.ffc.convl2l.weight"] == (128, 128, 3, 3)
    assert shapes["model.5.conv1.ffc.convg2l.weight"] == (128, 384, 3, 3)
    assert shapes["model.22.conv2.ffc.convg2g.conv1.0.weight"] == (192, 384, 1, 1)
    assert shapes["model.22.conv2.ffc.convg2g.conv1.1.num_batches_tracked"] == ()
    assert shapes["model.22.conv2.ffc.convg2g.fu.conv_layer.weight"] == (384, 384, 1, 1)
    assert shapes["model.22.conv2.ffc.convg2g.fu.bn.bias"] == (384,)
    assert shapes["model.22.conv2.ffc.convg2g.conv2.weight"] == (384, 192, 1, 1)
    assert shapes["model.24.weight"] == (512, 256, 3, 3)
    assert shapes["model.25.running_var"] == (256,)
    assert shapes["model.30.bias"] == (64,)
    assert shapes["model.34.weight"] == (3, 64, 7, 7)
    assert shapes["model.34.bias"] == (3,)
    assert "model.1.ffc.convl2l.bias" not in shapes


def test_the_shipped_entry_has_a_manifest():
    entry = Registry.load().entry("lama")
    assert (entry.architecture, entry.task, entry.precision) == ("lama", "inpaint", ("fp32",))
    form = form_of(entry)
    assert form is not None
    assert form.tensors == form_of_net(built_on_meta("lama", {})).tensors


def test_the_fourier_unit_is_what_numpy_says():
    torch.manual_seed(1)
    unit = lama.FourierUnit(3).eval()
    unit.bn.running_mean.copy_(torch.rand(6) - 0.5)
    unit.bn.running_var.copy_(torch.rand(6) + 0.5)
    x = torch.randn(2, 3, 6, 10)
    with torch.inference_mode():
        answer = unit(x).numpy()
    spectrum = np.fft.rfft2(x.numpy().astype(np.float64), norm="ortho")
    parts = np.stack([spectrum.real, spectrum.imag], axis=2).reshape(2, 6, 6, 6)  # real and imaginary take turns
    mixed = np.einsum("oi,nihw->nohw", unit.conv_layer.weight.detach().numpy()[:, :, 0, 0], parts)
    centred = mixed - unit.bn.running_mean.numpy()[:, None, None]
    normal = np.maximum(centred / np.sqrt(unit.bn.running_var.numpy()[:, None, None] + unit.bn.eps), 0)
    pairs = normal.reshape(2, 3, 2, 6, 6)
    expected = np.fft.irfft2(pairs[:, :, 0] + 1j * pairs[:, :, 1], s=(6, 10), norm="ortho")
    assert np.abs(answer - expected).max() < 1e-5


def test_fourier_transforms_stay_in_full_precision(net):
    given = torch.rand(1, 4, 48, 32)
    seen = []
    hook = net.model[5].conv1.ffc.convg2g.fu.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        net(given)
    hook.remove()
    assert seen == [torch.float32]


def test_known_pixels_come_out_as_they_went_in(net):
    given = torch.rand(1, 4, 32, 48)
    given[:, 3:] = 0
    given[:, 3:, 8:20, 10:30] = 1
    given[:, :3] *= 1 - given[:, 3:]
    with torch.inference_mode():
        made = net(given)
        again = net(given)
    hole = given[:, 3:].expand_as(made) > 0
    assert torch.equal(made[~hole], given[:, :3][~hole])
    assert made[hole].min() > 0
    assert made[hole].max() < 1
    assert torch.equal(made, again)


class Recorder:
    """Stands for the net: keeps what it was given and answers with a ramp."""

    def __call__(self, given):
        self.given = given
        return torch.linspace(0, 1, given.shape[-1]).expand(given.shape[0], 3, *given.shape[2:])


def test_processing_is_the_published_one():
    recorder = Recorder()
    pixels = np.random.default_rng(0).random((37, 50, 3)).astype(np.float32)
    hole = np.zeros((37, 50), bool)
    hole[10:20, 5:30] = True
    made = lama.painted(recorder, pixels, hole, "cpu")
    given = recorder.given.numpy()
    assert given.shape == (1, 4, 40, 56)
    stamp = np.pad(hole.astype(np.float32), ((0, 3), (0, 6)), mode="symmetric")
    masked = np.pad(pixels, ((0, 3), (0, 6), (0, 0)), mode="symmetric").transpose(2, 0, 1) * (1 - stamp)
    assert np.array_equal(given[0, :3], masked)
    assert np.array_equal(given[0, 3], stamp)
    assert made.shape == pixels.shape
    assert np.array_equal(made[~hole], pixels[~hole])
    assert np.allclose(made[hole][:, 0], np.linspace(0, 1, 56)[np.nonzero(hole)[1]], atol=1e-6)


def test_the_smallest_picture_is_padded_to_what_reflection_needs(net):
    pixels = np.full((3, 5, 3), 0.5, np.float32)
    hole = np.zeros((3, 5), bool)
    hole[1, 2] = True
    assert lama.painted(net, pixels, hole, "cpu").shape == (3, 5, 3)


# -- the file --------------------------------------------------------------------------------------------------------
class Under(torch.nn.Module):
    """Holds another module under a name."""

    def __init__(self, name, inner):
        super().__init__()
        self.add_module(name, inner)

    def forward(self, given):
        return next(self.children())(given)


def archived(path, module):
    """What torch.jit writes, as the published file was made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(module.eval(), torch.rand(1, 4, 32, 32), check_trace=False).save(str(path))
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory, net):
    return archived(tmp_path_factory.mktemp("lama") / "big-lama.pt", Under("model", Under("generator", net)))


def test_a_published_archive_is_read_and_its_program_never_run(published, net, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the archive's program was loaded")

    monkeypatch.setattr(torch.jit, "load", never)
    monkeypatch.setattr(torch, "load", never)
    assert read_heads(published) == heads_of(net.state_dict())
    weights = read_weights(published)
    assert all(torch.equal(weights[name], tensor) for name, tensor in net.state_dict().items())
    again = lama.build(**SMALL).eval()
    fill(again, weights, published.name)
    given = torch.rand(1, 4, 24, 32)
    with torch.inference_mode():
        assert torch.equal(again(given), net(given))


@pytest.mark.parametrize("prefix", ["", "generator.", "model.generator.", "module."])
@pytest.mark.parametrize("name", ["plain.pt", "plain.safetensors"])
def test_plain_state_dicts_are_read_under_every_published_prefix(tmp_path, net, name, prefix):
    path = tmp_path / name
    state = {prefix + key: value for key, value in net.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    assert read_heads(path) == heads_of(net.state_dict())
    assert read_weights(path).keys() == net.state_dict().keys()


def test_an_archive_of_another_net_is_named(tmp_path):
    path = archived(tmp_path / "other.pt", torch.nn.Conv2d(4, 3, 1))
    with pytest.raises(ModelError, match=r"other\.pt does not fit LaMa: it lacks model\.1") as caught:
        fill(lama.build(**SMALL), read_weights(path), path.name)
    assert caught.value.reason is ReasonCode.MODEL_CORRUPT


class Furnished(torch.nn.Module):
    """A module with everything beside tensors that TorchScript keeps."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect")
        self.names = torch.jit.Attribute({"a": 0.5}, dict[str, float])
        self.sides = torch.jit.Attribute([1, 2], list[int])
        self.flags = torch.jit.Attribute([True], list[bool])
        self.tensors = torch.jit.Attribute([torch.ones(2)], list[torch.Tensor])
        self.maybe = torch.jit.Attribute(None, int | None)
        self.word = torch.jit.Attribute("word", str)
        self.pair = torch.jit.Attribute((1, "two"), tuple[int, str])
        self.place = torch.jit.Attribute(torch.device("cpu"), torch.device)
        self.register_buffer("kept", torch.arange(6).reshape(2, 3).t())

    def forward(self, given):
        return self.inner(given) + self.sides[0] + self.names["a"] + self.kept.sum()


def test_what_an_archive_holds_beside_tensors_is_passed_over(tmp_path):
    module = Furnished()
    path = tmp_path / "furnished.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save(str(path))
    assert read_heads(path) == heads_of(module.state_dict())
    weights = read_weights(path)
    assert all(torch.equal(weights[name], tensor) for name, tensor in module.state_dict().items())
    assert weights["kept"].is_contiguous()


def rewritten(source, target, change):
    """A copy of an archive, each of whose members ``change`` may replace; None leaves it out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


SPOILT = {
    "evil": lambda name, data: pickle.dumps(Evil(), 2) if name.endswith("/data.pkl") else data,
    "cut": lambda name, data: data[:40] if name.endswith("/data.pkl") else data,
    "no object": lambda name, data: pickle.dumps([1, 2], 2) if name.endswith("/data.pkl") else data,
}
NUMBERS = {
    "short numbers": lambda name, data: data[:-4] if name.endswith("/data/0") else data,
    "lost numbers": lambda name, data: None if name.endswith("/data/0") else data,
    "big endian": lambda name, data: b"big" if name.endswith("/byteorder") else data,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_spoilt_archives_are_refused_by_name(tmp_path, published, spoil, capsys):
    path = rewritten(published, tmp_path / "spoilt.pt", spoil)
    for read in (read_heads, read_weights):
        with pytest.raises(ModelError, match=r"spoilt\.pt") as caught:
            read(path)
        assert caught.value.reason is ReasonCode.MODEL_CORRUPT
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("spoil", NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers_that_do_not_fit_are_refused(tmp_path, published, spoil):
    path = rewritten(published, tmp_path / "spoilt.pt", spoil)
    with pytest.raises(ModelError, match=r"spoilt\.pt cannot be read as weights"):
        read_weights(path)


def round_in_itself():
    """An archive's pickle whose root module holds itself."""
    return b"\x80\x02c__torch__\nRoot\nq\x00)\x81q\x01}q\x02X\x05\x00\x00\x00innerq\x03h\x01sb."


def test_a_module_that_holds_itself_is_refused(tmp_path, published):

    def change(name, data):
        return round_in_itself() if name.endswith("/data.pkl") else data

    path = rewritten(published, tmp_path / "round.pt", change)
    with pytest.raises(ModelError, match=r"round\.pt cannot be read as weights"):
        read_heads(path)


# -- the step --------------------------------------------------------------------------------------------------------
def disc(shape, centre, radius):
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, centre, radius, 1, -1)
    return canvas > 0


@pytest.fixture(scope="module")
def models(tmp_path_factory, net):
    folder = tmp_path_factory.mktemp("registry")
    path = folder / "small-lama.safetensors"
    save_file(net.state_dict(), path)
    registry = folder / "registry.toml"
    fields = "size = { multiple_of = 8, minimum = 16 }"
    registry.write_text(entry_text("small-lama", "lama", "inpaint", path, OPTIONS, fields=fields), encoding="utf-8")
    loaded = LoadedModels(Registry.load(registry, settings=Settings(model_dir=folder)), device="cpu", threads=1)
    check_file(loaded.registry, loaded.entry("small-lama"))
    return loaded


@pytest.mark.parametrize("radius", [12, 60, 230])
def test_wide_holes_are_shown_with_context_and_within_bounds(models, radius):
    pixels = np.tile(gray(photograph("astronaut")), (3, 3, 1))
    hole = disc(pixels.shape[:2], (700, 760), radius)
    seen = []
    net = models.load("small-lama")
    hook = net.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    inpainter = inpainter_of(net, models.entry("small-lama"), "cpu")
    filled = filling.fill(pixels, hole, method=cv2.INPAINT_NS, inpainter=inpainter)
    hook.remove()
    ((_, channels, height, width),) = seen
    assert channels == 4
    assert max(height, width) <= 1024
    assert min(height, width) >= min(1016, 6 * radius, 2 * radius + 256)
    assert np.array_equal(filled.by_net, hole)
    assert np.array_equal(filled.pixels[~hole], pixels[~hole])
    assert np.ptp(filled.pixels, axis=2).max() == 0
    assert filled.pixels.min() >= 0
    assert filled.pixels.max() <= 1


@pytest.mark.parametrize(("thickness", "calls"), [(14, 5), (400, 1)])
def test_a_long_tear_is_taken_in_pieces_at_full_size_and_a_bulky_hole_at_once(models, thickness, calls):
    pixels = np.tile(gray(photograph("astronaut")), (3, 3, 1))
    tear = np.zeros(pixels.shape[:2], bool)
    tear[300 : 300 + thickness, 10:1500] = True
    seen = []
    net = models.load("small-lama")
    hook = net.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    inpainter = inpainter_of(net, models.entry("small-lama"), "cpu")
    filled = filling.fill(pixels, tear, method=cv2.INPAINT_NS, inpainter=inpainter)
    hook.remove()
    assert len(seen) == calls
    assert max(max(given.shape[2:]) for given in seen) <= 1024
    assert np.array_equal(filled.pixels[~tear], pixels[~tear])
    assert np.any(filled.pixels[tear] != pixels[tear], axis=1).mean() > 0.9
    if calls > 1:  # the second piece knows what the first one painted
        assert seen[1][0, 3, :, : 10 + 341 - 10].sum() == 0


def test_an_entry_says_how_large_a_picture_its_net_likes(models):
    entry = models.entry("small-lama")
    smaller = replace(entry, size=replace(entry.size, working_side=512))
    assert inpainter_of(None, entry, "cpu").side == 1024
    assert inpainter_of(None, smaller, "cpu").side == 512
    assert inpainter_of(None, smaller, "cpu").piece == 170


def test_a_hole_that_fits_gets_exactly_what_the_net_answers(models):
    pixels = photograph("coffee")
    hole = disc(pixels.shape[:2], (200, 150), 30)
    net = models.load("small-lama")
    inpainter = inpainter_of(net, models.entry("small-lama"), "cpu")
    filled = filling.fill(pixels, hole, method=cv2.INPAINT_NS, inpainter=inpainter, grained=False)
    around = (slice(0, 150 + 30 + 128 + 1), slice(200 - 30 - 128, 200 + 30 + 128 + 1))
    made = lama.painted(net, pixels[around], hole[around], "cpu")
    assert np.allclose(filled.pixels[around], made, atol=1e-6)


def test_the_step_repairs_with_lama_by_name(models, monkeypatch):
    whole = gray(photograph("astronaut"))
    hole = disc(whole.shape[:2], (120, 400), 20)
    torn = np.where(hole[:, :, None], np.float32(1), whole)
    codes = np.where(hole, MASK_CODES[DamageKind.HOLE], 0).astype(np.uint8)
    marks = Marks(codes, np.zeros_like(hole), {DamageKind.HOLE: 1})
    monkeypatch.setattr(repair, "_find", lambda *_: repair._Found(marks))
    one = picture(torn)
    outcome = repair.Step().apply(Frame("x", one, one), Repair(inpainter="small-lama", denoise=0.0), models)
    assert outcome.status == "applied"
    assert outcome.model.name == "small-lama"
    (record,) = outcome.damage
    assert (record.mending, record.model.name) == (Mending.NET, "small-lama")
    assert outcome.detail["filled_by_net"] == pytest.approx(hole.mean(), abs=1e-5)
    assert np.array_equal(outcome.mask > 0, hole)
    assert np.array_equal(outcome.picture.pixels[~hole], torn[~hole])
    assert np.ptp(outcome.picture.pixels, axis=2).max() == 0
    assert outcome.picture.pixels[hole].mean() < 0.99


def test_a_net_that_paints_nothing_is_named(models):
    entry = Registry.load().entry("house-colorizer")
    with pytest.raises(ModelError, match=r"'house-colorizer' .*fills no holes"):
        inpainter_of(torch.nn.Identity(), entry, "cpu")
