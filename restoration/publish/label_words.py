"""What labels say to people, in English and Korean, the languages of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "ko"]
Kind = Literal["restored", "before", "after"]
"""The restored picture, the smaller copy of the scan, the smaller copy of the restored picture."""


@dataclass(frozen=True)
class Words:
    """One language. ``did`` is what a step did, by the step's name."""

    did: dict[str, str]
    other_step: str
    face: str
    faces: str
    some_faces: str
    some_parts: str
    nothing: str
    restored: str
    after: str
    before: str
    caution: str
    scan: str
    separator: str = ", "


_WORDS: dict[Language, Words] = {
    "en": Words(
        did={
            "triage": "a colour cast was removed",
            "repair": "scratches, stains and tears were filled in from their surroundings",
            "grade": "fading was undone",
            "colorize": "colours were guessed by a computer",
            "upscale": "it was enlarged",
        },
        other_step="the step {name!r} was applied",
        face="a face was redrawn by a computer",
        faces="{count} faces were redrawn by a computer",
        some_faces="faces were redrawn by a computer",
        some_parts="a trained model made parts of it",
        nothing="nothing had to be changed",
        restored="A restored picture, made by a computer from a scan: {did}.",
        after="A smaller copy of a restored picture, made by a computer from a scan: {did}.",
        before="A smaller copy of the scan as it was found; nothing was restored.",
        caution="It shows how it may have looked, not how it did.",
        scan="The untouched scan is kept by the archive; its sha256 is {sha256}.",
    ),
    "ko": Words(
        did={
            "triage": "변색된 색조를 없앰",
            "repair": "긁힘, 얼룩, 찢어진 곳을 주변에 맞추어 메움",
            "grade": "바랜 명암을 되살림",
            "colorize": "색을 컴퓨터가 추정함",
            "upscale": "크기를 늘림",
        },
        other_step="{name!r} 단계를 적용함",
        face="얼굴 한 곳을 컴퓨터가 다시 그림",
        faces="얼굴 {count}곳을 컴퓨터가 다시 그림",
        some_faces="얼굴을 컴퓨터가 다시 그림",
        some_parts="일부를 학습된 모델이 만듦",
        nothing="고칠 곳이 없었음",
        restored="컴퓨터가 스캔을 바탕으로 복원한 사진: {did}.",
        after="컴퓨터가 스캔을 바탕으로 복원한 사진의 축소본: {did}.",
        before="원본 스캔을 그대로 줄인 사진이며, 아무것도 복원하지 않았습니다.",
        caution="실제 모습이 아니라, 그랬을 수도 있는 모습입니다.",
        scan="손대지 않은 스캔은 기록관이 보관하고 있습니다. sha256: {sha256}.",
    ),
}


def did(step: str, faces: int, language: Language = "en") -> str:
    """What a step did.

    :param faces: how many faces were redrawn; only the step ``faces`` asks.
    """
    words = _WORDS[language]
    if step == "faces":
        return words.face if faces == 1 else words.faces.format(count=faces) if faces else words.some_faces
    return words.did.get(step) or words.other_step.format(name=step)


def statement(
    kind: Kind, steps: Sequence[str], *, faces: int, ai_altered: bool, sha256: str, language: Language = "en"
) -> str:
    """What a computer made of a picture.

    :param steps: names of the steps that changed it.
    :param ai_altered: whether a trained model put content into it.
    :param sha256: of the untouched scan.
    """
    words = _WORDS[language]
    scan = words.scan.format(sha256=sha256)
    if kind == "before":
        return f"{words.before} {scan}"
    done = words.separator.join(did(step, faces, language) for step in steps)
    made = words.restored if kind == "restored" else words.after
    said = made.format(did=done or (words.some_parts if ai_altered else words.nothing))
    return f"{said} {words.caution} {scan}" if ai_altered else f"{said} {scan}"
