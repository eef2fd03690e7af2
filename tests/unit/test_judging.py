"""Searching by tiles, and judging what was found: whole marks, lettering left alone, eyes protected, snow not swept."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from restoration.damage_kinds import MASK_CODES, DamageKind
from restoration.models.nets import house_finder
from restoration.models.nets.detection import Detection
from restoration.photo import bands
from restoration.steps import searching
from restoration.steps.judging import KINDS, decide, joined, judge, least_likelihood, lost_face_parts
from restoration.steps.searching import Found, search, tiles

SHAPE = (240, 320)


def found(shape=SHAPE):
    zero = lambda: np.zeros(shape, np.uint8)  # noqa: E731
    return Found(zero(), zero(), zero())


def mark(answer, where, kind, likely=255):
    answer.likely[where] = likely
    answer.kind[where] = KINDS.index(kind)


def face(eyes=40, at=(160, 120)):
    x, y = at
    points = np.float32(
        [
            (x - eyes / 2, y),
            (x + eyes / 2, y),
            (x, y + eyes * 0.6),
            (x - eyes * 0.4, y + eyes),
            (x + eyes * 0.4, y + eyes),
        ]
    )
    return Detection((x - eyes, y - eyes, 2.0 * eyes, 2.6 * eyes), 0.9, points)


def spot(shape, centre, radius):
    canvas = np.zeros(shape, np.uint8)
    cv2.circle(canvas, centre, radius, 1, -1)
    return canvas > 0


class Ramp(torch.nn.Module):
    """Answers from a neighbourhood of 61 pixels, as a real finder does, and deterministically."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, luma):
        self.sizes.append(tuple(luma.shape[2:]))
        mean = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(luma, (30, 30, 30, 30), mode="replicate"), 61, 1)
        return torch.cat([(luma - mean) * 8, mean, -mean, luma, -luma, mean, -mean], dim=1)


@given(height=st.integers(1, 6000), width=st.integers(1, 6000))
@example(1216, 1216)
@example(1217, 1217)
@example(192, 60_000)
@settings(deadline=None, max_examples=30)
def test_tiles_cover_everything_once_and_see_a_margin(height, width):
    counted = np.zeros((height, width), np.uint8)
    for inner, seen in tiles(height, width):
        counted[inner] += 1
        for answered, looked, length in zip(inner, seen, (height, width), strict=True):
            assert looked.start == max(0, answered.start - searching.MARGIN)
            assert looked.stop == min(length, answered.stop + searching.MARGIN)
            assert looked.start % 32 == 0, "a net answers otherwise between its strides"
        area = (seen[0].stop - seen[0].start) * (seen[1].stop - seen[1].start)
        assert area <= (searching.TILE + 2 * searching.MARGIN) ** 2
    assert (counted == 1).all()


def test_a_scan_of_a_megapixel_is_one_tile_whatever_its_shape():
    assert len(list(tiles(814, 1229))) == len(list(tiles(1000, 1000))) == len(list(tiles(400, 3000))) == 1


def test_no_seam_between_tiles(monkeypatch):
    rng = np.random.default_rng(2)
    luma = cv2.GaussianBlur(rng.random((330, 410), np.float32), (0, 0), 2)
    whole = search(Ramp(), luma, "cpu")
    monkeypatch.setattr(searching, "TILE", 128)
    net = Ramp()
    tiled = search(net, luma, "cpu")
    assert max(max(size) for size in net.sizes) <= 128 + 2 * searching.MARGIN
    for name in ("likely", "kind", "writing"):
        first, second = getattr(whole, name), getattr(tiled, name)
        assert np.abs(first.astype(int) - second.astype(int)).max() <= 1, name


def test_planes_in_files_say_what_planes_in_memory_do(monkeypatch):
    luma = cv2.GaussianBlur(np.random.default_rng(4).random((301, 413), np.float32), (0, 0), 3)
    plain = search(Ramp(), luma, "cpu")
    monkeypatch.setattr(bands, "LARGE_PIXELS", 20_000)
    monkeypatch.setattr(bands, "BAND_PIXELS", 9_000)
    large = search(Ramp(), luma, "cpu")
    for name in ("likely", "kind", "writing"):
        assert np.array_equal(getattr(plain, name), getattr(large, name)), name


@pytest.mark.parametrize("folded", [True, False])
def test_joining_at_once_is_joining_a_doubled_map(folded):
    torch.manual_seed(5)
    net = house_finder.build((8, 8, 8, 16, 16), folded=folded).eval()
    for join, inside in zip(net.join, (16, 16, 8, 8), strict=True):
        small = torch.randn(1, inside, 5, 7)
        beside = torch.randn(1, join.conv.in_channels - inside, 10, 14)
        with torch.inference_mode():
            plain = house_finder._joined(join, small, beside)
            at_once = house_finder._joined_at_once(join, small, beside)
        assert plain.abs().max() > 0.1
        assert torch.allclose(at_once, plain, atol=1e-5)


def test_a_finder_that_learns_answers_as_one_that_is_asked():
    torch.manual_seed(6)
    net = house_finder.build((8, 8, 8, 16, 16), folded=True).eval()
    luma = torch.rand(1, 1, 64, 96) * 2 - 1
    with torch.inference_mode():
        asked = net(luma)
        assert torch.allclose(net.train()(luma), asked, atol=1e-4 * float(asked.abs().max()))


class BySize(torch.nn.Module):
    """Answers each size of a scan with one logit everywhere, the scan's own first."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = list(logits)
        self.kinds = torch.zeros(6)
        self.kinds[KINDS.index(DamageKind.DUST)] = 5.0

    def forward(self, luma):
        height, width = luma.shape[2:]
        logit = torch.full((1, 1, height, width), float(self.logits.pop(0)))
        return torch.cat([logit, self.kinds.view(1, 6, 1, 1).expand(1, 6, height, width)], dim=1)


@pytest.mark.parametrize(
    ("logits", "together"),
    [((2, 3, -7), 2.5), ((6, -7, -7), 5.0), ((-7, 6, -7), -0.5), ((-7, 3, 4), 3.5), ((-7.5, -7.5, -7.5), -7.5)],
)
def test_two_sizes_must_agree_and_only_the_scans_own_may_speak_alone(logits, together):
    net = BySize(*logits)
    answer = search(net, np.zeros((1000, 400), np.float32), "cpu")
    assert net.logits == []
    assert np.unique(answer.likely).tolist() == [pytest.approx(255 / (1 + np.exp(-together)), abs=0.6)]
    if together > -6:
        assert (answer.kind == KINDS.index(DamageKind.DUST)).all()


@pytest.mark.parametrize("shape", [(37, 53), (16, 16), (200, 90)])
def test_the_house_net_answers_for_every_pixel(shape):
    torch.manual_seed(0)
    net = house_finder.build().eval()
    answer = search(net, np.random.default_rng(0).random(shape, np.float32), "cpu")
    assert all(plane.shape == shape and plane.dtype == np.uint8 for plane in vars(answer).values())


def test_folding_changes_nothing():
    torch.manual_seed(1)
    net = house_finder.build()
    with torch.no_grad():
        for _ in range(3):
            net.train()(torch.rand(2, 1, 64, 64) * 2 - 1)
        luma = torch.rand(1, 1, 32, 64) * 2 - 1
        before = net.eval()(luma)
        after = house_finder.fold_batch_norm(net)(luma)
    assert torch.allclose(before, after, atol=1e-4)


def test_a_mark_is_kept_whole_and_a_faint_one_is_not():
    answer = found()
    mark(answer, (slice(50, 53), slice(20, 200)), DamageKind.SCRATCH, 110)
    mark(answer, (slice(50, 53), slice(90, 100)), DamageKind.SCRATCH, 255)
    mark(answer, (slice(150, 153), slice(20, 200)), DamageKind.SCRATCH, 110)
    marks = judge(answer, 0.5, [])
    assert marks.codes[51, 25] == MASK_CODES[DamageKind.SCRATCH]
    assert not marks.mask[151].any()
    assert marks.regions[DamageKind.SCRATCH] == 1
    # each mark is taken a pixel wider, for its soft edge
    assert marks.share(DamageKind.SCRATCH) == pytest.approx((3 * 180 + 2 * 180 + 2 * 3) / marks.mask.size)


def test_sensitivity_is_monotone_and_zero_finds_nothing():
    assert least_likelihood(0.0) >= 1
    values = [least_likelihood(step / 10) for step in range(11)]
    assert values == sorted(values, reverse=True)
    answer = found()
    mark(answer, (slice(10, 14), slice(10, 60)), DamageKind.DUST)
    assert not judge(answer, 0.0, []).mask.any()
    assert judge(answer, 0.5, []).mask.any()


def test_what_was_found_by_its_shape_joins_unless_the_net_is_sure_or_it_lies_in_an_eye():
    answer = found()
    shapes = np.zeros(SHAPE, np.uint8)
    shapes[20:23, 10:200] = MASK_CODES[DamageKind.SCRATCH]
    shapes[60:63, 10:90] = MASK_CODES[DamageKind.SCRATCH]
    shapes[118:123, 138:143] = MASK_CODES[DamageKind.DUST]
    answer.likely[20:23, 10:200] = 60
    answer.likely[118:123, 138:143] = 60
    marks = joined(judge(answer, 0.5, [face()]), shapes, answer, [face()])
    assert (marks.codes[20:23, 10:200] == MASK_CODES[DamageKind.SCRATCH]).all()
    assert marks.regions[DamageKind.SCRATCH] == 1
    assert not marks.mask[60:63].any()
    assert not marks.mask[118:123].any()
    assert joined(judge(answer, 0.5, []), shapes, answer, []).mask[118:123, 138:143].all()


@pytest.mark.parametrize("part", [(0, 360), (20, 330)])
def test_a_printed_oval_round_the_picture_is_no_scratch_and_a_crack_across_it_is(part):
    answer = found()
    oval = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(oval, (160, 120), (140, 105), 4, *part, 1, 3)
    mark(answer, oval > 0, DamageKind.SCRATCH)
    assert not judge(answer, 0.5, []).mask.any()
    assert not joined(judge(answer, 0.5, []), oval * 48, answer, []).mask.any()
    crack = np.zeros(SHAPE, np.uint8)
    cv2.polylines(crack, [np.int32([(10, 20), (120, 90), (180, 160), (310, 230)])], False, 1, 3)
    answer = found()
    mark(answer, crack > 0, DamageKind.CREASE)
    assert judge(answer, 0.5, []).mask[crack > 0].all()


def test_a_print_that_is_surely_damaged_elsewhere_is_judged_by_a_lower_measure():
    answer = found()
    mark(answer, (slice(50, 52), slice(20, 120)), DamageKind.SCRATCH, 240)
    nothing = np.zeros(SHAPE, np.uint8)
    assert not decide(answer, nothing, 0.5, []).mask.any()
    mark(answer, (slice(100, 108), slice(20, 300)), DamageKind.CREASE)
    marks = decide(answer, nothing, 0.5, [])
    assert marks.mask[50:52, 20:120].all()
    assert marks.regions[DamageKind.SCRATCH] == marks.regions[DamageKind.CREASE] == 1


def test_lettering_is_reported_and_left():
    answer = found()
    mark(answer, (slice(200, 220), slice(30, 120)), DamageKind.SCRATCH)
    answer.writing[198:222, 28:122] = 220
    marks = judge(answer, 0.5, [])
    assert not marks.mask.any()
    assert marks.share(DamageKind.WRITING) > 0
    assert marks.regions[DamageKind.WRITING] == 1


def test_a_light_in_the_eye_stays_and_a_scratch_across_the_face_goes():
    answer = found()
    eye = spot(SHAPE, (140, 120), 3)
    mark(answer, eye, DamageKind.DUST, 225)
    answer.likely[120, 140] = 255
    scratch = np.zeros(SHAPE, bool)
    scratch[60:200, 158:161] = True
    mark(answer, scratch, DamageKind.SCRATCH, 255)
    assert judge(answer, 0.5, []).mask[eye].all()
    marks = judge(answer, 0.5, [face()])
    assert not marks.mask[eye].any()
    assert marks.mask[scratch].all()


def test_a_scratch_from_the_eye_to_the_mouth_is_no_part_of_a_face():
    answer = found()
    scratch = np.zeros(SHAPE, bool)
    scratch[116:158, 141:145] = True
    mark(answer, scratch, DamageKind.SCRATCH, 225)
    answer.likely[130, 142] = 255
    assert judge(answer, 0.5, [face()]).mask[scratch].all()


def test_a_scratch_that_an_eye_interrupts_goes_on_beyond_it():
    """The net hesitates over an eyelid: the piece there is small, and would stay as a stroke across the eye."""
    answer = found()
    scratch = np.zeros(SHAPE, bool)
    scratch[40:113, 139:142] = True
    mark(answer, scratch, DamageKind.SCRATCH)
    piece = np.zeros(SHAPE, bool)
    piece[117:129, 139:142] = True
    mark(answer, piece, DamageKind.SCRATCH, 225)
    answer.likely[120, 140] = 255
    lid = np.zeros(SHAPE, bool)
    lid[120:123, 172:186] = True
    mark(answer, lid, DamageKind.SCRATCH, 225)
    answer.likely[121, 180] = 255
    marks = judge(answer, 0.5, [face()])
    assert marks.mask[piece].all()
    assert not marks.mask[lid].any()


def test_many_spots_of_one_size_are_left_for_a_person_and_dust_of_all_sizes_is_not():
    snow, dust = found(), found()
    rng = np.random.default_rng(3)
    for number in range(70):
        centre = (12 + (number % 10) * 30, 14 + (number // 10) * 32)
        mark(snow, spot(SHAPE, centre, 3), DamageKind.DUST)
        mark(dust, spot(SHAPE, centre, int(rng.integers(1, 9))), DamageKind.DUST)
    left = judge(snow, 0.5, [])
    assert left.alike
    assert not left.mask.any()
    swept = judge(dust, 0.5, [])
    assert not swept.alike
    assert swept.mask.any()


def test_what_kind_the_net_takes_flakes_for_changes_nothing_and_the_rest_is_judged_no_lower():
    snow = found()
    kinds = (DamageKind.DUST, DamageKind.HOLE, DamageKind.CREASE)
    shapes = np.zeros(SHAPE, np.uint8)
    for number in range(70):
        flake = spot(SHAPE, (12 + (number % 10) * 30, 14 + (number // 10) * 32), 4)
        mark(snow, flake, kinds[number % 3])
        shapes[flake] = MASK_CODES[DamageKind.DUST]
    tree = np.zeros(SHAPE, bool)
    tree[:, 290:300] = True
    mark(snow, tree, DamageKind.HOLE, 240)  # likely enough for a print that is surely damaged elsewhere
    marks = decide(snow, shapes, 0.5, [])
    assert marks.alike
    assert not marks.mask.any()


def test_a_few_lamps_of_nearly_one_size_are_left_and_a_few_specks_of_all_sizes_are_not():
    lamps, dust = found(), found()
    for number, radius in enumerate((1, 2, 3, 4, 5, 6, 7, 8, 9)):
        mark(lamps, spot(SHAPE, (14 + number * 32, 60), 6), DamageKind.HOLE)
        mark(dust, spot(SHAPE, (14 + number * 32, 60), radius), DamageKind.HOLE)
    assert judge(lamps, 0.5, []).alike
    assert not judge(lamps, 0.5, []).mask.any()
    assert judge(dust, 0.5, []).mask.any()


@pytest.mark.parametrize(
    ("centre", "radius", "lost"),
    [
        ((140, 120), 14, True),
        ((160, 160), 18, True),
        ((160, 128), 55, True),
        ((160, 95), 10, False),
        ((20, 20), 60, False),
    ],
)
def test_holes_that_take_what_nobody_knows(centre, radius, lost):
    assert bool(lost_face_parts(spot(SHAPE, centre, radius), [face()])) is lost
