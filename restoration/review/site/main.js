/* The page as a whole: addresses, who is signed in, keys, language, light and dark. */
import { api, onSignedOut, ROOT } from "./api.js";
import { announce, button, byId, make } from "./elements.js";
import { HomeView, ListView } from "./lists.js";
import { PhotoView } from "./photo.js";
import { SheetView } from "./sheet.js";
import { SignInView } from "./signin.js";
import { chooseLanguage, currentLanguage, LANGUAGES, setLanguage, t } from "./words.js";

const main = byId("main");
const app = { view: null, queue: null, lastDecision: null, session: null, link: (path) => `${ROOT}${path}`, go, undo, signedIn };

/* -- addresses ------------------------------------------------------------------------------------------------------ */

const ROUTES = [
  [/^\/$/, HomeView, () => []],
  [/^\/collections\/([^/]+)$/, ListView, (found, query) => [decodeURIComponent(found[1]), query]],
  [/^\/collections\/([^/]+)\/contact-sheet$/, SheetView, (found, query) => [decodeURIComponent(found[1]), query]],
  [/^\/photos\/([0-9]+)$/, PhotoView, (found, query) => [Number(found[1]), query]],
];

function go(path, note) {
  history.pushState(null, "", `${ROOT}${path}`);
  return route(note);
}

async function route(note) {
  if (!app.session.person) { showSignIn(); return; }
  const path = location.pathname.slice(ROOT.length) || "/";
  const query = new URLSearchParams(location.search);
  const [pattern, View, values] = ROUTES.find(([one]) => one.test(path)) || ROUTES[0];
  if (app.view && app.view.close) app.view.close();
  const view = new View(app, main);
  app.view = view;
  document.documentElement.classList.remove("ready");
  try {
    await view.show(...values(pattern.exec(path) || [], query), note);
  } catch (error) {
    if (error.reason === "not_signed_in" || app.view !== view) return;
    main.replaceChildren(make("div", { class: "page" }, make("p", { class: "note", role: "alert", text: t("failed", { message: error.message }) }),
      make("p", { class: "sheet-actions" }, button(t("try_again"), () => route()), make("a", { href: app.link("/"), text: t("home") }))));
  }
  if (app.view === view) document.documentElement.classList.add("ready");
}

window.addEventListener("popstate", () => route());
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const address = new URL(link.href);
  if (link.target || address.origin !== location.origin || link.id === "skip") return;
  event.preventDefault();
  go(address.pathname.slice(ROOT.length) + address.search).then(() => { if (!(app.view instanceof PhotoView)) main.focus({ preventScroll: true }); });
});

/* Back to the photograph that was decided last; the decision stands until another one is taken. */
function undo() {
  const last = app.lastDecision;
  if (!last) return;
  app.lastDecision = null;
  announce(t("undone", { title: last.title }));
  go(`/photos/${last.photo_id}${last.query}`, t("undone", { title: last.title }));
}

/* -- who is there ---------------------------------------------------------------------------------------------------- */

function showSignIn(note) {
  if (app.view && app.view.close) app.view.close();
  app.view = new SignInView(app, main);
  drawTop();
  app.view.show(app.session.ways, note);
  document.documentElement.classList.add("ready");
}

async function signedIn() {
  app.session = await api.session();
  drawTop();
  await route();
}

onSignedOut(() => {
  if (!app.session || !app.session.person) return;
  app.session = { ...app.session, person: null };
  showSignIn(t("session_over"));
});

async function signOut() {
  await api.signOut();
  app.session = await api.session();
  app.lastDecision = null;
  app.queue = null;
  showSignIn();
}

/* -- head, language, light and dark ----------------------------------------------------------------------------------- */

function drawTop() {
  const { person } = app.session;
  const dark = document.documentElement.dataset.theme === "dark";
  const select = make("select", { id: "language", "aria-label": t("language"), onchange: (event) => { setLanguage(event.target.value, true); drawTop(); drawHelp(); redraw(); } },
    ...Object.entries(LANGUAGES).map(([tag, name]) => make("option", { value: tag, lang: tag, selected: tag === currentLanguage(), text: name })));
  byId("skip").textContent = t("skip");
  byId("top").replaceChildren(
    make("a", { class: "brand", href: app.link("/"), text: t("app") }),
    make("span", { class: "spring" }),
    person ? make("span", { class: "who", text: t("signed_in_as", { name: person }) }) : "",
    person ? make("button", { type: "button", class: "quiet small", "aria-keyshortcuts": "?", onclick: () => byId("help").showModal() }, make("span", { text: t("help") }), make("kbd", { text: "?", "aria-hidden": "true" })) : "",
    select,
    button(t("theme"), () => setTheme(dark ? "light" : "dark", true), { id: "theme", class: "quiet small", "aria-pressed": String(dark) }),
    person ? button(t("sign_out"), signOut, { id: "sign-out", class: "quiet small" }) : "");
}

function redraw() {
  if (app.view instanceof SignInView) app.view.show(app.session.ways);
  else route();
}

const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
const theme = {
  get() { try { return localStorage.getItem("review-theme"); } catch { return null; } },
  set(value) { try { localStorage.setItem("review-theme", value); } catch { /* no storage: it holds for this visit */ } },
};

function setTheme(name, remember = false) {
  document.documentElement.dataset.theme = name;
  if (remember) theme.set(name);
  if (app.session) drawTop();
}
prefersDark.addEventListener("change", (event) => { if (!theme.get()) setTheme(event.matches ? "dark" : "light"); });

/* -- keys --------------------------------------------------------------------------------------------------------------- */

function drawHelp() {
  const rows = [
    ["j", "→", t("key_next")], ["k", "←", t("key_previous")], ["a", t("accept")], ["r", t("reject")], ["f", t("accept_without_faces")],
    ["o", t("keep_original")], ["w", t("key_words")], ["u", t("key_undo")], ["z", t("key_zoom")], ["+", "−", t("key_plus")], ["s", t("key_view")],
    ["b", t("key_boxes")], ["m", t("key_filled")], ["c", t("key_colour")], ["1–9", t("key_face")], ["l", t("key_back")], ["?", t("key_help")], ["Esc", t("key_escape")],
  ];
  byId("help").replaceChildren(make("h2", { id: "help-title", text: t("keys_title") }),
    make("dl", { class: "keys" }, ...rows.map((row) => make("div", {}, make("dt", {}, ...row.slice(0, -1).map((key) => make("kbd", { text: key }))), make("dd", { text: row.at(-1) })))),
    make("form", { method: "dialog" }, button(t("close"), () => byId("help").close(), { class: "quiet" })));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || !app.view) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape" && event.target.id === "words") app.view.heading.focus({ preventScroll: true });
    return;
  }
  if (byId("help").open) return;
  if (event.key === "?" && app.session.person) { byId("help").showModal(); event.preventDefault(); return; }
  if (app.view.key(event)) event.preventDefault();
});

/* -- start ---------------------------------------------------------------------------------------------------------------- */

async function start() {
  chooseLanguage();
  setTheme(theme.get() || (prefersDark.matches ? "dark" : "light"));
  drawHelp();
  app.session = await api.session();
  drawTop();
  await route();
}

start().catch((error) => { main.replaceChildren(make("p", { class: "note", role: "alert", text: t("failed", { message: error.message }) })); });
