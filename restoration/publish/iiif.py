"""IIIF Presentation API 3.0: one manifest a photograph, and collections that list them.

A manifest has one canvas. What is painted on it is a choice of the restored picture and the scan, or the scan alone
where nothing else is shown; each with its image service where there are tiles. What a computer made of the picture is
said in ``requiredStatement``, in English and Korean, which every viewer must show. Where parts of it were filled, the
canvas has annotations: one with the mask, and one for each kind of damage on the box round its places. If people gave
colours, it has one for each at its place.

Everything is built as plain data and then read by iiif-prezi3's models, so that nothing is written that they refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from restoration.photo.pyramid import Pyramid, Size, whole_path
from restoration.publish import layout
from restoration.publish.cut_out import cut_out_of
from restoration.publish.filled import Box, filled_of
from restoration.publish.given import GivenColour, given_of
from restoration.publish.label_words import Language, area_name, filled_sentence, given_line
from restoration.publish.photos import ArchivedPhoto

CONTEXT = "http://iiif.io/api/presentation/3/context.json"
MANIFESTS_PER_COLLECTION = 1000
MAX_TEXT = 4000

_LANGUAGES: tuple[Language, ...] = ("en", "ko")
Text = dict[str, list[str]]
"""A text by its language: ``en``, ``ko``, or ``none`` where that is not known."""

_RIGHTS = re.compile(
    r"https?://(?:rightsstatements\.org/(?:vocab|page)/|creativecommons\.org/(?:licenses|publicdomain)/)\S*"
)
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_LETTER = re.compile(r"[^\W\d_]")

_TERMS = {
    "creator": "만든 이",
    "date": "날짜",
    "coverage": "시간과 장소",
    "subject": "주제",
    "description": "설명",
    "contributor": "기여한 이",
    "publisher": "발행처",
    "type": "유형",
    "format": "형식",
    "identifier": "식별자",
    "source": "출처",
    "language": "언어",
    "relation": "관련 자료",
    "rights": "권리",
}
"""Elements of Dublin Core in the order they are shown, with their names in Korean; the title is the label."""

RESTORED: Text = {"en": ["Restored"], "ko": ["복원본"]}
RESTORED_AI: Text = {"en": ["Restored, with parts made by AI"], "ko": ["복원본 (일부는 인공지능이 만듦)"]}
ORIGINAL: Text = {"en": ["Original scan"], "ko": ["원본 스캔"]}
_NOTE: Text = {"en": ["What a computer made"], "ko": ["컴퓨터가 만든 부분"]}
GIVEN: Text = {"en": ["Colours that people gave"], "ko": ["사람들이 알려 준 색"]}
FILLED: Text = {"en": ["What was filled"], "ko": ["메운 곳"]}
_SHADED = {"en": "Shaded: made by a computer.", "ko": "밝게 표시된 곳은 컴퓨터가 만든 부분입니다."}
_SAID: dict[str, Text] = {
    "ai": {
        "en": ["AI-altered: parts of the restored picture, such as colours or faces, were made by a computer. They "
               "show how it may have looked, not how it did. The original scan is here too, unchanged."],
        "ko": ["인공지능 수정: 복원된 사진의 색이나 얼굴 같은 일부를 컴퓨터가 만들었습니다. 실제 모습이 아니라 "
               "그랬을 수 있는 모습을 보여 줍니다. 원본 스캔도 바뀌지 않은 채 여기에 있습니다."],
    },
    "restored": {
        "en": ["Restored by a computer from a scan, without content made by AI. The original scan is here too, "
               "unchanged."],
        "ko": ["인공지능이 만든 내용 없이 컴퓨터가 스캔을 복원했습니다. 원본 스캔도 바뀌지 않은 채 여기에 있습니다."],
    },
    "original": {
        "en": ["The scan as it was found; nothing was restored."],
        "ko": ["발견된 그대로의 스캔이며 복원하지 않았습니다."],
    },
}  # fmt: skip
_SAID_GIVEN = {
    "en": "Some of the colours were given by people who knew them.",
    "ko": "일부 색은 그 색을 아는 사람들이 알려 주었습니다.",
}


@dataclass(frozen=True)
class ShownTiles:
    """A picture's image service: its address, and what there is under it."""

    address: str
    pyramid: Pyramid


@dataclass(frozen=True)
class Place:
    """Where a version lies and whose it is. ``root``: public address of the version, without a slash at its end."""

    root: str
    title: str
    rights: str
    organization: str | None

    def address(self, path: str) -> str:
        """Public address of a file of the version."""
        return f"{self.root}/{path}"

    @property
    def gallery(self) -> list[dict[str, Any]]:
        """The gallery as a homepage."""
        label = {"en": [f"Gallery: {self.title}"], "ko": [f"전시관: {self.title}"]}
        return [{"id": self.address("index.html"), "type": "Text", "label": label, "format": "text/html"}]


def manifest_path(name: str) -> str:
    """Where a photograph's manifest lies in its version."""
    return f"iiif/{name}.json"


COLLECTION_PATH = "iiif/collection.json"


def shard_path(shard: int) -> str:
    """Where a part of a large collection lies."""
    return f"iiif/collection-{shard:05d}.json"


def manifest(photo: ArchivedPhoto, tiles: dict[str, ShownTiles], place: Place) -> dict[str, Any]:
    """The manifest of a photograph that is shown restored or as its original.

    :param tiles: by stage, ``before`` and ``after``; those that there are.
    """
    stages = ("after", "before") if photo.shown else ("before",)
    images = [_image(photo, stage, tiles.get(stage), place) for stage in stages]
    address, parts = place.address(manifest_path(photo.name)), place.address(f"iiif/{photo.name}")
    width, height = _canvas_size(photo, tiles.get(stages[0]))
    body = images[0] if len(images) == 1 else {"type": "Choice", "items": images}
    painting = {
        "id": f"{parts}/painting",
        "type": "Annotation",
        "motivation": "painting",
        "body": body,
        "target": f"{parts}/canvas",
    }
    canvas = {
        "id": f"{parts}/canvas",
        "type": "Canvas",
        "label": label_of(photo),
        "width": width,
        "height": height,
        "items": [{"id": f"{parts}/page", "type": "AnnotationPage", "items": [painting]}],
        **_annotations(photo, parts, (width, height), place),
    }
    return _read_as_manifest(
        {
            "@context": CONTEXT,
            "id": address,
            "type": "Manifest",
            "label": label_of(photo),
            "metadata": list(_metadata(photo, place)),
            "requiredStatement": {"label": _NOTE, "value": statement(photo)},
            **_rights(photo, place),
            **_provider(place),
            "thumbnail": [_thumbnail(photo, stages[0], tiles.get(stages[0]), place)],
            "homepage": _homepage(photo, place),
            **_rendering(photo, place),
            "partOf": [{"id": place.address(COLLECTION_PATH), "type": "Collection"}],
            "items": [canvas],
        }
    )


def _annotations(photo: ArchivedPhoto, parts: str, size: Size, place: Place) -> dict[str, Any]:
    """Where the picture was filled, and which colours people gave; nothing if neither."""
    if not photo.shown:
        return {}
    pages = [
        {"id": f"{parts}/{name}", "type": "AnnotationPage", "label": label, "items": items}
        for name, label, items in (
            ("filled", FILLED, list(_filled(photo, parts, size, place))),
            ("given", GIVEN, [_given(one, parts, size) for one in given_of(photo.record)]),
        )
        if items
    ]
    return {"annotations": pages} if pages else {}


def _filled(photo: ArchivedPhoto, parts: str, size: Size, place: Place) -> Iterator[dict[str, Any]]:
    """The mask over the whole canvas, and a box for each kind of damage; nothing where nothing was filled."""
    filled = filled_of(photo.record)
    if not filled or photo.mask_path is None:
        return
    known = {key: photo.record["output"][key] for key in ("width", "height")}
    mask = {**_file(photo.mask_path, place), **known, "label": FILLED}
    told = [_textual(f"{_SHADED[language]} {filled_sentence(filled, language)}", language) for language in _LANGUAGES]
    yield _comment(f"{parts}/filled/mask", [mask, *told], f"{parts}/canvas")
    for area in filled.areas:
        said = [_textual(f"{_SHADED[language]} {area_name(area, language)}", language) for language in _LANGUAGES]
        yield _comment(f"{parts}/filled/{area.kind}", said, f"{parts}/canvas#xywh={_pixels(area.box, size)}")


def _given(one: GivenColour, parts: str, size: Size) -> dict[str, Any]:
    """A colour that somebody gave, on the box round its place."""
    said = [_textual(given_line(one, language), language) for language in _LANGUAGES]
    target = f"{parts}/canvas#xywh={_pixels(one.box(*size), size)}"
    return _comment(f"{parts}/given/{one.hint_id}", said, target)


def _comment(address: str, body: list[dict[str, Any]], target: str) -> dict[str, Any]:
    return {"id": address, "type": "Annotation", "motivation": "commenting", "body": body, "target": target}


def _textual(text: str, language: Language) -> dict[str, Any]:
    return {"type": "TextualBody", "value": text, "format": "text/plain", "language": language}


def _pixels(box: Box, size: Size) -> str:
    """A box as pixels of the canvas, never empty and never beyond it."""
    left, top = (min(int(box[i] * size[i]), size[i] - 1) for i in (0, 1))
    width, height = (max(1, min(round(box[i + 2] * size[i]), size[i] - at)) for i, at in ((0, left), (1, top)))
    return f"{left},{top},{width},{height}"


def reference(shown: dict[str, Any]) -> dict[str, Any]:
    """A manifest or collection as a collection lists it."""
    return {key: shown[key] for key in ("id", "type", "label", "thumbnail") if key in shown}


def collection(path: str, items: list[dict[str, Any]], place: Place, part: int | None = None) -> dict[str, Any]:
    """A collection of manifests, or of collections.

    :param part: number of a part of a larger one, from 0.
    """
    more = {} if part is None else {"partOf": [{"id": place.address(COLLECTION_PATH), "type": "Collection"}]}
    number = "" if part is None else f" ({part + 1})"
    return _read_as_collection(
        {
            "@context": CONTEXT,
            "id": place.address(path),
            "type": "Collection",
            "label": text_of(f"{place.title}{number}"),
            **_provider(place),
            "homepage": place.gallery,
            **more,
            "items": items,
        }
    )


def label_of(photo: ArchivedPhoto) -> Text:
    """The photograph's title, or the scan's own file name."""
    record = photo.record
    file = str(record.get("object_key") or "").rsplit("/", 1)[-1]
    return text_of(str((record.get("dublin_core") or {}).get("title") or record.get("title") or file or photo.name))


def text_of(text: str) -> Text:
    """A text by its language. ``제목 / Title`` is one in Korean and one in another; without Hangul, nobody knows."""
    # what begins with '<' would be read as HTML
    text = f" {_short(text)}" if text.startswith("<") else _short(text)
    parts = [part.strip() for part in re.split(r"\s[/|=]\s", text)]
    if len(parts) == 2 and all(parts) and bool(_HANGUL.search(parts[0])) != bool(_HANGUL.search(parts[1])):
        korean, other = sorted(parts, key=lambda part: not _HANGUL.search(part))
        return {"ko": [korean], "en" if _LETTER.search(other) and other.isascii() else "none": [other]}
    return {"ko" if _HANGUL.search(text) else "none": [text]}


def statement(photo: ArchivedPhoto) -> Text:
    """What a computer made of the picture, in both languages."""
    if not photo.shown:
        return _SAID["original"]
    said = _SAID["ai" if photo.record.get("ai_altered") else "restored"]
    if not given_of(photo.record):
        return said
    return {language: [f"{said[language][0]} {_SAID_GIVEN[language]}"] for language in _LANGUAGES}


def _image(photo: ArchivedPhoto, stage: str, tiles: ShownTiles | None, place: Place) -> dict[str, Any]:
    """One picture as a resource: with its image service, else the file that there is."""
    ai = photo.shown and photo.record.get("ai_altered")
    label = ORIGINAL if stage == "before" else RESTORED_AI if ai else RESTORED
    if tiles is not None:
        return {**_whole(tiles, None), "label": label, "service": _service(tiles)}
    if stage == "after" and photo.access_path is not None:
        return {**_file(photo.access_path, place), "label": label}
    if stage == "after" and photo.output_path is not None and not photo.output_path.endswith(".tif"):
        size = {key: photo.record["output"][key] for key in ("width", "height")}
        return {**_file(photo.output_path, place), **size, "label": label}
    return {**_file(layout.preview_path(photo.name, stage), place), "label": label}


def _whole(tiles: ShownTiles, size: Size | None) -> dict[str, Any]:
    width, height = size or tiles.pyramid.largest
    return {
        "id": f"{tiles.address}/{whole_path(size)}",
        "type": "Image",
        "format": "image/jpeg",
        "width": width,
        "height": height,
    }


def _service(tiles: ShownTiles) -> list[dict[str, Any]]:
    """The image service, with the sizes that viewers choose a thumbnail from."""
    sizes = [{"width": width, "height": height} for width, height in tiles.pyramid.sizes]
    size = {"width": tiles.pyramid.width, "height": tiles.pyramid.height}
    return [{"id": tiles.address, "type": "ImageService3", "profile": "level0", **size, "sizes": sizes}]


def _file(path: str, place: Place) -> dict[str, Any]:
    return {"id": place.address(path), "type": "Image", "format": layout.content_type(path)}


def _thumbnail(photo: ArchivedPhoto, stage: str, tiles: ShownTiles | None, place: Place) -> dict[str, Any]:
    if tiles is None:
        return _file(layout.preview_path(photo.name, stage), place)
    return {**_whole(tiles, tiles.pyramid.thumbnail), "service": _service(tiles)}


def _canvas_size(photo: ArchivedPhoto, tiles: ShownTiles | None) -> Size:
    """The picture's own size; a scan without tiles has the size that the catalog knows."""
    if tiles is not None:
        return tiles.pyramid.width, tiles.pyramid.height
    known = photo.record["output"] if photo.shown else photo.record["source"]
    return int(known["width"]), int(known["height"])


def _metadata(photo: ArchivedPhoto, place: Place) -> Iterator[dict[str, Any]]:
    terms = {key: str(value) for key, value in (photo.record.get("dublin_core") or {}).items() if value}
    if not terms.get("rights") and place.rights:
        terms["rights"] = place.rights
    for term, korean in _TERMS.items():
        if term in terms:
            yield {"label": {"en": [term.capitalize()], "ko": [korean]}, "value": text_of(terms[term])}
    source = photo.record.get("source") or {}
    if source.get("page"):
        value = f"{source['page']} / {source.get('pages', '?')}"
        yield {"label": {"en": ["Page of the file"], "ko": ["파일의 쪽"]}, "value": {"none": [value]}}
    cut = cut_out_of(photo.record)
    if cut is not None:
        label = {"en": ["Photograph on the page"], "ko": ["쪽에 있는 사진"]}
        yield {"label": label, "value": {"none": [f"{cut.place} / {cut.of}"]}}


def _rights(photo: ArchivedPhoto, place: Place) -> dict[str, str]:
    """The one address that the specification allows; words are among the metadata."""
    said = str((photo.record.get("dublin_core") or {}).get("rights") or place.rights or "").strip()
    # the vocabularies' own identifiers begin with http
    return {"rights": re.sub(r"^https", "http", said)} if _RIGHTS.fullmatch(said) else {}


def _provider(place: Place) -> dict[str, Any]:
    if not place.organization:
        return {}
    agent = {"id": f"{place.root}/index.html#provider", "type": "Agent", "label": text_of(place.organization)}
    return {"provider": [{**agent, "homepage": place.gallery}]}


def _homepage(photo: ArchivedPhoto, place: Place) -> list[dict[str, Any]]:
    label = {"en": ["In the gallery"], "ko": ["전시관에서 보기"]}
    address = place.address(f"index.html#photo/{photo.name}")
    return [{"id": address, "type": "Text", "label": label, "format": "text/html"}]


def _rendering(photo: ArchivedPhoto, place: Place) -> dict[str, Any]:
    """The restored file as a download, if it is of a format that viewers do not show."""
    if photo.output_path is None or not photo.output_path.endswith(".tif"):
        return {}
    return {"rendering": [{**_file(photo.output_path, place), "label": RESTORED}]}


def _read_as_manifest(value: dict[str, Any]) -> dict[str, Any]:
    from iiif_prezi3 import Manifest

    Manifest(**value)
    return value


def _read_as_collection(value: dict[str, Any]) -> dict[str, Any]:
    from iiif_prezi3 import Collection

    Collection(**value)
    return value


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
