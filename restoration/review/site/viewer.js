/* Before and after in one frame or side by side, with zoom and pan by mouse, keyboard and touch. */
import { button, make, svg } from "./elements.js";
import { Layer } from "./layer.js";
import { t } from "./words.js";

const STEP = 2;
const BIG_STEP = 10;
const ZOOM_STEP = 1.4;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

class Pane {
  constructor(layer, boxes) {
    this.layer = layer;
    this.places = svg("svg", { class: "places", viewBox: `0 0 ${layer.width} ${layer.height}`, "aria-hidden": "true", focusable: "false" });
    this.world = make("div", { class: "world" }, layer.element, this.places, boxes);
    this.element = make("div", { class: "pane" }, this.world);
    this.world.style.width = `${layer.width}px`;
    this.world.style.height = `${layer.height}px`;
  }

  place(scale, x, y, size) {
    this.world.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.world.style.setProperty("--inverse", String(1 / scale));
    const part = { left: -x / scale, top: -y / scale, right: (size.width - x) / scale, bottom: (size.height - y) / scale };
    this.layer.update({ scale, ...part });
  }
}

function faceBoxes(faces, ratioX, ratioY) {
  return make("div", { class: "boxes", "aria-hidden": "true" }, ...faces.map((face) => {
    const box = make("div", { class: `box box-${face.action}` }, make("span", { text: String(face.ordinal + 1) }));
    const [x, y, width, height] = face.box;
    Object.assign(box.style, { left: `${x * ratioX}px`, top: `${y * ratioY}px`, width: `${width * ratioX}px`, height: `${height * ratioY}px` });
    return box;
  }));
}

export class Viewer {
  /* before, after: sources of Layer. facesSize: size of the picture that boxes of faces refer to. */
  /* filled: { mask: address, legend: element }, or null where nothing was filled. */
  constructor({ before, after, width, height, title, faces, facesSize, filled, mode, onMode, onError }) {
    this.size = { width, height };
    this.position = 50;
    this.scale = 0;
    this.x = 0;
    this.y = 0;
    this.pointers = new Map();
    this.onMode = onMode;
    this.filled = filled;
    this.faceScale = [width / facesSize[0], height / facesSize[1]];
    const once = (() => { let told = false; return () => { if (!told) { told = true; onError(); } }; })();
    this.onError = once;
    this.after = new Pane(new Layer(after, width, height, t("after_alt", { title }), once), faceBoxes(faces, ...this.faceScale));
    this.before = new Pane(new Layer(before, width, height, t("before_alt"), once), faceBoxes(faces, ...this.faceScale));
    this.after.element.classList.add("pane-after");
    this.before.element.classList.add("pane-before");
    this.handle = make("div", {
      class: "handle", role: "slider", tabindex: "0", "aria-label": t("divide"), "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    }, make("span", { class: "knob", "aria-hidden": "true" }));
    this.frame = make("div", { class: "frame", role: "group", "aria-label": t("stage") },
      this.after.element, this.before.element, this.handle,
      make("span", { class: "side side-before", "aria-hidden": "true", text: t("before") }),
      make("span", { class: "side side-after", "aria-hidden": "true", text: t("after") }));
    this.frame.style.setProperty("--ratio", String(width / height));
    this.tools = this.makeTools(faces.length > 0);
    this.element = make("div", { class: "viewer" }, this.frame, this.tools, filled ? filled.legend : null);
    if (filled) filled.legend.hidden = true;
    this.listen();
    this.setMode(mode);
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.frame);
  }

  close() {
    this.observer.disconnect();
  }

  makeTools(withFaces) {
    this.modeButtons = ["slider", "side"].map((mode) => button(t(`view_${mode}`), () => this.setMode(mode), { "data-mode": mode }));
    this.boxButton = withFaces ? button(t("boxes"), () => this.toggleBoxes(), { "aria-pressed": "false" }) : null;
    this.filledButton = this.filled ? button(t("show_filled"), () => this.toggleFilled(), { "aria-pressed": "false", id: "show-filled" }) : null;
    this.fitButton = button(t("zoom_full"), () => this.toggleZoom(), { class: "quiet fit" });
    return make("div", { class: "tools-row", role: "toolbar", "aria-label": t("view") }, ...this.modeButtons, this.boxButton, this.filledButton,
      make("span", { class: "spring" }),
      button("−", () => this.zoomBy(1 / ZOOM_STEP), { "aria-label": t("zoom_out"), class: "quiet square" }),
      make("span", { class: "percent", role: "status", "aria-live": "off" }),
      button("+", () => this.zoomBy(ZOOM_STEP), { "aria-label": t("zoom_in"), class: "quiet square" }), this.fitButton);
  }

  /* -- geometry --------------------------------------------------------------------------------------------------- */

  paneSize() {
    const box = this.after.element.getBoundingClientRect();
    return { width: box.width, height: box.height };
  }

  fitScale(pane = this.paneSize()) {
    return Math.min(pane.width / this.size.width, pane.height / this.size.height) || 1;
  }

  fullScale() {
    const full = 1 / window.devicePixelRatio;
    return full > this.fitScale() * 1.05 ? full : this.fitScale() * 2.5;
  }

  isFit() {
    return this.scale <= this.fitScale() * 1.001;
  }

  resized() {
    const pane = this.paneSize();
    if (!pane.width || !pane.height) return;
    const fit = this.fitScale(pane);
    const wasFit = !this.shown || this.scale <= this.shown.fit * 1.001;
    const middle = this.shown && [(this.shown.width / 2 - this.x) / this.scale, (this.shown.height / 2 - this.y) / this.scale];
    this.scale = wasFit ? fit : Math.max(this.scale, fit);
    if (middle) [this.x, this.y] = [pane.width / 2 - middle[0] * this.scale, pane.height / 2 - middle[1] * this.scale];
    this.draw();
  }

  draw() {
    const pane = this.paneSize();
    const fit = this.fitScale(pane);
    this.scale = clamp(this.scale, fit, Math.max(fit * 8, 8 / window.devicePixelRatio));
    const [width, height] = [this.size.width * this.scale, this.size.height * this.scale];
    this.x = width <= pane.width ? (pane.width - width) / 2 : clamp(this.x, pane.width - width, 0);
    this.y = height <= pane.height ? (pane.height - height) / 2 : clamp(this.y, pane.height - height, 0);
    this.shown = { ...pane, fit };
    for (const part of [this.after, this.before]) part.place(this.scale, this.x, this.y, pane);
    this.drawDivide(pane, width, height);
    this.frame.classList.toggle("zoomed", !this.isFit());
    if (this.picker) this.picker.placed();
    this.fitButton.textContent = this.isFit() ? t("zoom_full") : t("zoom_fit");
    this.tools.querySelector(".percent").textContent = `${Math.round(this.scale * window.devicePixelRatio * 100)} %`;
  }

  drawDivide(pane, width, height) {
    const left = Math.max(0, this.x);
    const right = Math.min(pane.width, this.x + width);
    const at = left + ((right - left) * this.position) / 100;
    this.span = { left, right };
    this.before.element.style.clipPath = this.mode === "slider" ? `inset(0 ${pane.width - at}px 0 0)` : "none";
    const top = Math.max(0, this.y);
    Object.assign(this.handle.style, { left: `${at}px`, top: `${top}px`, height: `${Math.min(pane.height, this.y + height) - top}px` });
    this.frame.classList.toggle("at-start", this.position < 14);
    this.frame.classList.toggle("at-end", this.position > 86);
    const rounded = Math.round(this.position);
    this.handle.setAttribute("aria-valuenow", String(rounded));
    this.handle.setAttribute("aria-valuetext", t("divide_at", { n: rounded, m: 100 - rounded }));
  }

  moveTo(position) {
    this.position = clamp(position, 0, 100);
    this.draw();
  }

  /* -- what one can do ---------------------------------------------------------------------------------------------- */

  setMode(mode) {
    this.mode = mode;
    this.frame.dataset.mode = mode;
    for (const one of this.modeButtons) one.setAttribute("aria-pressed", String(one.dataset.mode === mode));
    this.handle.hidden = mode !== "slider";
    this.onMode(mode);
    this.resized();
  }

  toggleMode() { this.setMode(this.mode === "slider" ? "side" : "slider"); }

  toggleBoxes() {
    const shown = this.frame.classList.toggle("with-boxes");
    if (this.boxButton) this.boxButton.setAttribute("aria-pressed", String(shown));
  }

  /* Shade what was filled, over the restored picture. */
  toggleFilled() {
    if (!this.filled) return;
    const shown = !this.shading;
    if (shown) {
      this.shading = make("img", { class: "filled-mask", alt: "", draggable: "false" });
      this.shading.addEventListener("error", this.onError);
      this.shading.src = this.filled.mask;
      this.after.layer.element.after(this.shading);
    } else {
      this.shading.remove();
      this.shading = null;
    }
    this.filled.legend.hidden = !shown;
    this.filledButton.setAttribute("aria-pressed", String(shown));
  }

  /* Somebody picks places: presses and drags on the photograph are theirs until they are done (null). */
  pick(picker) {
    this.picker = picker;
    this.frame.classList.toggle("picking", Boolean(picker));
    this.draw();
  }

  /* Shapes over the photograph, in its pixels, on both sides. */
  drawPlaces(shapes) {
    for (const pane of [this.after, this.before]) pane.places.replaceChildren(...shapes());
  }

  /* A picture over the restored one, of the same shape; null takes it away. */
  showPainted(bitmap) {
    if (this.painted) this.painted.remove();
    this.painted = null;
    if (!bitmap) return;
    this.painted = make("canvas", { class: "painted", width: bitmap.width, height: bitmap.height, role: "img", "aria-label": t("preview_alt") });
    this.painted.getContext("2d").drawImage(bitmap, 0, 0);
    this.after.layer.element.after(this.painted);
  }

  /* Where a point of the photograph (shares) stands in the frame, in its pixels. */
  inFrame([x, y]) {
    return { left: this.after.element.offsetLeft + this.x + x * this.size.width * this.scale, top: this.after.element.offsetTop + this.y + y * this.size.height * this.scale };
  }

  /* The point of the photograph under a pointer, as shares; the side is the one on which it was pressed. */
  share(event) {
    const box = (this.pickPane || this.after.element).getBoundingClientRect();
    return [(event.clientX - box.left - this.x) / this.scale / this.size.width, (event.clientY - box.top - this.y) / this.scale / this.size.height];
  }

  zoomBy(factor, at) {
    const pane = this.paneSize();
    const point = at || { x: pane.width / 2, y: pane.height / 2 };
    const fit = this.fitScale(pane);
    const scale = clamp(this.scale * factor, fit, Math.max(fit * 8, 8 / window.devicePixelRatio));
    this.x = point.x - ((point.x - this.x) * scale) / this.scale;
    this.y = point.y - ((point.y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.draw();
  }

  toggleZoom(at) {
    if (this.isFit()) this.zoomBy(this.fullScale() / this.scale, at);
    else this.fit();
  }

  fit() {
    this.scale = this.fitScale();
    this.draw();
  }

  /* Zoom so that a face fills about half of the frame. */
  lookAt(face) {
    const pane = this.paneSize();
    const [ratioX, ratioY] = this.faceScale;
    const [x, y, width, height] = [face.box[0] * ratioX, face.box[1] * ratioY, face.box[2] * ratioX, face.box[3] * ratioY];
    this.scale = clamp(0.55 * Math.min(pane.width / width, pane.height / height), this.fitScale(pane), Math.max(this.fitScale(pane) * 8, 8));
    this.x = pane.width / 2 - (x + width / 2) * this.scale;
    this.y = pane.height / 2 - (y + height / 2) * this.scale;
    this.draw();
  }

  /* -- mouse, touch, keyboard ---------------------------------------------------------------------------------------- */

  point(event) {
    const pane = event.target.closest(".pane") || this.after.element;
    const box = pane.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  listen() {
    const frame = this.frame;
    frame.addEventListener("pointerdown", (event) => this.pressed(event));
    frame.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (event) => this.released(event));
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0022)), this.point(event));
    }, { passive: false });
    frame.addEventListener("dblclick", (event) => { if (!this.picker) this.toggleZoom(this.point(event)); });
    this.handle.addEventListener("keydown", (event) => this.handleKey(event));
  }

  pressed(event) {
    if (event.button !== 0) return;
    const onHandle = this.handle.contains(event.target);
    if (!this.pointers.size) this.drag = this.dragOf(event, onHandle);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    frameCapture(this.frame, event.pointerId);
    if (this.pointers.size === 2) {
      if (this.drag === "pick") this.picker.stopped();
      this.drag = "pinch";
    }
    if (this.drag === "divide" && onHandle) this.handle.focus({ preventScroll: true });
    if (event.pointerType === "mouse") event.preventDefault();
  }

  dragOf(event, onHandle) {
    if (this.picker && !onHandle) {
      this.pickPane = event.target.closest(".pane");
      if (this.picker.pressed(this.share(event), event)) return "pick";
    }
    return this.mode === "slider" && (onHandle || this.isFit()) ? "divide" : "pan";
  }

  moved(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.drag === "pinch") this.pinch(event.pointerId, now);
    this.pointers.set(event.pointerId, now);
    if (this.drag === "divide") this.follow(now);
    if (this.drag === "pick") this.picker.moved(this.share(event), event);
    if (this.drag !== "pan") return;
    this.x += now.x - last.x;
    this.y += now.y - last.y;
    this.draw();
  }

  follow(now) {
    const left = this.frame.getBoundingClientRect().left + this.span.left;
    this.moveTo(((now.x - left) / (this.span.right - this.span.left)) * 100);
  }

  pinch(id, now) {
    const [other] = [...this.pointers.entries()].filter(([key]) => key !== id).map(([, point]) => point);
    const before = this.pointers.get(id);
    const spread = (a, b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
    const box = this.after.element.getBoundingClientRect();
    const middle = { x: (now.x + other.x) / 2 - box.left, y: (now.y + other.y) / 2 - box.top };
    this.x += (now.x - before.x) / 2;
    this.y += (now.y - before.y) / 2;
    this.zoomBy(spread(now, other) / spread(before, other), middle);
  }

  released(event) {
    if (this.pointers.has(event.pointerId) && this.drag === "pick") {
      if (event.type === "pointerup") this.picker.released(this.share(event));
      else this.picker.stopped();
      this.drag = null;
    }
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 1) this.drag = "pan";
  }

  handleKey(event) {
    const big = event.shiftKey ? BIG_STEP : STEP;
    const targets = {
      ArrowLeft: this.position - big, ArrowDown: this.position - big, ArrowRight: this.position + big, ArrowUp: this.position + big,
      PageDown: this.position - BIG_STEP, PageUp: this.position + BIG_STEP, Home: 0, End: 100,
    };
    if (!(event.key in targets) || event.ctrlKey || event.altKey || event.metaKey) return;
    this.moveTo(targets[event.key]);
    event.preventDefault();
    event.stopPropagation();
  }

  key(name) {
    const actions = { "+": () => this.zoomBy(ZOOM_STEP), "=": () => this.zoomBy(ZOOM_STEP), "-": () => this.zoomBy(1 / ZOOM_STEP), z: () => this.toggleZoom(), s: () => this.toggleMode(), b: () => this.toggleBoxes(), m: () => this.toggleFilled() };
    if (!(name in actions)) return false;
    actions[name]();
    return true;
  }
}

function frameCapture(frame, pointer) {
  /* A pointer that a script made, as tests do, cannot be captured; it is followed all the same. */
  try { frame.setPointerCapture(pointer); } catch (error) { if (error.name !== "NotFoundError") throw error; }
}
