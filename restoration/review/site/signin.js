/* Signing in. */
import { api } from "./api.js";
import { make } from "./elements.js";
import { t } from "./words.js";

const KNOWN = ["wrong_secret", "too_many_tries", "not_allowed", "bad_name"];

export class SignInView {
  constructor(app, place) { this.app = app; this.place = place; }

  show(ways, note) {
    document.title = `${t("sign_in")} · ${t("app")}`;
    this.ways = ways;
    this.way = ways.includes(this.way) ? this.way : ways[0];
    this.note = make("p", { class: "note", role: "alert", hidden: !note, text: note || "" });
    this.fields = make("div", { class: "fields" });
    this.submit = make("button", { type: "submit", class: "button", text: t("sign_in") });
    const choices = ways.length < 2 ? null : make("fieldset", { class: "ways" }, make("legend", { class: "hidden", text: t("sign_in") }), ...ways.map((way) => make("label", {},
      make("input", { type: "radio", name: "way", value: way, checked: way === this.way, onchange: () => { this.way = way; this.drawFields(); } }), make("span", { text: t(`way_${way}`) }))));
    this.place.replaceChildren(make("div", { class: "page sign-in" }, make("h1", { text: t("app") }), make("p", { class: "lead", text: t("sign_in_lead") }),
      make("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); this.send(); } }, choices, this.fields, this.note, this.submit)));
    this.drawFields();
  }

  drawFields() {
    const token = this.way === "token";
    this.name = make("input", { id: "name", name: "username", required: true, maxlength: "100", autocomplete: token ? "name" : "username", autocapitalize: "none", spellcheck: "false", "aria-describedby": "name-hint" });
    this.secret = make("input", { id: "secret", name: "password", type: "password", required: true, maxlength: "1000", autocomplete: "current-password" });
    this.fields.replaceChildren(
      make("label", { for: "name", text: token ? t("name") : t("user") }), this.name, make("p", { class: "hint", id: "name-hint", text: t("name_hint") }),
      make("label", { for: "secret", text: token ? t("token") : t("password") }), this.secret);
    this.name.focus();
  }

  async send() {
    if (this.submit.disabled) return;
    this.submit.disabled = true;
    this.note.hidden = true;
    try {
      await api.signIn(this.way, this.name.value, this.secret.value);
      await this.app.signedIn();
    } catch (error) {
      this.note.textContent = KNOWN.includes(error.reason) ? t(error.reason, { seconds: error.retryAfter }) : error.message;
      this.note.hidden = false;
      this.secret.value = "";
      this.secret.focus();
    } finally {
      this.submit.disabled = false;
    }
  }

  key() { return false; }
  close() {}
}
