/* Colours that people know: which hold, giving one, seeing it beforehand, taking one back. */
import { api, previewUrl } from "./api.js";
import { announce, button, make } from "./elements.js";
import { ColourPicker, coloursOf, hueName, swatch } from "./palette.js";
import { isWhole, PlacePicker, placeWords, RADIUS, shapesOf, turnedPlace } from "./places.js";
import { t, when, word } from "./words.js";

const GROUNDS = ["memory", "writing", "object", "photograph", "rule"];

const field = (id, text, input, ...more) => make("div", { class: "field" }, make("label", { for: id, text }), input, ...more);

/* Words for a refusal that the page understands; the service's own for any other. */
const refusal = (error) => (["painter_busy", "painter_unavailable", "not_painted", "no_preview"].includes(error.reason) ? t(error.reason) : error.message);

/* The form, and what it holds; the place is picked in the viewer. */
class Giving {
  constructor({ photo, viewer, person, saved, closed }) {
    this.photo = photo;
    this.viewer = viewer;
    this.saved = saved;
    this.closed = closed;
    this.palette = new ColourPicker(() => this.changed());
    this.element = this.form(person);
    this.places = new PlacePicker(viewer, () => this.changed());
    this.changed();
    this.fill();
  }

  form(person) {
    this.where = make("p", { class: "where" });
    this.anewButton = button(t("place_anew"), () => this.anew(), { id: "hint-anew", class: "quiet small" });
    this.subject = make("input", { type: "text", id: "hint-subject", maxlength: "200", dir: "auto", placeholder: t("subject_example"), "aria-describedby": "hint-subject-hint" });
    this.saidBy = make("input", { type: "text", id: "hint-said-by", maxlength: "100", dir: "auto", required: true, value: person, "aria-describedby": "hint-said-by-hint" });
    this.source = make("input", { type: "text", id: "hint-source", maxlength: "1000", dir: "auto", placeholder: t("source_example") });
    this.saidOn = make("input", { type: "text", id: "hint-said-on", maxlength: "100", dir: "auto" });
    this.previewButton = button(t("preview"), () => this.preview(), { id: "hint-preview", "aria-pressed": "false" });
    this.previewButton.hidden = !this.photo.previews;
    this.saveButton = make("button", { type: "submit", class: "button", id: "hint-save", text: t("give_save") });
    this.told = make("p", { class: "told", role: "status" });
    const grounds = GROUNDS.map((ground) => make("label", { class: "ground" },
      make("input", { type: "radio", name: "ground", value: ground, checked: ground === "memory" }), make("span", { text: word("grounds", ground) })));
    return make("form", {
      class: "give", "aria-labelledby": "give-title", novalidate: true, onsubmit: (event) => { event.preventDefault(); this.save(); },
      onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation(); event.preventDefault(); this.cancel(); } },
    },
    make("h3", { id: "give-title", text: t("give") }),
    make("p", { class: "hint", id: "give-how", text: t("give_how") }),
    make("div", { class: "field" }, this.where, this.anewButton),
    this.palette.element,
    field("hint-subject", t("subject"), this.subject, make("p", { class: "hint", id: "hint-subject-hint", text: t("subject_hint") })),
    make("fieldset", { class: "grounds" }, make("legend", { text: t("ground") }), ...grounds),
    field("hint-said-by", t("said_by"), this.saidBy, make("p", { class: "hint", id: "hint-said-by-hint", text: t("said_by_hint") })),
    field("hint-source", t("source"), this.source),
    field("hint-said-on", t("said_on"), this.saidOn),
    this.photo.previews ? null : make("p", { class: "hint", text: t("no_previews") }),
    make("p", { class: "hint", text: t("give_then") }), this.told,
    make("div", { class: "give-actions" }, this.previewButton, this.saveButton, button(t("cancel"), () => this.closed(), { id: "hint-cancel" })));
  }

  /* What takes a moment: the photograph's own colours, those given before, and a painter that is ready. */
  async fill() {
    if (this.photo.previews) api.makeReady().then(({ previews }) => { if (!previews) this.say(t("painter_unavailable")); }).catch(() => {});
    const { collection, restoration_id: id } = this.photo.item;
    const [own, { colours }] = await Promise.all([coloursOf(previewUrl(id, "after")), api.colours(collection).catch(() => ({ colours: [] }))]);
    this.palette.offer(t("colours_here"), "colours-here", own.map((hex) => [hex, ""]));
    this.palette.offer(t("colours_before"), "colours-before", colours.map((one) => [one.colour, one.subject]));
    this.element.dataset.ready = "";
  }

  say(text) { this.told.textContent = text; }

  changed() {
    if (!this.places) return;
    const { outline } = this.places;
    this.where.textContent = outline.length ? placeWords(outline) : t("place_none");
    this.anewButton.hidden = !outline.length;
    if (this.bitmap) this.hide(t("preview_old"));
  }

  anew() {
    this.places.set([], true);
    this.places.cross.focus({ preventScroll: true });
  }

  /* The place first, then the whole form. */
  cancel() {
    if (this.places.outline.length) this.anew();
    else this.closed();
  }

  /* Place and colour; null where one is missing, which is said. */
  draft() {
    const { outline } = this.places;
    if (!isWhole(outline)) { this.say(outline.length ? placeWords(outline) : t("place_missing")); this.places.cross.focus({ preventScroll: true }); return null; }
    if (!this.palette.value) { this.say(t("colour_missing")); this.palette.hex.focus(); return null; }
    return { outline, radius: RADIUS, colour: this.palette.value };
  }

  /* A draft with its place on the scan, which is what is on record: the picture may be shown turned. */
  ofScan(draft) { return { ...draft, outline: turnedPlace(draft.outline, (360 - this.photo.turned) % 360) }; }

  async preview() {
    if (this.bitmap) { this.hide(""); return; }
    const draft = this.draft();
    if (!draft || this.painting) return;
    this.painting = true;
    this.previewButton.setAttribute("aria-disabled", "true");
    this.say(t("painting"));
    const asked = JSON.stringify(draft);
    try {
      const bitmap = await createImageBitmap(await api.paint(this.photo.item.photo_id, [this.ofScan(draft)]));
      if (!this.element.isConnected || asked !== JSON.stringify({ outline: this.places.outline, radius: RADIUS, colour: this.palette.value })) { this.say(t("preview_old")); return; }
      this.bitmap = bitmap;
      this.viewer.showPainted(bitmap);
      this.previewButton.setAttribute("aria-pressed", "true");
      this.say(t("preview_shown"));
      this.viewer.element.scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (error.reason !== "not_signed_in") this.say(refusal(error));
    } finally {
      this.painting = false;
      this.previewButton.removeAttribute("aria-disabled");
    }
  }

  hide(text) {
    this.bitmap = null;
    this.viewer.showPainted(null);
    this.previewButton.setAttribute("aria-pressed", "false");
    this.say(text);
  }

  async save() {
    const draft = this.draft();
    if (!draft || this.saving) return;
    if (!this.saidBy.value.trim()) { this.say(t("said_by_missing")); this.saidBy.focus(); return; }
    this.saving = true;
    this.saveButton.disabled = true;
    const hint = {
      ...this.ofScan(draft), subject: this.subject.value, ground: this.element.querySelector("[name=ground]:checked").value,
      said_by: this.saidBy.value, source: this.source.value, said_on: this.saidOn.value,
    };
    try {
      const { hints } = await api.giveHint(this.photo.item.photo_id, hint);
      this.saved(hints);
    } catch (error) {
      if (error.reason !== "not_signed_in") this.say(t("give_not_saved", { message: error.message }));
    } finally {
      this.saving = false;
      this.saveButton.disabled = false;
    }
  }

  close() {
    this.viewer.showPainted(null);
    this.places.close();
    this.element.remove();
  }
}

export class ColoursSection {
  constructor(photo, viewer, person) {
    this.photo = photo;
    this.viewer = viewer;
    this.person = person;
    this.list = make("div", {});
    this.told = make("p", { class: "told", role: "status" });
    this.giveButton = make("button", { type: "button", class: "quiet", id: "give-colour", "aria-expanded": "false", "aria-controls": "give-place", "aria-keyshortcuts": "c", onclick: () => (this.open ? this.end() : this.begin()) },
      make("span", { text: t("give") }), make("kbd", { text: "c", "aria-hidden": "true" }));
    // the form's own place is the panel's top: on a telephone that is right below the photograph
    this.place = make("div", { id: "give-place" });
    this.element = make("section", { class: "colours", "aria-labelledby": "colours-title" }, make("h2", { id: "colours-title", text: t("colours") }),
      this.list, this.told, photo.painted ? this.giveButton : make("p", { class: "hint", text: t("hints_no_paint") }));
    this.draw();
  }

  get open() { return Boolean(this.giving); }

  draw() {
    const { hints, item } = this.photo;
    this.where(null);
    // colours that were taken back are not among those that hold, but the picture shown was painted by them
    const gone = this.photo.painted && item.variant.endsWith("hinted") && !hints.some((hint) => hint.shown);
    this.list.replaceChildren(gone ? make("p", { class: "is-due", text: t("hints_gone") }) : "", hints.length ? make("ul", { class: "hints" }, ...hints.map((hint) => this.item(hint))) : make("p", { class: "hint", text: t("no_hints") }));
  }

  item(hint) {
    const said = [t("hint_said", { who: hint.said_by }), hint.said_on].filter(Boolean).join(", ");
    const where = button(t("hint_where"), () => this.where(where.getAttribute("aria-pressed") === "true" ? null : hint, where), { class: "quiet small", "aria-pressed": "false", "aria-label": t("hint_where_of", { what: this.nameOf(hint) }) });
    const actions = make("div", { class: "hint-actions" }, where,
      button(t("take_back"), () => this.ask(hint, actions), { class: "quiet small take-back", "aria-label": t("take_back_of", { what: this.nameOf(hint) }) }));
    return make("li", { class: "given", "data-hint": hint.hint_id }, swatch(hint.colour), make("div", {},
      make("p", { class: "what", dir: "auto" }, make("strong", { text: hint.subject || placeWords(this.placeOf(hint)) }), make("span", { text: ` ${hueName(hint.colour)}, ${hint.colour}` })),
      make("p", { dir: "auto", text: said }),
      make("p", { dir: "auto" }, make("span", { text: word("grounds", hint.ground) }), hint.source ? make("q", { text: hint.source }) : null),
      make("p", { class: hint.shown ? "is-shown" : "is-due", text: t(hint.shown ? "hint_shown" : this.photo.painted ? "hint_due" : "hint_kept") }),
      make("p", { class: "hint", dir: "auto", text: t("hint_added", { who: hint.added_by, when: when(hint.added_at), through: word("through", hint.given_through) }) }),
      actions));
  }

  /* Where a hint's place lies in the picture that is shown. */
  placeOf(hint) { return turnedPlace(hint.outline, this.photo.turned); }

  nameOf(hint) { return hint.subject || hueName(hint.colour); }

  /* Show where a hint's place is; null: none. */
  where(hint, pressed) {
    for (const one of this.list.querySelectorAll(".hint-actions [aria-pressed]")) one.setAttribute("aria-pressed", String(one === pressed));
    if (this.open) return;
    this.viewer.drawPlaces(() => (hint ? shapesOf(this.placeOf(hint), Math.max(hint.radius, 0.01), this.viewer.size, false) : []));
    if (hint) { this.viewer.element.scrollIntoView({ block: "nearest" }); announce(placeWords(this.placeOf(hint))); }
  }

  /* -- giving ------------------------------------------------------------------------------------------------------- */

  begin() {
    if (this.open || !this.photo.painted) return;
    this.told.textContent = "";
    this.where(null);
    this.giving = new Giving({ photo: this.photo, viewer: this.viewer, person: this.person, saved: (hints) => this.saved(hints), closed: () => this.end() });
    this.place.replaceChildren(this.giving.element);
    this.giveButton.setAttribute("aria-expanded", "true");
    this.giving.element.scrollIntoView({ block: "start" });
    this.viewer.element.scrollIntoView({ block: "nearest" });
    this.giving.places.cross.focus({ preventScroll: true });
    announce(t("give_how"));
  }

  end() {
    if (!this.open) return;
    this.giving.close();
    this.giving = null;
    this.giveButton.setAttribute("aria-expanded", "false");
    this.giveButton.focus();
  }

  saved(hints) {
    this.photo.hints = hints;
    this.end();
    this.draw();
    this.told.textContent = t("give_saved");
  }

  /* -- taking back -------------------------------------------------------------------------------------------------- */

  ask(hint, actions) {
    const reason = make("input", { type: "text", id: "take-back-why", maxlength: "1000", dir: "auto" });
    const form = make("form", {
      class: "take-back-form", onsubmit: (event) => { event.preventDefault(); this.takeBack(hint, reason.value); },
      onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation(); this.keep(form, actions); } },
    }, field("take-back-why", t("take_back_why"), reason),
    make("div", { class: "hint-actions" }, make("button", { type: "submit", class: "quiet small", text: t("take_back_now") }), button(t("take_back_not"), () => this.keep(form, actions), { class: "quiet small" })));
    for (const other of this.list.querySelectorAll(".take-back-form")) other.previousSibling.hidden = false;
    for (const other of this.list.querySelectorAll(".take-back-form")) other.remove();
    actions.hidden = true;
    actions.after(form);
    reason.focus();
  }

  keep(form, actions) {
    form.remove();
    actions.hidden = false;
    actions.querySelector(".take-back").focus();
  }

  async takeBack(hint, reason) {
    try {
      const { hints } = await api.takeBack(this.photo.item.photo_id, hint.hint_id, reason);
      this.photo.hints = hints;
      this.draw();
      this.told.textContent = t(hint.shown ? "taken_back_shown" : "taken_back");
      this.giveButton.focus();
    } catch (error) {
      if (error.reason !== "not_signed_in") this.told.textContent = t("give_not_saved", { message: error.message });
    }
  }

  /* Keys while a colour is given: none of them decides about the photograph. */
  key(event) {
    if (event.key === "Escape") { this.giving.cancel(); return true; }
    if (event.key === "0") { this.viewer.fit(); return true; }
    return this.giving.places.key(event) || (["+", "=", "-", "z", "s", "b", "m"].includes(event.key) && this.viewer.key(event.key));
  }
}
