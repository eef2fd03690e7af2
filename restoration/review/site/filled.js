/* What of the photograph was filled, in words. */
import { make } from "./elements.js";
import { percent, t, word } from "./words.js";

const FILLING = new Set(["surroundings", "net"]);
const FILLED = new Set(["scratch", "crease", "hole", "dust"]);

/* Kinds of damage that were filled, the largest first; empty where nothing was, or nobody recorded it. */
export function areas(photo) {
  if (!photo.mask || !(photo.filled_share > 0)) return [];
  return photo.damage.filter((one) => FILLED.has(one.kind) && FILLING.has(one.mending) && one.mended_share > 0);
}

export const isFilled = (photo) => photo.mask && photo.filled_share > 0;

/* For the list of what was done. */
export function filledLine(photo) {
  if (!isFilled(photo)) return "";
  const found = areas(photo);
  const kinds = found.map((one) => word("damage_kinds", one.kind)).join(", ");
  return t(found.some((one) => one.mending === "net") ? "did_fill_net" : "did_fill", { share: percent(photo.filled_share), kinds });
}

/* Beside the picture, while it is shaded. */
export function legend(photo) {
  return make("div", { class: "legend", role: "status" },
    make("p", {}, make("span", { class: "swatch", "aria-hidden": "true" }), make("span", { text: t("shaded") })),
    make("ul", {}, ...areas(photo).map((one) => make("li", {
      text: t(one.mending === "net" ? "filled_kind_net" : "filled_kind", { kind: word("damage_kinds", one.kind), share: percent(one.mended_share) }),
    }))));
}
