/* One photograph: the picture, the decision, and what is known. */
import { api, maskUrl, outputUrl, previewUrl, tileUrl } from "./api.js";
import { ColoursSection } from "./colours.js";
import { announce, make } from "./elements.js";
import { facesSection } from "./faces.js";
import { isFilled, legend } from "./filled.js";
import { banner, details, historyList, storySection } from "./panel.js";
import { Queue } from "./queue.js";
import { number, t } from "./words.js";
import { Viewer } from "./viewer.js";

export const DECISIONS = [["accept", "a"], ["reject", "r"], ["accept_without_faces", "f"], ["keep_original", "o"]];

export const titleOf = (item) => item.title || item.object_key.split("/").pop();

let viewMode = "slider";

/* A second press or click that was meant for the photograph before must not decide about one that nobody has seen. */
const LOOK_MS = 350;

/* One side's pictures, and whether the page can show it at full size. */
async function sourceOf(photo, side) {
  const { restoration_id: id, width, height } = photo.item;
  const source = {
    preview: previewUrl(id, side), previewDensity: Math.min(1, photo.preview_side / Math.max(width, height)),
    tileUrl: (name) => tileUrl(id, side, name), kind: "preview", info: null, file: null,
  };
  if (photo[side].tiles) {
    try {
      const info = await api.tileInfo(id, side);
      return { ...source, info, kind: "tiles", width: info.width, height: info.height };
    } catch (error) {
      if (error.reason === "not_signed_in") throw error;
      source.problem = error.message;
    }
  }
  if (photo[side].file) return { ...source, file: outputUrl(id), kind: "file", width, height };
  return source;
}

function sourceLine(source, side, previewSide) {
  const values = { side: t(side), w: number(source.width || 0), h: number(source.height || 0), n: number(previewSide) };
  return t(`source_${source.kind}`, values);
}

export class PhotoView {
  /* app: { queue, lastDecision, go(address), sessionPerson } kept by main.js */
  constructor(app, place) {
    this.app = app;
    this.place = place;
    this.saving = false;
  }

  async show(id, query, note) {
    const photo = await api.photo(id);
    const which = query.get("which") || "waiting";
    const reason = query.get("reason") || "";
    const { collection } = photo.item;
    if (!this.app.queue || !this.app.queue.isFor(collection, which, reason)) this.app.queue = new Queue(collection, which, reason);
    this.photo = photo;
    const [before, after] = await Promise.all([sourceOf(photo, "before"), sourceOf(photo, "after")]);
    await this.app.queue.find(photo.item.photo_id);
    if (this.app.view !== this) return;
    this.sources = { before, after };
    this.draw(note);
  }

  draw(note) {
    const { item } = this.photo;
    const title = titleOf(item);
    document.title = `${title} · ${t("app")}`;
    if (this.viewer) this.viewer.close();
    const failed = () => announce(t("picture_failed"));
    this.viewer = new Viewer({
      ...this.sources, width: item.width, height: item.height, title, faces: this.photo.faces, facesSize: this.photo.faces_size,
      filled: isFilled(this.photo) ? { mask: maskUrl(item.restoration_id), legend: legend(this.photo) } : null,
      mode: viewMode, onMode: (mode) => { viewMode = mode; }, onError: failed,
    });
    this.colours = new ColoursSection(this.photo, this.viewer, this.app.session.person);
    this.heading = make("h1", { tabindex: "-1", dir: "auto", text: title });
    this.place.replaceChildren(make("div", { class: "photo" },
      this.bar(),
      make("section", { class: "stage", "aria-label": t("view") }, this.viewer.element,
        make("p", { class: "sources" }, ...["before", "after"].map((side) => make("span", { text: sourceLine(this.sources[side], side, this.photo.preview_side) })))),
      make("article", { class: "panel" }, this.colours.place, this.heading,
        make("p", { class: "date", dir: "auto", text: [this.photo.dublin_core.date, this.photo.collection_title || item.collection].filter(Boolean).join(" · ") }),
        note ? make("p", { class: "note", role: "alert", text: note }) : null,
        this.lastBar(), banner(this.photo), this.form(),
        this.photo.dublin_core.description ? make("p", { class: "description", dir: "auto", text: this.photo.dublin_core.description }) : null,
        make("h2", { text: t("faces") }), facesSection(this.photo, this.sources, (face) => this.lookAt(face), failed),
        this.colours.element,
        make("h2", { text: t("what_was_done") }), ...storySection(this.photo).filter(Boolean),
        make("h2", { text: t("history") }), historyList(this.photo.history),
        ...details(this.photo).filter(Boolean))));
    window.scrollTo(0, 0);
    this.heading.focus({ preventScroll: true });
    this.drawn = performance.now();
    const { place } = this;
    setTimeout(() => { const form = place.querySelector(".decide"); if (form) form.dataset.ready = ""; }, LOOK_MS);
  }

  bar() {
    const { queue } = this.app;
    const place = queue.place(this.photo.item.photo_id);
    const words = place < 0 ? "" : t(queue.complete ? "place" : "place_more", { n: number(place + 1), all: number(queue.items.length) });
    return make("nav", { class: "bar", "aria-label": t("view") },
      make("a", { class: "quiet", href: this.app.link(`/collections/${encodeURIComponent(queue.name)}${queue.query}`), text: t("back") }),
      make("p", { class: "place", text: words }),
      make("button", { type: "button", class: "quiet", id: "previous", onclick: () => this.step(-1) }, make("span", { "aria-hidden": "true", text: "←" }), make("span", { class: "bar-text", text: t("previous") })),
      make("button", { type: "button", class: "quiet", id: "next", onclick: () => this.step(1) }, make("span", { class: "bar-text", text: t("next") }), make("span", { "aria-hidden": "true", text: "→" })));
  }

  lastBar() {
    const last = this.app.lastDecision;
    if (!last || last.photo_id === this.photo.item.photo_id) return null;
    return make("div", { class: "last" }, make("span", { dir: "auto", text: t("saved", { decision: t(last.decision), title: last.title }) }),
      make("button", { type: "button", class: "quiet small", id: "undo", onclick: () => this.undo() }, make("span", { text: t("undo") }), make("kbd", { text: "u", "aria-hidden": "true" })));
  }

  form() {
    const { item } = this.photo;
    this.words = make("textarea", { id: "words", rows: "2", maxlength: "2000", dir: "auto", "aria-describedby": "words-hint" });
    this.buttons = DECISIONS.map(([decision, key]) => {
      const hint = decision === "accept_without_faces" && !item.faces_altered ? t("no_faces_changed") : t(`${decision}_hint`);
      return make("button", {
        type: "button", class: `decision decision-${decision}`, "data-decision": decision, "aria-pressed": String(item.decision === decision),
        "aria-keyshortcuts": key, onclick: () => this.decide(decision),
      }, make("span", { class: "decision-name" }, make("span", { text: t(decision) }), make("kbd", { text: key, "aria-hidden": "true" })), make("span", { class: "decision-hint", text: hint }));
    });
    return make("section", { class: "decide", "aria-labelledby": "decide-title" }, make("h2", { id: "decide-title", text: t("decide") }),
      make("div", { class: "decisions" }, ...this.buttons),
      make("label", { for: "words" }, make("span", { text: t("words") }), make("kbd", { text: "w", "aria-hidden": "true" })), this.words,
      make("p", { class: "hint", id: "words-hint", text: t("words_hint") }));
  }

  lookAt(face) {
    this.viewer.lookAt(face);
    this.viewer.element.scrollIntoView({ block: "nearest" });
  }

  async step(by) {
    const item = await this.app.queue.neighbour(this.photo.item.photo_id, by, false);
    if (item) this.app.go(`/photos/${item.photo_id}${this.app.queue.query}`);
  }

  async decide(decision) {
    if (this.saving || !this.viewer || performance.now() - this.drawn < LOOK_MS) return;
    this.saving = true;
    for (const one of this.buttons) one.disabled = true;
    announce(t("saving"));
    const { photo_id: id, restoration_id: restoration } = this.photo.item;
    try {
      const saved = await api.decide(id, { restoration_id: restoration, decision, words: this.words.value });
      await this.saved(decision, saved.item);
    } catch (error) {
      await this.notSaved(error, id);
    } finally {
      this.saving = false;
      for (const one of this.buttons) one.disabled = false;
    }
  }

  async saved(decision, item) {
    const { queue } = this.app;
    const title = titleOf(item);
    queue.update(item);
    this.app.lastDecision = { photo_id: item.photo_id, decision, title, query: queue.query };
    const next = await queue.neighbour(item.photo_id, 1, queue.which === "waiting");
    const name = t(decision);
    if (next) {
      announce(t("saved_next", { decision: name, title, next: titleOf(next) }));
      this.app.go(`/photos/${next.photo_id}${queue.query}`);
    } else {
      announce(t("saved_last", { decision: name, title }));
      this.app.go(`/collections/${encodeURIComponent(queue.name)}${queue.query}`);
    }
  }

  async notSaved(error, id) {
    if (error.reason === "not_signed_in") return;
    if (error.reason === "restored_anew") {
      await this.show(id, new URLSearchParams(this.app.queue.query), t("restored_anew"));
      return;
    }
    announce(t("not_saved", { message: error.message }));
    this.place.querySelector(".decide").prepend(make("p", { class: "note", role: "alert", text: t("not_saved", { message: error.message }) }));
  }

  undo() {
    this.app.undo();
  }

  key(event) {
    if (this.colours && this.colours.open) return this.colours.key(event);
    if (!this.viewer || event.repeat && DECISIONS.some(([, key]) => key === event.key)) return false;
    const decision = DECISIONS.find(([, key]) => key === event.key);
    const actions = { j: () => this.step(1), ArrowRight: () => this.step(1), k: () => this.step(-1), ArrowLeft: () => this.step(-1), u: () => this.undo(), w: () => this.words.focus(), c: () => this.colours.begin() };
    if (decision) this.decide(decision[0]);
    else if (event.key in actions) actions[event.key]();
    else if (/^[1-9]$/.test(event.key) && this.photo.faces[event.key - 1]) this.lookAt(this.photo.faces[event.key - 1]);
    else if (event.key === "0") this.viewer.fit();
    else if (event.key === "Escape" || event.key === "l") this.app.go(`/collections/${encodeURIComponent(this.app.queue.name)}${this.app.queue.query}`);
    else return this.viewer.key(event.key);
    return true;
  }

  close() {
    if (this.viewer) this.viewer.close();
  }
}
