/* The page's language: words by key, with plural forms, numbers and dates as the language writes them. */
"use strict";
(function () {
  const { make, memory, byId } = window.Archive;
  const all = window.ARCHIVE_WORDS;
  const listeners = [];
  let code = "en";
  let words = all.en;
  let formats = {};

  function choose(wanted) {
    code = all[wanted] ? wanted : "en";
    words = all[code];
    formats = {
      plural: new Intl.PluralRules(code),
      number: new Intl.NumberFormat(code),
      date: new Intl.DateTimeFormat(code, { dateStyle: "long", timeZone: "UTC" }),
    };
    document.documentElement.lang = code;
  }

  /* The first language of the reader's list that there are words for. */
  function preferred() {
    const kept = memory.get("language");
    if (kept && all[kept]) return kept;
    return (navigator.languages || [navigator.language]).map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => all[tag]) || "en";
  }

  const number = (value, digits) => (digits === undefined ? formats.number.format(value)
    : new Intl.NumberFormat(code, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));

  /* A point in time as a day; what is no date comes back as it is. */
  function date(text) {
    const moment = new Date(text);
    return Number.isNaN(moment.getTime()) ? String(text) : formats.date.format(moment);
  }

  function form(entry, n) {
    return entry[`=${n}`] ?? entry[formats.plural.select(n)] ?? entry.other;
  }

  /* {count} is n in words where the language has a word for it ("two"). */
  function fill(text, values) {
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
      if (name === "count") return words[`number.${values.n}`] || number(values.n);
      const value = values[name];
      return typeof value === "number" ? number(value) : value ?? whole;
    });
  }

  const has = (key) => Object.hasOwn(words, key);

  /* The words of a key. A missing key is shown and complained of, so that a test can't overlook it. */
  function t(key, values = {}) {
    if (!has(key)) {
      console.error(`no words for “${key}” in “${code}”`);
      return key;
    }
    const entry = words[key];
    return fill(typeof entry === "string" ? entry : form(entry, values.n), values);
  }

  /* The words of a code that the data give, or the code itself where a newer program wrote it. */
  const named = (kind, name) => (name && has(`${kind}.${name}`) ? t(`${kind}.${name}`) : String(name ?? "").replaceAll("_", " "));

  const sentence = (text) => text.charAt(0).toLocaleUpperCase(code) + text.slice(1);

  function translate(root) {
    const put = { t: (e, v) => { e.textContent = v; }, tLabel: (e, v) => e.setAttribute("aria-label", v), tPlaceholder: (e, v) => e.setAttribute("placeholder", v) };
    for (const [name, set] of Object.entries(put)) {
      const attribute = `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      for (const element of root.querySelectorAll(`[${attribute}]`)) set(element, t(element.dataset[name]));
    }
  }

  function switchTo(wanted) {
    choose(wanted);
    memory.set("language", code);
    redraw();
  }

  function redraw() {
    translate(document);
    for (const item of byId("languages").children) item.setAttribute("aria-pressed", String(item.lang === code));
    for (const listener of listeners) listener();
  }

  /* Draw the switch and every fixed word; `listener` is called now and after each change. */
  function start(listener) {
    listeners.push(listener);
    byId("languages").replaceChildren(...Object.keys(all).map((tag) => {
      const item = make("button", { type: "button", class: "quiet", lang: tag, text: all[tag]["language.name"] });
      item.addEventListener("click", () => switchTo(tag));
      return item;
    }));
    redraw();
  }

  choose(preferred());
  Object.assign(window.Archive, { language: { t, named, has, sentence, number, date, start, get code() { return code; } } });
})();
