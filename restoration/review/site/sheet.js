/* The contact sheet: a collection at a glance, to look at before it is published, and to print. */
import { api } from "./api.js";
import { button, make } from "./elements.js";
import { itemFacts, stateOf, thumbnails } from "./lists.js";
import { titleOf } from "./photo.js";
import { number, t, when, word } from "./words.js";

const STATES = ["photos", "restored", "needs_review", "unfinished", "rejected_by_system", "quarantined", "skipped", "divided", "withdrawn"];
const DECIDED = ["waiting", "accept", "reject", "accept_without_faces", "keep_original"];

function counts(title, names, values) {
  const shown = names.filter((name) => values[name] || name === "photos" || name === "waiting");
  return make("section", { class: "counts" }, make("h2", { text: title }), make("dl", {}, ...shown.map((name) => make("div", { "data-count": name }, make("dt", { text: t(`n_${name}`) }), make("dd", { text: number(values[name]) })))));
}

export class SheetView {
  constructor(app, place) { this.app = app; this.place = place; }

  async show(name, query) {
    const sheet = await api.sheet(name, query.get("run"));
    if (this.app.view !== this) return;
    const { collection, run, worst } = sheet;
    const title = collection.title || collection.name;
    document.title = `${t("sheet")}: ${title}`;
    const address = `/collections/${encodeURIComponent(collection.name)}`;
    this.place.replaceChildren(make("div", { class: "page sheet" },
      make("p", { class: "crumbs" }, make("a", { href: this.app.link("/"), text: t("home") })),
      make("p", { class: "eyebrow", text: t("sheet") }), make("h1", { dir: "auto", text: title }),
      run ? make("p", { class: "lead", text: this.runWords(run) }) : null,
      make("p", { class: "sheet-actions" }, make("a", { class: "button", href: this.app.link(address), text: t("review_now") }), button(t("print"), () => window.print())),
      make("div", { class: "count-row" }, counts(t("sheet_states"), STATES, collection.counts), counts(t("sheet_decisions"), DECIDED, collection.counts)),
      make("h2", { text: worst.length ? t("sheet_worst", { n: worst.length }) : t("sheet_none") }),
      worst.length ? make("p", { class: "hint", text: t("sheet_worst_hint") }) : null,
      make("ol", { class: "cards" }, ...worst.map((item) => this.card(item))),
      make("p", { class: "hint sheet-foot" }, make("span", { text: t("sheet_made", { when: when(sheet.made_at), who: sheet.made_by }) }), make("span", { text: ` ${t("approve_hint")}` }))));
  }

  runWords(run) {
    const states = Object.entries(run.states).map(([state, n]) => `${number(n)} ${word("states", state)}`).join(", ");
    return t("sheet_run", { run: run.run_id.slice(0, 8), n: number(run.photos), m: number(run.finished), states });
  }

  card(item) {
    return make("li", { class: "card" }, make("a", { href: this.app.link(`/photos/${item.photo_id}${item.awaits_review ? "" : "?which=all"}`) },
      thumbnails(item, false), make("span", { class: "name", dir: "auto", text: titleOf(item) }),
      make("span", { class: item.awaits_review ? "state waits" : "state", text: stateOf(item) }),
      item.reason ? make("span", { class: "hint", text: word("reasons", item.reason) }) : null,
      make("span", { class: "hint", text: itemFacts(item).join(" · ") })));
  }

  key() { return false; }
  close() {}
}
