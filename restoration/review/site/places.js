/* A place of a photograph, given by pointer or keys: one click is a dab, several are the corners of an area, a drag is its outline. */
import { announce, make, svg } from "./elements.js";
import { t } from "./words.js";

const MOST_CORNERS = 64;
const MOST_OF_DRAG = 40;
const LEAST_CORNERS = 3;
const DRAG_PX = 8;
const NEAR_PX = 14;
/* Beside the divide, which stands in the middle. */
const START = [0.6, 0.4];
const STEP = 0.01;
const BIG_STEP = 0.05;
export const RADIUS = 0.008;

const clamp = (value) => Math.min(1, Math.max(0, value));
const rounded = (point) => point.map((value) => Math.round(clamp(value) * 1e5) / 1e5);

/* How far a point lies off the line from one to another. */
function offLine([x, y], [x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  return length ? Math.abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length : Math.hypot(x - x1, y - y1);
}

/* The corners that matter of a drawn line (Douglas and Peucker). */
export function simplified(path, tolerance) {
  if (path.length < 3) return path;
  let [far, at] = [0, 0];
  for (let i = 1; i < path.length - 1; i += 1) {
    const off = offLine(path[i], path[0], path.at(-1));
    if (off > far) [far, at] = [off, i];
  }
  if (far <= tolerance) return [path[0], path.at(-1)];
  return [...simplified(path.slice(0, at + 1), tolerance).slice(0, -1), ...simplified(path.slice(at), tolerance)];
}

function areaOf(path) {
  for (let tolerance = 0.003; ; tolerance *= 1.5) {
    const corners = simplified(path, tolerance);
    if (corners.length <= MOST_OF_DRAG) return corners;
  }
}

/* Whether an outline is a whole place: a dab or an area, not two corners. */
export const isWhole = (outline) => outline.length === 1 || outline.length >= LEAST_CORNERS;

/* A place of the scan as it lies in the picture that is shown, which was turned counterclockwise by so many degrees; of a place of the picture, with the rest of the full turn, where it is on the scan. */
export function turnedPlace(outline, turn) {
  let place = outline;
  for (let left = turn; left > 0; left -= 90) place = place.map(([x, y]) => [y, 1 - x]);
  return turn ? place.map(rounded) : place;
}

/* A place in words. */
export function placeWords(outline) {
  const percent = (value) => Math.round(value * 100);
  const middle = [0, 1].map((axis) => outline.reduce((sum, point) => sum + point[axis], 0) / outline.length);
  const values = { x: percent(middle[0]), y: percent(middle[1]), n: outline.length };
  if (outline.length === 1) return t("place_dab", values);
  return t(isWhole(outline) ? "place_area" : "place_corner", values);
}

/* Lines and corners over the photograph, in its pixels; dark below light, so that they are seen on any picture. */
export function shapesOf(outline, radius, size, corners) {
  const points = outline.map(([x, y]) => [x * size.width, y * size.height]);
  const lines = (name) => (points.length === 1
    ? svg("circle", { class: name, cx: points[0][0], cy: points[0][1], r: Math.max(radius * Math.max(size.width, size.height), 1) })
    : svg(points.length === 2 ? "polyline" : "polygon", { class: name, points: points.map((point) => point.join(",")).join(" ") }));
  const dots = corners && points.length > 1 ? points.map(([cx, cy]) => svg("circle", { class: "corner", cx, cy, r: 1 })) : [];
  return points.length ? [lines("edge"), lines("line"), ...dots] : [];
}

export class PlacePicker {
  /* onChange: told whenever the place changes. */
  constructor(viewer, onChange) {
    this.viewer = viewer;
    this.onChange = onChange;
    this.outline = [];
    this.cross = make("div", {
      class: "cross", tabindex: "0", role: "application", "aria-label": t("place_cross"), "aria-describedby": "give-how", onkeydown: (event) => { if (this.key(event)) { event.preventDefault(); event.stopPropagation(); } },
    });
    viewer.frame.append(this.cross);
    viewer.pick(this);
  }

  close() {
    this.viewer.drawPlaces(() => []);
    this.viewer.pick(null);
    this.cross.remove();
  }

  /* Where keys act: the last corner, or where they begin. */
  get at() { return this.outline.at(-1) || START; }

  /* The viewer has moved or zoomed. */
  placed() {
    const { left, top } = this.viewer.inFrame(this.at);
    Object.assign(this.cross.style, { left: `${left}px`, top: `${top}px` });
  }

  set(outline, speak) {
    this.outline = outline.map(rounded);
    this.draw(this.outline);
    this.onChange();
    if (speak) announce(this.outline.length ? placeWords(this.outline) : t("place_none"));
  }

  draw(outline) {
    this.viewer.drawPlaces(() => shapesOf(outline, RADIUS, this.viewer.size, true));
    this.placed();
  }

  pixels([x, y], [x2, y2]) {
    const { size, scale } = this.viewer;
    return Math.hypot((x - x2) * size.width * scale, (y - y2) * size.height * scale);
  }

  withCorner(at, point) { return this.outline.map((corner, i) => (i === at ? rounded(point) : corner)); }

  /* -- pointer ------------------------------------------------------------------------------------------------------ */

  pressed(point) {
    if (point.some((value) => value < 0 || value > 1)) return false;
    const near = this.outline.findIndex((corner) => this.pixels(corner, point) <= NEAR_PX);
    this.press = { start: point, path: [point], corner: near, drawn: false };
    return true;
  }

  moved(point) {
    const { press } = this;
    if (!press || (!press.drawn && this.pixels(press.start, point) < DRAG_PX)) return;
    press.drawn = true;
    if (press.corner >= 0) {
      this.draw(this.withCorner(press.corner, point));
    } else {
      if (this.pixels(press.path.at(-1), point) >= 3) press.path.push(rounded(point));
      this.draw(press.path);
    }
  }

  released(point) {
    const { press } = this;
    this.press = null;
    if (!press) return;
    if (press.drawn && press.corner >= 0) this.set(this.withCorner(press.corner, point), true);
    else if (press.drawn) this.drawn([...press.path, point]);
    else if (press.corner < 0 && this.outline.length < MOST_CORNERS) this.set([...this.outline, point], true);
  }

  drawn(path) {
    const corners = areaOf(path.map(rounded));
    this.set(corners.length >= LEAST_CORNERS ? corners : this.outline, true);
  }

  stopped() {
    this.press = null;
    this.draw(this.outline);
  }

  /* -- keys --------------------------------------------------------------------------------------------------------- */

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return false;
    const step = event.shiftKey ? BIG_STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      const [x, y] = this.at;
      this.set([...this.outline.slice(0, -1), [x + moves[event.key][0], y + moves[event.key][1]]], true);
    } else if (event.target === this.cross && (event.key === "Enter" || event.key === " ")) {
      if (this.outline.length < MOST_CORNERS) this.set([...this.outline, this.at], true);
    } else if (event.target === this.cross && (event.key === "Backspace" || event.key === "Delete")) {
      this.set(this.outline.slice(0, -1), true);
    } else {
      return false;
    }
    return true;
  }
}
