"""What labels say to people, in English and Korean, the languages of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from restoration.colour_hints import HintGround
from restoration.colour_words import ColourWord
from restoration.damage_kinds import DamageKind
from restoration.publish.filled import Filled, FilledArea
from restoration.publish.given import GivenColour
from restoration.publish.triaged import Deed

Language = Literal["en", "ko"]
Kind = Literal["restored", "access", "before", "after", "mask"]
"""The restored picture, its copy for everyday use, the smaller copies of scan and restored picture, the map of what was
filled."""
MOST_GIVEN, MAX_WHAT = 6, 80
"""Colours of people that a sentence names, and characters of what has one; a label is short."""


@dataclass(frozen=True)
class Words:
    """One language. ``did`` is what a step did, by the step's name; ``triaged`` what triage did; ``kinds`` names what
    was filled; ``lay`` says of a copy of the scan that it was turned.
    """

    did: dict[str, str]
    triaged: dict[Deed, str]
    lay: dict[Deed, str]
    kinds: dict[DamageKind, str]
    repair_by_net: str
    filled: str
    tiny: str
    from_surroundings: str
    by_net: str
    area: str
    mask: str
    other_step: str
    face: str
    faces: str
    some_faces: str
    some_parts: str
    nothing: str
    restored: str
    access: str
    after: str
    before: str
    caution: str
    scan: str
    scan_page: str
    scan_part: str
    colours: dict[ColourWord, str]
    grounds: dict[HintGround, str]
    colorize_by_hints: str
    given: str
    given_one: str
    given_what: str
    given_more: str
    told: str
    told_what: str
    told_by: str
    told_from: str
    somebody: str
    separator: str = ", "


_WORDS: dict[Language, Words] = {
    "en": Words(
        did={
            "repair": "scratches, holes and tears were filled in from their surroundings",
            "grade": "fading was undone",
            "colorize": "colours were guessed by a computer",
            "upscale": "it was enlarged",
        },
        triaged={
            "inverted": "the negative was made a positive",
            "cast": "a colour cast was removed",
            "stains": "stains were brought to the tone of what surrounds them",
            "upside down": "the print lay upside down and was turned upright",
            "sideways": "the print lay on its side and was turned upright",
        },
        lay={
            "upside down": "The print lay upside down; it is shown upright.",
            "sideways": "The print lay on its side; it is shown upright.",
        },
        kinds={
            DamageKind.SCRATCH: "scratches",
            DamageKind.CREASE: "creases",
            DamageKind.HOLE: "tears and holes",
            DamageKind.DUST: "dust and hairs",
        },
        repair_by_net="scratches, tears and holes were filled in, in part by a trained model",
        filled="{share} of the picture was filled in by a computer: {areas}.",
        tiny="less than 0.1 %",
        from_surroundings="{kinds} from what surrounds them",
        by_net="{kinds} by a trained model",
        area="{area}: {share} of the picture",
        mask="No photograph, but a map of one that was restored: bright where a computer mended it, else black.",
        other_step="the step {name!r} was applied",
        face="a face was redrawn by a computer",
        faces="{count} faces were redrawn by a computer",
        some_faces="faces were redrawn by a computer",
        some_parts="a trained model made parts of it",
        nothing="nothing had to be changed",
        restored="A restored picture, made by a computer from a scan: {did}.",
        access="A copy, for everyday use, of a restored picture, made by a computer from a scan: {did}.",
        after="A smaller copy of a restored picture, made by a computer from a scan: {did}.",
        before="A smaller copy of the scan as it was found; nothing was restored.",
        caution="It shows how it may have looked, not how it did.",
        scan="The untouched scan is kept by the archive; its sha256 is {sha256}.",
        scan_page="The untouched scan is kept by the archive, as page {page} of a file whose sha256 is {sha256}.",
        scan_part="It was cut out of a scan of several photographs. The untouched scan is kept by the archive, as page "
        "{page} of a file whose sha256 is {sha256}.",
        colours={word: str(word) for word in ColourWord},
        grounds={
            HintGround.MEMORY: "from memory",
            HintGround.WRITING: "from a letter or other writing",
            HintGround.OBJECT: "from the thing itself",
            HintGround.PHOTOGRAPH: "from a colour picture",
            HintGround.RULE: "from what was prescribed",
        },
        colorize_by_hints="colours were guessed by a computer, some of them by what people know",
        given="Given by people who knew them: {colours}.",
        given_one="{colour} ({ground})",
        given_what="{colour} for {what} ({ground})",
        given_more="and {count} more",
        told="The {colour} here was given by {who}, {ground}.",
        told_what="The {colour} of {what} was given by {who}, {ground}.",
        told_by="{name}",
        told_from="from {source}",
        somebody="somebody who knew it",
    ),
    "ko": Words(
        did={
            "repair": "긁힘, 구멍, 찢어진 곳을 주변에 맞추어 메움",
            "grade": "바랜 명암을 되살림",
            "colorize": "색을 컴퓨터가 추정함",
            "upscale": "크기를 늘림",
        },
        triaged={
            "inverted": "음화를 양화로 바꿈",
            "cast": "변색된 색조를 없앰",
            "stains": "얼룩의 색조를 주변에 맞춤",
            "upside down": "거꾸로 놓여 있던 사진을 바로 돌림",
            "sideways": "옆으로 놓여 있던 사진을 바로 돌림",
        },
        lay={
            "upside down": "사진이 거꾸로 놓여 있어 바로 돌려 보여 줍니다.",
            "sideways": "사진이 옆으로 놓여 있어 바로 돌려 보여 줍니다.",
        },
        kinds={
            DamageKind.SCRATCH: "긁힌 곳",
            DamageKind.CREASE: "접힌 곳",
            DamageKind.HOLE: "찢기거나 떨어져 나간 곳",
            DamageKind.DUST: "먼지와 털",
        },
        repair_by_net="긁힘, 찢어진 곳, 구멍을 메웠으며, 일부는 학습된 모델이 메움",
        filled="컴퓨터가 메운 부분은 사진의 {share}: {areas}.",
        tiny="0.1 % 미만",
        from_surroundings="{kinds}(주변에 맞추어)",
        by_net="{kinds}(학습된 모델로)",
        area="{area}: 사진의 {share}",
        mask="사진이 아니라 복원된 사진의 지도이며, 밝은 곳은 컴퓨터가 고친 곳이고 나머지는 검게 표시됩니다.",
        other_step="{name!r} 단계를 적용함",
        face="얼굴 한 곳을 컴퓨터가 다시 그림",
        faces="얼굴 {count}곳을 컴퓨터가 다시 그림",
        some_faces="얼굴을 컴퓨터가 다시 그림",
        some_parts="일부를 학습된 모델이 만듦",
        nothing="고칠 곳이 없었음",
        restored="컴퓨터가 스캔을 바탕으로 복원한 사진: {did}.",
        access="컴퓨터가 스캔을 바탕으로 복원한 사진의 이용용 사본: {did}.",
        after="컴퓨터가 스캔을 바탕으로 복원한 사진의 축소본: {did}.",
        before="원본 스캔을 그대로 줄인 사진이며, 아무것도 복원하지 않았습니다.",
        caution="실제 모습이 아니라, 그랬을 수도 있는 모습입니다.",
        scan="손대지 않은 스캔은 기록관이 보관하고 있습니다. sha256: {sha256}.",
        scan_page="손대지 않은 스캔은 기록관이 보관하는 파일의 {page}쪽입니다. 파일의 sha256: {sha256}.",
        scan_part="여러 사진이 함께 있는 스캔에서 잘라낸 사진입니다. "
        "손대지 않은 스캔은 기록관이 보관하는 파일의 {page}쪽입니다. 파일의 sha256: {sha256}.",
        colours={
            ColourWord.BLACK: "검은색",
            ColourWord.GRAY: "회색",
            ColourWord.WHITE: "흰색",
            ColourWord.RED: "빨간색",
            ColourWord.ORANGE: "주황색",
            ColourWord.BROWN: "갈색",
            ColourWord.YELLOW: "노란색",
            ColourWord.BEIGE: "베이지색",
            ColourWord.OLIVE: "올리브색",
            ColourWord.GREEN: "초록색",
            ColourWord.TURQUOISE: "청록색",
            ColourWord.BLUE: "파란색",
            ColourWord.PURPLE: "보라색",
            ColourWord.PINK: "분홍색",
        },
        grounds={
            HintGround.MEMORY: "기억에 따라",
            HintGround.WRITING: "편지나 다른 글에 따라",
            HintGround.OBJECT: "남아 있는 실물에 따라",
            HintGround.PHOTOGRAPH: "컬러 사진이나 그림에 따라",
            HintGround.RULE: "정해진 색에 따라",
        },
        colorize_by_hints="색을 컴퓨터가 추정했으며, 일부는 사람들이 알려 준 색을 따름",
        given="사람들이 알려 준 색: {colours}.",
        given_one="{colour}({ground})",
        given_what="{what} {colour}({ground})",
        given_more="그 밖에 {count}가지",
        told="이곳의 {colour}은 {who} 알려 주었습니다({ground}).",
        told_what="{what}의 {colour}은 {who} 알려 주었습니다({ground}).",
        told_by="{name} 님이",
        told_from="{source}",
        somebody="그 색을 아는 사람이",
    ),
}


def did(
    step: str,
    faces: int,
    language: Language = "en",
    *,
    by_net: bool = False,
    given: bool = False,
    triaged: Sequence[Deed] = (),
) -> str:
    """What a step did.

    :param faces: how many faces were redrawn; only the step ``faces`` asks.
    :param by_net: whether a trained model filled damage; only the step ``repair`` asks.
    :param given: whether people gave colours; only the step ``colorize`` asks.
    :param triaged: what triage did; only the step ``triage`` asks.
    """
    words = _WORDS[language]
    if step == "triage" and triaged:
        return words.separator.join(words.triaged[deed] for deed in triaged)
    if step == "colorize" and given:
        return words.colorize_by_hints
    if step == "repair" and by_net:
        return words.repair_by_net
    if step == "faces":
        return words.face if faces == 1 else words.faces.format(count=faces) if faces else words.some_faces
    return words.did.get(step) or words.other_step.format(name=step)


def area_name(area: FilledArea, language: Language = "en") -> str:
    """One kind of damage: what was filled, by what, and how much of the picture that is."""
    words = _WORDS[language]
    return words.area.format(area=_areas((area,), words), share=_share(area.share, words))


def filled_sentence(filled: Filled, language: Language = "en") -> str:
    """How much of a picture was filled, and of what; empty where nothing was."""
    words = _WORDS[language]
    return words.filled.format(share=_share(filled.share, words), areas=_areas(filled.areas, words)) if filled else ""


def given_sentence(given: Sequence[GivenColour], language: Language = "en") -> str:
    """Which colours people gave, for what and on what ground, without names; empty if none."""
    words = _WORDS[language]
    parts = list(dict.fromkeys(_given(one, words) for one in given))
    if len(parts) > MOST_GIVEN:
        parts = [*parts[:MOST_GIVEN], words.given_more.format(count=len(parts) - MOST_GIVEN)]
    return words.given.format(colours=words.separator.join(parts)) if parts else ""


def _given(one: GivenColour, words: Words) -> str:
    form = words.given_what if one.what else words.given_one
    return form.format(colour=words.colours[one.word], what=_cut(one.what), ground=words.grounds[one.ground])


def given_line(one: GivenColour, language: Language = "en") -> str:
    """Who gave a colour, and from what; somebody, unless they may be named."""
    words = _WORDS[language]
    who = words.told_by.format(name=one.said_by) if one.said_by else words.somebody
    ground = words.told_from.format(source=one.source) if one.source else words.grounds[one.ground]
    form = words.told_what if one.what else words.told
    return form.format(colour=words.colours[one.word], what=_cut(one.what), who=who, ground=ground)


def _cut(what: str) -> str:
    return what if len(what) <= MAX_WHAT else f"{what[: MAX_WHAT - 1]}…"


def _share(share: float, words: Words) -> str:
    return words.tiny if share < 0.001 else f"{100 * share:.1f} %"


def _areas(areas: Sequence[FilledArea], words: Words) -> str:
    parts = []
    for by_net, form in ((False, words.from_surroundings), (True, words.by_net)):
        kinds = words.separator.join(words.kinds[area.kind] for area in areas if area.by_net is by_net)
        if kinds:
            parts.append(form.format(kinds=kinds))
    return "; ".join(parts)


def statement(
    kind: Kind,
    steps: Sequence[str],
    *,
    faces: int,
    ai_altered: bool,
    sha256: str,
    filled: Filled,
    given: Sequence[GivenColour] = (),
    triaged: Sequence[Deed] = (),
    page: int = 0,
    cut_out: bool = False,
    language: Language = "en",
) -> str:
    """What a computer made of a picture.

    :param steps: names of the steps that changed it.
    :param ai_altered: whether a trained model put content into it.
    :param sha256: of the untouched scan.
    :param filled: what of the restored picture was filled.
    :param given: colours that people gave for it.
    :param triaged: what triage did.
    :param page: of a scan with several photographs, which page it is; 0 for the others.
    :param cut_out: whether it was cut out of that page.
    """
    words = _WORDS[language]
    kept = words.scan_part if cut_out else words.scan_page if page else words.scan
    scan = kept.format(sha256=sha256, page=page)
    if kind == "before":
        return _sentences(words.before, *(words.lay[deed] for deed in triaged if deed in words.lay), scan)
    areas = filled_sentence(filled, language)
    if kind == "mask":
        return _sentences(words.mask, areas, scan)
    done = words.separator.join(
        did(step, faces, language, by_net=filled.by_net, given=bool(given), triaged=triaged) for step in steps
    )
    made = {"restored": words.restored, "access": words.access}.get(kind, words.after)
    said = made.format(did=done or (words.some_parts if ai_altered else words.nothing))
    return _sentences(said, given_sentence(given, language), areas, words.caution if ai_altered else "", scan)


def _sentences(*said: str) -> str:
    return " ".join(sentence for sentence in said if sentence)
