/* The collections, and the photographs of one of them. */
import { api, previewUrl } from "./api.js";
import { button, make } from "./elements.js";
import { titleOf } from "./photo.js";
import { Queue } from "./queue.js";
import { figure, number, percent, t, when, whoSaid, word } from "./words.js";

export class HomeView {
  constructor(app, place) { this.app = app; this.place = place; }

  async show() {
    const { collections } = await api.collections();
    if (this.app.view !== this) return;
    document.title = `${t("collections")} · ${t("app")}`;
    const cards = collections.map((one) => this.card(one));
    this.place.replaceChildren(make("div", { class: "page" }, make("h1", { text: t("collections") }), make("p", { class: "lead", text: t("collections_lead") }),
      collections.length ? make("ul", { class: "collections" }, ...cards) : make("p", { text: t("no_collections") })));
  }

  card(one) {
    const address = `/collections/${encodeURIComponent(one.name)}`;
    const waiting = one.counts.waiting;
    return make("li", { class: "collection" },
      make("h2", {}, make("a", { href: this.app.link(address), dir: "auto", text: one.title || one.name })),
      make("p", { class: waiting ? "waits" : "hint", text: waiting ? t("waiting_n", { n: waiting }) : t("nothing_waits") }),
      make("p", { class: "hint", text: t("photographs_n", { n: one.counts.photos }) }),
      make("p", { class: "links" }, make("a", { href: this.app.link(`${address}/contact-sheet`), text: t("contact_sheet"), "aria-label": `${t("contact_sheet")}: ${one.title || one.name}` })));
  }

  key() { return false; }
  close() {}
}

export function itemFacts(item) {
  return [
    item.faces ? t("fact_faces", { n: item.faces }) : null,
    typeof item.lowest_identity === "number" ? t("fact_identity", { v: figure(item.lowest_identity) }) : null,
    typeof item.damage_share === "number" ? t("fact_damage", { v: percent(item.damage_share) }) : null,
    typeof item.ssim_y === "number" ? t("fact_ssim", { v: figure(item.ssim_y) }) : null,
  ].filter(Boolean);
}

export function stateOf(item) {
  if (item.decision) return t("decided_by", { decision: t(item.decision), who: whoSaid(item), when: when(item.decided_at) });
  return item.awaits_review ? t("awaits") : word("states", item.state);
}

export function thumbnails(item, lazy = true) {
  const picture = (side, alt) => make("img", { src: previewUrl(item.restoration_id, side), alt, loading: lazy ? "lazy" : "eager", decoding: "async" });
  return make("span", { class: "thumbs" }, picture("before", ""), picture("after", ""));
}

export class ListView {
  constructor(app, place) { this.app = app; this.place = place; }

  async show(name, query) {
    const which = query.get("which") || "waiting";
    const reason = query.get("reason") || "";
    const queue = new Queue(name, which, reason);
    const [collection] = await Promise.all([api.collection(name), queue.more()]);
    if (this.app.view !== this) return;
    this.app.queue = queue;
    this.collection = collection;
    document.title = `${collection.title || name} · ${t("app")}`;
    this.draw();
  }

  draw() {
    const { collection } = this;
    this.list = make("ul", { class: "cards" });
    this.found = make("p", { class: "found", role: "status" });
    this.more = button(t("more"), () => this.loadMore(), { id: "more" });
    this.place.replaceChildren(make("div", { class: "page" },
      make("p", { class: "crumbs" }, make("a", { href: this.app.link("/"), text: t("home") })),
      make("h1", { dir: "auto", text: collection.title || collection.name }),
      this.lastBar(), this.tools(), this.found, this.list, make("p", { class: "more" }, this.more)));
    this.drawCards();
  }

  lastBar() {
    const last = this.app.lastDecision;
    if (!last) return null;
    return make("div", { class: "last" }, make("span", { dir: "auto", text: t("saved", { decision: t(last.decision), title: last.title }) }),
      make("button", { type: "button", class: "quiet small", id: "undo", onclick: () => this.app.undo() }, make("span", { text: t("undo") }), make("kbd", { text: "u", "aria-hidden": "true" })));
  }

  tools() {
    const { counts, reasons } = this.collection;
    const decided = counts.accept + counts.reject + counts.accept_without_faces + counts.keep_original;
    const numbers = { waiting: counts.waiting, decided, all: counts.restored + counts.needs_review };
    const { which, reason } = this.app.queue;
    const chips = Object.entries(numbers).map(([kind, n]) => make("button", { type: "button", class: "chip", "aria-pressed": String(kind === which), "data-which": kind, onclick: () => this.filter(kind, reason) },
      make("span", { text: t(kind) }), make("span", { class: "number", text: number(n) })));
    const choices = Object.entries(reasons).map(([code, n]) => make("option", { value: code, selected: code === reason, text: `${word("reasons", code)} (${number(n)})` }));
    const select = make("select", { id: "reason", onchange: (event) => this.filter(which, event.target.value) }, make("option", { value: "", text: t("any_reason") }), ...choices);
    return make("div", { class: "tools" },
      make("div", { class: "chips", role: "group", "aria-label": t("which") }, ...chips),
      choices.length ? make("label", { class: "reason" }, make("span", { text: t("why") }), select) : null,
      make("a", { href: this.app.link(`/collections/${encodeURIComponent(this.collection.name)}/contact-sheet`), text: t("contact_sheet") }));
  }

  filter(which, reason) {
    const query = new Queue(this.collection.name, which, reason).query;
    this.app.go(`/collections/${encodeURIComponent(this.collection.name)}${query}`);
  }

  async loadMore() {
    const before = this.app.queue.items.length;
    await this.app.queue.more();
    this.drawCards();
    const first = this.list.children[before];
    if (first) first.querySelector("a").focus();
  }

  drawCards() {
    const { queue } = this.app;
    this.list.append(...queue.items.slice(this.list.children.length).map((item) => this.card(item)));
    this.more.hidden = queue.complete;
    this.found.textContent = queue.items.length ? t("shown_n", { n: queue.items.length }) : queue.which === "waiting" && !queue.reason ? t("all_done") : t("none_match");
  }

  card(item) {
    return make("li", { class: "card" }, make("a", { href: this.app.link(`/photos/${item.photo_id}${this.app.queue.query}`) },
      thumbnails(item), make("span", { class: "name", dir: "auto", text: titleOf(item) }),
      make("span", { class: item.awaits_review && !item.decision ? "state waits" : "state", text: stateOf(item) }),
      item.reason ? make("span", { class: "hint", text: word("reasons", item.reason) }) : null,
      make("span", { class: "hint", text: itemFacts(item).join(" · ") })));
  }

  key(event) {
    const first = this.app.queue && this.app.queue.items[0];
    if (event.key === "u" && this.app.lastDecision) { this.app.undo(); return true; }
    if (["j", "Enter", "ArrowRight"].includes(event.key) && first && document.activeElement.closest("a, button, select") === null) {
      this.app.go(`/photos/${first.photo_id}${this.app.queue.query}`);
      return true;
    }
    return false;
  }

  close() {}
}
