"""Published tiles in a real viewer: OpenSeadragon in Chromium, over HTTP, by nothing but the manifest's address."""

from __future__ import annotations

import http.server
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from restoration.photo.tiles import tiles_zip
from restoration.publish import layout
from restoration.publish.photos import spool_photos
from restoration.publish.stage import Stage
from restoration.publish.vendored import VIEWER, vendored_files
from restoration.publish.viewing import Viewing
from restoration.settings import Settings
from tests.browser.sample import FACTS, restored
from tests.stack.memory_store import MemoryStore

pytestmark = pytest.mark.browser

SIZES = {"before": (700, 500), "after": (1400, 1000)}
COLOURS = {
    "after": ((200, 40, 30), (40, 160, 60), (30, 60, 200), (220, 200, 40)),
    "before": ((60,) * 3, (120,) * 3, (180,) * 3, (230,) * 3),
}
"""Red, green, blue of the four quarters, row by row."""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Viewer</title><link rel="icon" href="data:,">
<style>#viewer { width: 900px; height: 640px; background: #222 }</style><div id="viewer"></div>
<p id="said"></p><script src="/openseadragon.min.js"></script><script>
const viewer = OpenSeadragon({ id: "viewer", showNavigationControl: false, drawer: "canvas", animationTime: 0,
  immediateRender: true, crossOriginPolicy: "Anonymous", maxZoomPixelRatio: 4 });
const items = {};
async function openManifest(address) {
  const manifest = await (await fetch(address)).json();
  document.getElementById("said").textContent = Object.values(manifest.requiredStatement.value).flat().join(" ");
  const body = manifest.items[0].items[0].items[0].body;
  for (const image of body.type === "Choice" ? body.items : [body]) {
    const tileSource = image.service[0].id + "/info.json";
    const item = await new Promise((resolve, reject) =>
      viewer.addTiledImage({ tileSource, width: 1, success: (added) => resolve(added.item), error: reject }));
    items[image.label.en[0].split(/[ ,]/)[0]] = item;
  }
  choose(Object.keys(items)[0]);
}
function choose(name) {
  for (const [key, item] of Object.entries(items)) item.setOpacity(key === name ? 1 : 0);
}
function settled() {
  return Object.values(items).filter((item) => item.getOpacity() > 0).every((item) => item.getFullyLoaded());
}
function place(x, y) {
  const found = viewer.viewport.viewportToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
  return [Math.round(found.x), Math.round(found.y)];
}
</script></html>"""


def quarters(stage: str) -> np.ndarray:
    """Four colours, one a quarter."""
    width, height = SIZES[stage]
    picture = np.zeros((height, width, 3), np.uint8)
    for index, colour in enumerate(COLOURS[stage]):
        rows = slice(0, height // 2) if index < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if index % 2 == 0 else slice(width // 2, width)
        picture[rows, columns] = colour
    return picture


class Bucket:
    """An archive bucket served like a public one; knows which addresses were asked for in vain."""

    def __init__(self) -> None:
        self.store, self.address = MemoryStore(), ""
        self.asked: list[str] = []
        self.missing: list[str] = []

    def sets(self) -> set[str]:
        """Ids of the sets of tiles."""
        return {key.split("/")[2] for _, key in self.store.objects if key.startswith("village-album/tiles/")}

    def get(self, path: str) -> bytes | None:
        self.asked.append(path)
        if path == "/viewer.html":
            return PAGE.encode()
        if path == f"/{VIEWER}":
            return dict(vendored_files())[VIEWER]
        found = self.store.objects.get(("archive", path.removeprefix("/")))
        if found is None:
            self.missing.append(path)
        return found


@pytest.fixture(scope="module")
def bucket(tmp_path_factory) -> Iterator[Bucket]:
    """A published collection: one photograph as a choice, one as its original alone."""
    if VIEWER not in dict(vendored_files()):
        pytest.skip("OpenSeadragon is not here; with network: python infra/vendor/fetch.py")
    made = Bucket()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0].split("#")[0]
            data = made.get(path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Type", layout.content_type(path))
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}"
    publish(made, tmp_path_factory.mktemp("iiif"))
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def publish(bucket: Bucket, folder: Path) -> None:
    pixels = {stage: quarters(stage) for stage in SIZES}
    keys = {
        stage: bucket.store.write_content("restored", tiles_zip(pixels[stage], 512), "zip", "application/zip")
        for stage in SIZES
    }
    png = cv2.imencode(".png", pixels["after"][:, :, ::-1])[1].tobytes()
    output = bucket.store.write_content("restored", png, "png", "image/png")
    width, height = SIZES["after"]
    facts = {"key": output, "sha256": output.split("/")[-1][:64], "bytes": len(png), "format": "png", "bits": 8}
    more = {"tiles": keys, "output": facts | {"width": width, "height": height}}
    photos = [restored(bucket.store, 1, 0, **more), restored(bucket.store, 2, 1, awaits_review=True, **more)]
    spool = spool_photos(photos, folder / "photos.jsonl", {k: FACTS[k] for k in ("name", "title", "rights")})
    settings = Settings(_env_file=None, gallery_url=bucket.address)
    viewing = Viewing.unpack(bucket.store, settings, "village-album", spool, folder)
    facts = FACTS | {"photos": 2, "shown": spool.shown, "states": dict(Counter(p.state for p in photos))}
    Stage(bucket.store, "restored", "archive", "village-album/v0003/", folder, viewing=viewing).write(spool, facts)


def open_manifest(visit, bucket: Bucket, name: str):
    visit.page.goto(f"{bucket.address}/viewer.html")
    address = f"{bucket.address}/village-album/v0003/iiif/{name}.json"
    visit.page.evaluate("address => openManifest(address)", address)
    visit.page.wait_for_function("settled()")
    return visit.page


def drawn(page, *places: tuple[float, float]) -> list[np.ndarray]:
    """Red, green, blue that the screen shows at places of the picture, whose width is 1."""
    page.wait_for_timeout(100)
    screen = cv2.imdecode(np.frombuffer(page.locator("#viewer").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    found = [page.evaluate("([x, y]) => place(x, y)", list(place)) for place in places]
    return [screen[y, x, ::-1].astype(int) for x, y in found]


def assert_drawn(page, stage: str) -> None:
    """The four quarters are drawn in their colours."""
    width, height = SIZES[stage]
    places = [(0.25 + 0.5 * (n % 2), height / width * (0.25 + 0.5 * (n // 2))) for n in range(4)]
    for colour, found in zip(COLOURS[stage], drawn(page, *places), strict=True):
        assert np.abs(found - colour).max() <= 6, (stage, colour, found)


def test_the_choice_shows_the_restored_picture_and_the_scan_with_their_own_pixels(visit, bucket):
    page = open_manifest(visit, bucket, "00000001")
    assert page.evaluate("Object.keys(items)") == ["Restored", "Original"]
    assert_drawn(page, "after")
    page.evaluate("choose('Original')")
    page.wait_for_function("settled()")
    assert_drawn(page, "before")
    page.evaluate("choose('Restored')")
    assert_drawn(page, "after")
    said = page.inner_text("#said")
    assert "AI-altered" in said
    assert "인공지능" in said
    assert bucket.missing == []


def test_zooming_in_loads_the_tiles_of_full_size_and_no_other_host(visit, bucket):
    bucket.asked.clear()
    page = open_manifest(visit, bucket, "00000001")
    for x, y in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.65), (0.9, 0.65), (0.5, 0.35)):
        page.evaluate(
            "([x, y]) => { viewer.viewport.zoomTo(items.Restored.imageToViewportZoom(1), null, true); "
            "viewer.viewport.panTo(new OpenSeadragon.Point(x, y), true) }",
            [x, y],
        )
        page.wait_for_timeout(50)
        page.wait_for_function("settled()")
    # either side of the middle line, three pixels of the picture away
    left, right = drawn(page, (0.498, 0.3), (0.502, 0.3))
    assert np.abs(left - COLOURS["after"][0]).max() <= 16
    assert np.abs(right - COLOURS["after"][1]).max() <= 16
    full_size = [path for path in bucket.asked if "/512,512/0/" in path and ",512,512/" in path]
    assert len(set(full_size)) >= 2
    assert bucket.missing == []


def test_a_photograph_that_waits_is_its_original_alone(visit, bucket):
    page = open_manifest(visit, bucket, "00000002")
    assert page.evaluate("Object.keys(items)") == ["Original"]
    assert_drawn(page, "before")
    assert "nothing was restored" in page.inner_text("#said")
    assert bucket.missing == []


def test_the_gallery_zooms_into_the_same_tiles(visit, bucket):
    bucket.asked.clear()
    page = visit.open(f"{bucket.address}/village-album/v0003/index.html#photo/00000001")
    page.get_by_role("button", name="Zoom", exact=True).first.click()
    page.wait_for_selector(".zoom-box[data-pictures='after before'] canvas")
    page.get_by_role("button", name="Show the scan").click()

    def asked() -> set[str]:
        return {path.split("/")[3] for path in bucket.asked if path.startswith("/village-album/tiles/")}

    end = time.monotonic() + 120
    while asked() != bucket.sets() and time.monotonic() < end:
        page.wait_for_timeout(100)
    # the scan is half as large as the picture beside it: its tiles are asked for by its own size
    assert asked() == bucket.sets()
    assert bucket.missing == []


def test_the_grid_shows_thumbnails_out_of_the_tiles(visit, bucket):
    page = visit.open(f"{bucket.address}/village-album/v0003/index.html")
    page.wait_for_load_state("networkidle")
    pictures = page.locator(".card img")
    assert pictures.count() == 2
    for picture in pictures.all():
        assert picture.get_attribute("src").startswith("../tiles/")
        assert 0 < picture.evaluate("(image) => image.naturalWidth") <= 400
    assert bucket.missing == []
