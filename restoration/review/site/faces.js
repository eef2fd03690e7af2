/* The faces of a photograph: before and after beside each other, and what the computer says, in words. */
import { make } from "./elements.js";
import { Layer } from "./layer.js";
import { figure, t, word } from "./words.js";

const NEAR = 0.05;
const CLEAR = 0.5;
const MARGIN = 0.35;

/* What the likeness of a face means; the first word is how it is shown. */
export function likeness(face) {
  const values = { v: figure(face.identity), t: figure(face.threshold) };
  if (typeof face.identity !== "number") return ["none", t("like_none")];
  if (typeof face.threshold !== "number") return ["none", t("like_unknown", values)];
  if (face.identity < face.threshold) return ["fail", t("like_fail", values)];
  if (face.identity < face.threshold + NEAR) return ["near", t("like_near", values)];
  return ["pass", t("like_pass", values)];
}

function action(face) {
  const share = Math.round((face.blend ?? 1) * 100);
  const text = face.action === "blended" && share < 100 ? t("act_blended", { n: share }) : t(face.action === "blended" ? "act_restored" : `act_${face.action}`);
  return [text, word("reasons", face.reason)].filter(Boolean).join(" ");
}

/* A square part of one side around the face, as sharp as the pictures at hand allow. */
function crop(source, photo, box, label, onError) {
  const { width, height } = photo.item;
  const layer = new Layer(source, width, height, label, onError);
  const world = make("div", { class: "world" }, layer.element);
  const frame = make("div", { class: "crop" }, world);
  world.style.width = `${width}px`;
  world.style.height = `${height}px`;
  const side = Math.max(box.width, box.height) * (1 + 2 * MARGIN);
  const left = box.x + box.width / 2 - side / 2;
  const top = box.y + box.height / 2 - side / 2;
  new ResizeObserver((_, observer) => {
    const size = frame.clientWidth;
    if (!frame.isConnected) observer.disconnect();
    if (!size) return;
    const scale = size / side;
    world.style.transform = `translate(${-left * scale}px, ${-top * scale}px) scale(${scale})`;
    layer.update({ scale, left, top, right: left + side, bottom: top + side });
  }).observe(frame);
  return make("figure", { class: "crop-figure" }, frame, make("figcaption", { text: label }));
}

export function facesSection(photo, sources, lookAt, onError) {
  const { faces, item, faces_size: size } = photo;
  if (!faces.length) return make("p", { class: "hint", text: t("no_faces") });
  const [ratioX, ratioY] = [item.width / size[0], item.height / size[1]];
  return make("ul", { class: "faces" }, ...faces.map((face) => {
    const [x, y, width, height] = face.box;
    const box = { x: x * ratioX, y: y * ratioY, width: width * ratioX, height: height * ratioY };
    const number = face.ordinal + 1;
    const [kind, words] = likeness(face);
    const look = make("button", { type: "button", class: "quiet small", "aria-label": t("face_zoom", { n: number }), onclick: () => lookAt(face) },
      make("span", { text: t("face", { n: number }) }), number < 10 ? make("kbd", { text: String(number), "aria-hidden": "true" }) : null);
    return make("li", { class: `face face-${kind}` },
      make("div", { class: "pair" }, crop(sources.before, photo, box, t("before"), onError), crop(sources.after, photo, box, t("after"), onError)),
      make("div", { class: "face-words" }, look,
        make("p", { class: "act", text: action(face) }),
        make("p", { class: "like", text: words }),
        typeof face.certainty === "number" && face.certainty < CLEAR ? make("p", { class: "hint", text: t("seen_badly") }) : null,
        face.restorer ? make("p", { class: "hint", text: t("by_model", { model: face.restorer }) }) : null));
  }));
}
