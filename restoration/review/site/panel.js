/* What is known of one photograph, first in plain words, then every detail. */
import { make } from "./elements.js";
import { filledLine } from "./filled.js";
import { figure, number, percent, t, when, whoSaid, word } from "./words.js";

function table(head, rows) {
  return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": head[0] }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col", text })))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((text, i) => make(i ? "td" : "th", { scope: i ? null : "row", dir: "auto", text })))))));
}

function facts(pairs) {
  return make("dl", { class: "facts" }, ...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { dir: "auto", text: String(value) })]));
}

const section = (title, ...content) => make("details", {}, make("summary", { text: title }), ...content);
const size = (part) => (part.width ? [`${number(part.width)} × ${number(part.height)}`, part.bits && `${part.bits} bit`, part.format].filter(Boolean).join(", ") : "");

function story(photo) {
  const done = (name) => photo.steps.find((step) => step.step === name);
  const applied = (name) => done(name) && done(name).status === "applied";
  const damage = photo.item.damage_share;
  return [
    photo.turned && t(photo.turned === 180 ? "lay_upside_down" : "lay_sideways"),
    done("triage")?.detail?.negative === "inverted" && t("did_invert"),
    applied("colorize") && t(photo.item.variant.endsWith("hinted") ? "did_colour_hinted" : "did_colour"),
    done("colorize") && done("colorize").reason === "already_colour" && t("did_own_colour"),
    filledLine(photo) || (applied("repair") && t("did_repair", { share: typeof damage === "number" ? percent(damage) : "?" })),
    applied("grade") && t("did_grade"),
    applied("upscale") && t("did_upscale"),
    !photo.item.ai_altered && t(filledLine(photo) ? "not_ai_but_filled" : "not_ai"),
  ].filter(Boolean);
}

/* That a scan shows several photographs, and how each becomes one of its own: that is decided in a terminal. */
function several(photo) {
  const found = photo.steps.map((step) => step.detail ?? {}).find((detail) => detail.photographs?.length);
  if (!found) return null;
  const quoted = (text) => `'${String(text).replace(/'/g, "'\\''")}'`;
  const command = `restoration divide ${quoted(photo.item.collection)} ${quoted(photo.item.object_key)} --by '…'`;
  return make("p", { class: "hint several" },
    make("span", { text: `${t("several_n", { n: found.photographs.length, where: word("arrangements", found.arrangement) })} ` }),
    make("code", { dir: "ltr", text: command }));
}

function stepRows(steps) {
  return steps.map((step) => [
    word("step_names", step.step),
    [word("statuses", step.status), word("reasons", step.reason).replace(/\.$/, "")].filter((text, i, all) => text && all.indexOf(text) === i).join(": "),
    step.model || "", `${figure(step.seconds, step.seconds < 10 ? 2 : 0)} s`,
  ]);
}

function damageRows(damage) {
  return damage.map((one) => [
    word("damage_kinds", one.kind), percent(one.found_share), percent(one.mended_share),
    [word("mendings", one.mending), one.model].filter(Boolean).join(": "), number(one.regions),
  ]);
}

function metricRows(measurements) {
  return Object.keys(measurements).sort().map((name) => {
    const { source, restored, pair } = measurements[name];
    return [word("metrics", name), figure(source, 3), figure(restored, 3), figure(pair, 3)];
  });
}

export function historyList(history) {
  if (!history.length) return make("p", { class: "hint", text: t("no_history") });
  return make("ol", { class: "history", reversed: true }, ...history.map((past) => make("li", { class: past.of_this_restoration ? "" : "old" },
    make("span", { dir: "auto", text: t("decided_by", { decision: t(past.decision), who: whoSaid(past), when: when(past.decided_at) }) }),
    past.of_this_restoration ? null : make("span", { class: "hint", text: ` (${t("of_earlier")})` }),
    past.words ? make("q", { dir: "auto", text: past.words }) : null)));
}

/* Why a person is asked, or what was decided. */
export function banner(photo) {
  const { item, history } = photo;
  const lines = [];
  if (item.decision) lines.push(make("strong", { text: t("decided_by", { decision: t(item.decision), who: whoSaid(item), when: when(item.decided_at) }) }));
  else lines.push(make("strong", { text: item.awaits_review ? t("awaits") : t("not_waiting") }));
  if (item.reason) lines.push(make("span", { text: word("reasons", item.reason) }));
  if (!item.decision && history.some((past) => past.decision === "reject")) lines.push(make("span", { text: t("earlier_rejection") }));
  const variant = photo.painted ? item.variant : item.variant.replace(/_?hinted$/, "");
  if (variant) lines.push(make("span", { text: word("variants", variant) }));
  if (item.reason_detail) lines.push(make("span", { class: "hint", dir: "auto", text: t("noted", { text: item.reason_detail }) }));
  return make("div", { class: item.awaits_review ? "banner banner-review" : "banner" }, ...lines);
}

export function storySection(photo) {
  return [
    photo.item.ai_altered ? make("p", { class: "ai" }, make("span", { class: "label", text: t("ai_altered") }), make("span", { text: t("ai_words") })) : null,
    make("ul", { class: "story" }, ...story(photo).map((text) => make("li", { text }))),
    several(photo),
  ];
}

export function details(photo) {
  const { item } = photo;
  const terms = Object.entries(photo.dublin_core).filter(([name]) => name !== "title");
  return [
    photo.steps.length ? section(t("steps"), table([t("step"), t("result"), t("model"), t("time")], stepRows(photo.steps))) : null,
    photo.damage.length ? section(t("damage"), table([t("damage"), t("found"), t("mended"), t("how"), t("places")], damageRows(photo.damage))) : null,
    Object.keys(photo.measurements).length ? section(t("measurements"), table([t("measurement"), t("before"), t("after"), t("both")], metricRows(photo.measurements))) : null,
    section(t("catalogue"), facts([
      ...terms.map(([name, value]) => [word("terms", name), value]), [t("file"), item.object_key], [t("scan_size"), size(photo.scan)],
      [t("output_size"), size(photo.output)], [t("recipe"), photo.recipe], [t("number"), item.photo_id]])),
  ];
}
