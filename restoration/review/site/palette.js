/* Choosing a colour: out of the photograph, out of those given before, or any. */
import { make } from "./elements.js";
import { t, word } from "./words.js";

const SIDE = 96;
const BIN = 8;
const GRAY = 5;
const MOST = 8;
const ENOUGH = 6;
const LEAST_SHARE = 0.002;

/* CIELAB (D65) of sRGB 0..255. */
export function labOf(rgb) {
  const [r, g, b] = rgb.map((value) => { const v = value / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  const xyz = [(0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047, 0.2126729 * r + 0.7151522 * g + 0.072175 * b, (0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883];
  const [x, y, z] = xyz.map((v) => (v > 216 / 24389 ? Math.cbrt(v) : (v * 24389 / 27 + 16) / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const hexOf = (rgb) => `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
const rgbOf = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/* What people would call a colour, roughly: a word for those who do not see the swatch. */
const HUES = [[20, "pink"], [50, "red"], [75, "orange"], [105, "yellow"], [165, "green"], [225, "turquoise"], [290, "blue"], [325, "violet"], [360, "pink"]];
export function hueName(hex) {
  const [lightness, a, b] = labOf(rgbOf(hex));
  if (Math.hypot(a, b) < 8) return word("hues", "gray");
  const hue = ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360;
  const name = HUES.find(([end]) => hue <= end)[1];
  return word("hues", lightness < 50 && (name === "orange" || name === "yellow") ? "brown" : name);
}

/* The six to eight chromas that make up most of a picture, as #rrggbb; fewer where it holds fewer. data: RGBA. */
export function mainColours(data) {
  const bins = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const rgb = [data[i], data[i + 1], data[i + 2]];
    const [, a, b] = labOf(rgb);
    if (Math.hypot(a, b) < GRAY) continue;
    const key = `${Math.round(a / BIN)} ${Math.round(b / BIN)}`;
    const bin = bins.get(key) || { n: 0, a: 0, b: 0, rgb: [0, 0, 0] };
    bin.n += 1;
    bin.a += a;
    bin.b += b;
    bin.rgb = bin.rgb.map((sum, channel) => sum + rgb[channel]);
    bins.set(key, bin);
  }
  const found = [...bins.values()].filter((bin) => bin.n >= (data.length / 4) * LEAST_SHARE)
    .map((bin) => ({ a: bin.a / bin.n, b: bin.b / bin.n, hex: hexOf(bin.rgb.map((sum) => sum / bin.n)), weight: bin.n * (0.3 + Math.hypot(bin.a, bin.b) / bin.n / 60) }))
    .sort((one, other) => other.weight - one.weight);
  let chosen = [];
  for (const apart of [16, 10, 6]) {
    chosen = [];
    for (const one of found) {
      if (chosen.length < MOST && chosen.every((other) => Math.hypot(one.a - other.a, one.b - other.b) >= apart)) chosen.push(one);
    }
    if (chosen.length >= ENOUGH) break;
  }
  return chosen.map((one) => one.hex);
}

/* The main colours of a picture by its address; none where it cannot be loaded. */
export async function coloursOf(address) {
  const image = new Image();
  image.src = address;
  try { await image.decode(); } catch { return []; }
  const scale = Math.min(1, SIDE / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = make("canvas", { width: Math.max(1, Math.round(image.naturalWidth * scale)), height: Math.max(1, Math.round(image.naturalHeight * scale)) });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return mainColours(context.getImageData(0, 0, canvas.width, canvas.height).data);
}

export function swatch(hex) {
  const element = make("span", { class: "swatch", "aria-hidden": "true" });
  element.style.background = hex;
  return element;
}

export class ColourPicker {
  constructor(onChange) {
    this.onChange = onChange;
    this.value = "";
    this.wheel = make("input", { type: "color", id: "hint-wheel", value: "#808080", oninput: () => this.choose(this.wheel.value) });
    this.hex = make("input", { type: "text", id: "hint-hex", class: "hex", maxlength: "7", spellcheck: "false", autocomplete: "off", placeholder: "#3b5ba9", "aria-describedby": "hint-hex-wrong", oninput: () => this.typed() });
    this.wrong = make("p", { class: "hint wrong", id: "hint-hex-wrong", role: "status" });
    this.rows = make("div", { class: "swatch-rows" });
    this.chosen = make("p", { class: "chosen", role: "status" });
    this.element = make("fieldset", { class: "colour" }, make("legend", { text: t("colour") }), this.rows,
      make("div", { class: "any" },
        make("label", { for: "hint-wheel", text: t("any_colour") }), this.wheel,
        make("label", { for: "hint-hex", text: t("colour_hex") }), this.hex), this.wrong, this.chosen,
      make("p", { class: "hint", text: t("colour_hint") }));
  }

  /* One row of colours to press: [hex, what has it]. */
  offer(title, id, colours) {
    if (!colours.length) return;
    const buttons = colours.map(([hex, what]) => make("button", {
      type: "button", class: "pick", "data-colour": hex, "aria-pressed": String(hex === this.value),
      "aria-label": [what, hueName(hex), hex].filter(Boolean).join(", "), title: [what, hueName(hex)].filter(Boolean).join(", "), onclick: () => this.choose(hex),
    }, swatch(hex)));
    this.rows.append(make("div", { class: "swatch-row", role: "group", "aria-labelledby": id }, make("span", { id, class: "hint", text: title }), make("div", { class: "picks" }, ...buttons)));
  }

  typed() {
    const text = this.hex.value.trim().toLowerCase().replace(/^#?/, "#");
    const right = /^#[0-9a-f]{6}$/.test(text);
    this.wrong.textContent = right || text.length < 7 ? "" : t("colour_wrong");
    this.hex.setAttribute("aria-invalid", String(!right && text.length >= 7));
    this.choose(right ? text : "", true);
  }

  choose(hex, typed = false) {
    this.value = hex;
    if (!typed) {
      this.hex.value = hex;
      this.wrong.textContent = "";
      this.hex.removeAttribute("aria-invalid");
    }
    if (hex) this.wheel.value = hex;
    for (const one of this.rows.querySelectorAll(".pick")) one.setAttribute("aria-pressed", String(one.dataset.colour === hex));
    this.chosen.replaceChildren(...(hex ? [swatch(hex), make("span", { text: t("colour_chosen", { name: hueName(hex), hex }) })] : []));
    this.onChange();
  }
}
