"""Places that a finder takes for damage: found, written, read again, and cut round."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restoration.errors import UsageError
from restoration.models.nets import house_finder
from restoration.train import hard_places
from restoration.train.damage_crops import DamagedCrops, Place, Wear, zoomed
from restoration.train.hard_places import HardPlace, chosen, find_places, places_of, read_places, write_places


class FindsWhite(torch.nn.Module):
    """A finder for which whatever is white is a hole, for sure."""

    def forward(self, luma):
        sure = torch.where(luma > 0.8, 9.0, -9.0)
        kinds = torch.zeros(luma.shape[0], 6, *luma.shape[2:])
        kinds[:, 2] = 5.0
        return torch.cat([sure, kinds], dim=1)


def dotted(at=(150, 60), shape=(200, 300)):
    plane = np.full(shape, 0.4, np.float32)
    cv2.circle(plane, at, 8, 1.0, -1)
    return plane


def test_the_place_is_where_the_finder_would_fill():
    (place,) = places_of(FindsWhite(), dotted(), "a.jpg")
    assert place.photo == "a.jpg"
    assert (place.x, place.y) == (pytest.approx(0.5, abs=0.01), pytest.approx(0.3, abs=0.01))
    assert place.likely > 0.99
    assert not list(places_of(FindsWhite(), np.full((200, 300), 0.4, np.float32), "b.jpg"))


def test_a_file_of_places_comes_back(tmp_path):
    places = [HardPlace("a.jpg", 0.25, 0.5, 0.998), HardPlace("b, c.jpg", 0.1, 0.9, 0.87)]
    write_places(tmp_path / "places.csv", places)
    assert read_places(tmp_path / "places.csv") == places


def test_the_surest_of_each_photograph_are_kept_and_families_can_be_left_out():
    places = [HardPlace("a_1.jpg", 0.1 * n, 0.5, 0.9 + 0.01 * n) for n in range(5)] + [
        HardPlace("b_1.jpg", 0.5, 0.5, 1.0)
    ]
    assert [round(one.x, 1) for one in chosen(places, 2)] == [0.4, 0.3, 0.5]
    assert {one.photo for one in chosen(places, 2, ["b"])} == {"a_1.jpg"}


@pytest.mark.parametrize("text", ["", "photo,x\na.jpg,1\n", "photo,x,y,likely\na.jpg,left,0.5,0.9\n"])
def test_another_file_is_refused_by_name(tmp_path, text):
    path = tmp_path / "places.csv"
    if text:
        path.write_text(text)
    if text or not path.exists():
        with pytest.raises(UsageError, match=r"places\.csv cannot be read as hard places"):
            read_places(path)


def test_photographs_are_asked_in_order(tmp_path):
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"a_{number}.png")
        cv2.imwrite(str(paths[-1]), np.round(dotted((60 + 60 * number, 60)) * 255).astype(np.uint8))
    found = list(find_places(FindsWhite(), paths))
    assert [one.photo for one in found] == sorted(one.photo for one in found)


def test_the_command_writes_a_file(tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / f"a_{number}.png"), np.round(dotted() * 255).astype(np.uint8))
    net = house_finder.build([4, 4, 8, 8, 8], folded=True)
    build = house_finder.build
    save_file(net.state_dict(), str(tmp_path / "weights.safetensors"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house_finder, "build", lambda **how: build([4, 4, 8, 8, 8], **how))
        hard_places.main(
            [
                "--photos",
                str(folder),
                "--weights",
                str(tmp_path / "weights.safetensors"),
                "--out",
                str(tmp_path / "p.csv"),
            ]
        )
    assert isinstance(read_places(tmp_path / "p.csv"), list)


def test_a_crop_round_a_place_holds_it():
    photo = np.repeat(dotted((20, 180))[:, :, None], 3, axis=2)
    for seed in range(20):
        crop = zoomed(photo, (96, 96), np.random.default_rng(seed), (20 / 300, 180 / 200))
        assert crop.max() > 0.95


def test_hard_places_are_cropped_as_often_as_asked(tmp_path):
    plain, hard = tmp_path / "a_plain.png", tmp_path / "a_hard.png"
    cv2.imwrite(str(plain), np.full((200, 200), 40, np.uint8))
    cv2.imwrite(str(hard), np.full((200, 200), 200, np.uint8))

    def mean(share):
        how = Wear(clean=1.0, hard_share=share)
        crops = DamagedCrops({"a": [plain]}, [], how, (64, 64), 3, 40, [Place(hard, 0.5, 0.5)])
        return np.mean([float(crops[number][0].mean()) > 0 for number in range(40)])

    assert mean(0.0) < 0.2
    assert 0.3 < mean(0.6) < 0.8
    assert mean(1.0) > 0.8
