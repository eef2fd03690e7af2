"""The published face restorers' true architectures, beside current torch and torchvision, without their weights."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest
import torch

from restoration.errors import OutOfMemory
from restoration.models import compat
from restoration.models.buckets import run_in_buckets
from restoration.models.compat import import_face_archs, prepare_imports
from restoration.models.loading import LoadedModels, in_buckets_compiled, read_weights
from restoration.models.nets import gfpgan, restoreformer
from tests.unit.standins import Sharpener, entry_text, models_with, registry_with

SEED = 11


@pytest.mark.parametrize("visible", [None, "", "0"])
@pytest.mark.slow
def test_face_packages_import_in_a_fresh_process(visible):
    """The cures work twice, and whatever devices the process is told to see."""
    code = (
        "from restoration.models.compat import import_face_archs, prepare_imports\n"
        "prepare_imports(); prepare_imports()\n"
        "import_face_archs('gfpgan.archs.gfpganv1_clean_arch')\n"
        "import basicsr.data.degradations, facexlib.utils, torch, torchvision\n"
        "boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])\n"
        "print(torchvision.ops.nms(boxes, torch.tensor([.8, .9, .7]), .5).tolist())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[1, 2]"


def test_operators_that_load_are_left_alone(monkeypatch):
    """As where torch and torchvision are builds for the same CUDA: nothing is declared in their place."""
    monkeypatch.setattr(compat, "_kept", [])
    monkeypatch.setattr(compat, "_operators_load", lambda: True)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    compat._give_torchvision_operators()
    assert compat._kept == []


def test_our_suppression_is_greedy_and_keeps_the_best():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 11], [5, 0, 15, 10], [40, 40, 50, 50]])
    assert compat._nms(boxes, torch.tensor([0.9, 0.8, 0.7, 0.95]), 0.5).tolist() == [3, 0, 2]
    assert compat._nms(boxes[:0], torch.empty(0), 0.5).tolist() == []


def test_absent_module_is_an_import_error():
    prepare_imports()
    with pytest.raises(ImportError):
        import_face_archs("gfpgan.archs.no_such_arch")


@pytest.mark.slow
def test_gfpgan_has_the_published_keys_and_sizes():
    """86.44 M parameters and 0.70 M noise values: the 348.6 MB of the published files."""
    torch.manual_seed(SEED)
    net = gfpgan.build().eval()
    state = net.state_dict()
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(86.44e6, rel=1e-3)
    assert sum(v.numel() for v in state.values()) * 4 == pytest.approx(348_632_874, rel=2e-3)
    assert state["final_linear.weight"].shape == (8192, 4096)
    assert state["stylegan_decoder.constant_input.weight"].shape == (1, 512, 4, 4)
    assert state["stylegan_decoder.noises.noise14"].shape == (1, 1, 512, 512)
    for key in ("conv_body_first.weight", "conv_body_down.6.skip.weight", "toRGB.6.bias", "condition_shift.6.2.weight"):
        assert key in state
    (answer,) = run_in_buckets(net, [torch.zeros(3, 512, 512)], "cpu")
    assert answer.shape == (3, 512, 512)
    assert torch.isfinite(answer).all()


def test_gfpgan_file_is_read_by_its_state_key_and_gives_the_same_bytes(tmp_path):
    """The narrow form of the same architecture, through the registry, as the published file is laid out."""
    torch.manual_seed(SEED)
    narrow = gfpgan.build(out_size=64, narrow=0.125).eval()
    file = tmp_path / "GFPGAN.pth"
    torch.save({"params_ema": narrow.state_dict()}, file)
    options = 'state_key = "params_ema"\nout_size = 64\nnarrow = 0.125'
    registry = registry_with(tmp_path, entry_text("gfpgan-narrow", "gfpgan-clean", "restore-face", file, options))
    net = LoadedModels(registry, device="cpu", threads=2).load("gfpgan-narrow")
    face = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    answers = [run_in_buckets(net, [face], "cpu")[0] for _ in range(2)]
    assert torch.equal(*answers)
    assert torch.equal(answers[0], run_in_buckets(narrow, [face, -face], "cpu")[0])
    assert set(read_weights(file, "params_ema")) == set(net.state_dict())


@pytest.mark.parametrize(("size", "narrow", "count"), [(64, 0.25, 3), (128, 0.125, 2), (256, 0.0625, 1)])
def test_our_way_through_gfpgan_gives_what_the_package_gives(size, narrow, count):
    """Seeded weights of the true architecture, with noise strengths that are not zero as they are before training."""
    torch.manual_seed(SEED)
    net = gfpgan.build(out_size=size, narrow=narrow).eval()
    for name, parameter in net.named_parameters():
        if name.endswith(("bias", ".weight")) and parameter.numel() == 1:
            torch.nn.init.normal_(parameter, std=0.3)
    published = import_face_archs("gfpgan.archs.gfpganv1_clean_arch").GFPGANv1Clean(
        size,
        channel_multiplier=2,
        fix_decoder=False,
        input_is_latent=True,
        different_w=True,
        narrow=narrow,
        sft_half=True,
    )
    published.load_state_dict({key: value.contiguous() for key, value in net.state_dict().items()})
    faces = torch.rand(count, 3, size, size) * 2 - 1
    with torch.inference_mode():
        theirs, ours = published.eval()(faces.clone(), return_rgb=False, randomize_noise=False)[0], net(faces)
    assert theirs.std() > 0.05
    assert (theirs - ours).abs().max() <= 1e-4


def test_in_bf16_only_the_convolutions_lose_digits(monkeypatch):
    """Styles, demodulation and the sum of pictures stay whole, so that the answer is that of fp32 but for rounding."""
    torch.manual_seed(SEED)
    net = gfpgan.build(out_size=64, narrow=0.25).eval()
    faces = torch.rand(2, 3, 64, 64) * 2 - 1
    seen = []
    modulated = gfpgan.modulated_conv
    monkeypatch.setattr(gfpgan, "modulated_conv", lambda c, x, s: (seen.append(s.dtype), modulated(c, x, s))[1])
    with torch.inference_mode():
        whole = net(faces)
        seen.clear()
        with torch.autocast("cpu", torch.bfloat16):
            half = net(faces)
            plain = net.conv_body_first(faces)
    assert plain.dtype == torch.bfloat16
    assert half.dtype == torch.float32
    assert set(seen) == {torch.float32}
    assert (whole - half).abs().mean() < 0.02 * whole.std()


def test_compiled_net_gives_what_the_plain_one_gives(monkeypatch):
    """Traced as for a GPU, by the backend that runs anywhere."""
    torch.manual_seed(SEED)
    net = gfpgan.build(out_size=64, narrow=0.125).eval()
    faces = torch.rand(2, 3, 64, 64) * 2 - 1
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager", fullgraph=True))
    with torch.inference_mode():
        assert torch.allclose(in_buckets_compiled(net)(faces), net(faces), atol=1e-5)


def test_face_restorers_alone_are_compiled_and_their_results_are_kept_apart(tmp_path, monkeypatch):
    """As on a GPU, which is only pretended here: the backend runs anywhere."""
    compiled = []
    plain = partial(torch.compile, backend="eager")
    monkeypatch.setattr(torch, "compile", lambda net, **how: (compiled.append((type(net), how)), plain(net, **how))[1])
    on_cpu = models_with(tmp_path)
    assert not on_cpu.compiled
    assert "compiled" not in on_cpu.device_class
    on_cpu.compiled = True
    assert on_cpu.device_class.endswith("-compiled")
    face = torch.rand(1, 3, 512, 512) * 2 - 1
    for name in ("house-colorizer", "centerface", "dlib-face-embedding"):
        on_cpu.load(name)
    assert compiled == []
    with torch.inference_mode():
        assert torch.allclose(on_cpu.load("sharpener")(face), models_with(tmp_path).load("sharpener")(face), atol=1e-5)
    assert compiled == [(Sharpener, {"dynamic": False})]


def test_a_face_among_others_is_restored_as_it_is_alone():
    torch.manual_seed(SEED)
    net = gfpgan.build(out_size=64, narrow=0.25).eval()
    faces = torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        assert torch.allclose(net(faces)[2:3], net(faces[2:3]), atol=1e-5)


def test_a_face_gives_the_same_bytes_a_hundred_times():
    torch.manual_seed(SEED)
    net = gfpgan.build(out_size=64, narrow=0.125).eval()
    face = torch.rand(3, 64, 64) * 2 - 1
    answers = {run_in_buckets(net, [face], "cpu")[0].numpy().tobytes() for _ in range(100)}
    assert len(answers) == 1


def test_restoreformer_has_the_published_size():
    """72.37 M parameters: the 290.8 MB of the published file."""
    with torch.device("meta"):
        net = restoreformer.build()
    assert sum(v.numel() for v in net.state_dict().values()) * 4 == pytest.approx(290_785_322, rel=2e-3)


class Hungry:
    """Runs out of memory on more than ``most`` inputs at once."""

    def __init__(self, most: int) -> None:
        self.most, self.sizes = most, []

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batch * 2


def test_buckets_are_halved_until_they_fit(monkeypatch):
    monkeypatch.setattr("restoration.models.buckets._free", lambda device: None)
    inputs = [torch.full((1, 2, 2), float(i)) for i in range(11)]
    hungry = Hungry(most=3)
    outputs = run_in_buckets(hungry, inputs, "cpu:0", bucket=8)
    assert [float(o.mean()) for o in outputs] == [2.0 * i for i in range(11)]
    assert hungry.sizes[:3] == [8, 4, 2]
    assert set(hungry.sizes[3:]) == {2}


def test_not_even_one_fits():
    with pytest.raises(OutOfMemory):
        run_in_buckets(Hungry(most=0), [torch.zeros(1, 2, 2)], "cpu")
