/* One picture in the coordinates of the restored photograph: a preview below, sharper tiles or the file itself above. */
import { make } from "./elements.js";

const TILE_MARGIN = 0.15;

/* Names of the files of an IIIF level 0 pyramid: sizes round up, and a region that is the whole picture is "full". */
export function tilesAt(info, factor, view) {
  const side = info.tiles[0].width;
  const across = Math.ceil(info.width / factor);
  const down = Math.ceil(info.height / factor);
  const found = [];
  const first = (edge) => Math.max(0, Math.floor(edge / factor / side));
  for (let row = first(view.top); row * side < Math.min(down, view.bottom / factor); row += 1) {
    for (let column = first(view.left); column * side < Math.min(across, view.right / factor); column += 1) {
      const x = column * side * factor;
      const y = row * side * factor;
      const width = Math.min(side * factor, info.width - x);
      const height = Math.min(side * factor, info.height - y);
      const size = `${Math.min(side, across - column * side)},${Math.min(side, down - row * side)}`;
      const region = width === info.width && height === info.height ? "full" : `${x},${y},${width},${height}`;
      found.push({ x, y, width, height, name: `${region}/${size}/0/default.jpg` });
    }
  }
  return found;
}

/* The coarsest scale factor that still gives one pixel of the tile for each pixel of the screen. */
export function factorFor(info, pixelsPerPixel) {
  const factors = [...info.tiles[0].scaleFactors].sort((a, b) => a - b);
  return factors.filter((factor) => factor <= Math.max(1, pixelsPerPixel)).pop() || factors[0];
}

export class Layer {
  /* source: { preview, previewDensity, info, tileUrl, file }; width and height of the restored photograph. */
  constructor(source, width, height, alt, onError) {
    this.source = source;
    this.width = width;
    this.height = height;
    this.onError = onError;
    this.element = make("div", { class: "layer" });
    this.tiles = new Map();
    this.element.append(this.picture(source.preview, 0, 0, width, height, 0, alt));
  }

  picture(src, x, y, width, height, level, alt = "") {
    const image = make("img", { alt, draggable: "false", decoding: "async" });
    Object.assign(image.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px`, zIndex: String(level) });
    image.addEventListener("error", () => { image.remove(); this.onError(); });
    image.src = src;
    return image;
  }

  /* view: scale (screen pixels for each pixel of the photograph) and the part that is seen, in the photograph's pixels. */
  update(view) {
    const density = view.scale * window.devicePixelRatio;
    if (this.source.info) this.updateTiles(view, density);
    else if (this.source.file && density > this.source.previewDensity * 1.05) this.updateFile();
  }

  updateFile() {
    if (this.tiles.has("file")) return;
    const image = this.picture(this.source.file, 0, 0, this.width, this.height, 1);
    this.tiles.set("file", image);
    this.element.append(image);
  }

  updateTiles(view, density) {
    const { info, tileUrl, previewDensity } = this.source;
    if (density <= previewDensity * 1.05) return;
    const ratioX = info.width / this.width;
    const ratioY = info.height / this.height;
    const factor = factorFor(info, ratioX / density);
    const marginX = (view.right - view.left) * TILE_MARGIN;
    const marginY = (view.bottom - view.top) * TILE_MARGIN;
    const part = {
      left: (view.left - marginX) * ratioX, right: (view.right + marginX) * ratioX,
      top: (view.top - marginY) * ratioY, bottom: (view.bottom + marginY) * ratioY,
    };
    const wanted = new Set();
    for (const tile of tilesAt(info, factor, part)) {
      const key = `${factor} ${tile.name}`;
      wanted.add(key);
      if (this.tiles.has(key)) continue;
      const level = 1 + info.tiles[0].scaleFactors.length - Math.round(Math.log2(factor));
      const image = this.picture(tileUrl(tile.name), tile.x / ratioX, tile.y / ratioY, tile.width / ratioX, tile.height / ratioY, level);
      this.tiles.set(key, image);
      this.element.append(image);
    }
    for (const [key, image] of this.tiles) {
      if (!wanted.has(key) && this.tiles.size > 60) { image.remove(); this.tiles.delete(key); }
    }
  }
}
