/* Which photographs match: words and facets, with the number that each further choice would leave. */
"use strict";
(function () {
  const { catalogue } = window.Archive;
  const { FLAGS } = catalogue;
  const STATES = ["restored", "awaiting", "original", "failed", "left_out", "pending", "withdrawn"];

  const hasPicture = (i) => catalogue.ratio(i) > 0;
  const flag = (i, name) => Boolean(catalogue.flags(i) & FLAGS[name]);

  /* Each facet says which of its values a photograph has, "" for none. */
  const FACETS = {
    state: (i) => catalogue.group(i),
    altered: (i) => (catalogue.group(i) !== "restored" ? "" : flag(i, "altered") ? "yes" : "no"),
    colour: (i) => ["coloured", "own", "gray"].find((name) => flag(i, name)) || "",
    faces: (i) => (!hasPicture(i) ? "" : flag(i, "faces") ? "yes" : "no"),
    decade: (i) => (catalogue.year(i) ? String(Math.floor(catalogue.year(i) / 10) * 10) : "unknown"),
  };
  const ORDER = { state: STATES, altered: ["yes", "no"], colour: ["coloured", "own", "gray"], faces: ["yes", "no"] };
  const NAMES = Object.keys(FACETS);

  let values = null;

  /* The values of every photograph, worked out once. */
  function prepare() {
    values = Object.fromEntries(NAMES.map((name) => [name, Array.from({ length: catalogue.count }, (_, i) => FACETS[name](i))]));
  }

  /* Values that occur at all, in the order they are offered. */
  function offered(name) {
    const found = new Set(values[name]);
    found.delete("");
    if (ORDER[name]) return ORDER[name].filter((value) => found.has(value));
    const known = [...found].filter((value) => value !== "unknown").sort();
    return known.length && found.has("unknown") ? [...known, "unknown"] : known;
  }

  /* `chosen` is {facet: value}; `textMatch` has a 1 for every photograph that holds the words, or is null.
     A photograph that only one facet refuses counts for the other values of that facet. */
  function apply(chosen, textMatch) {
    const list = [];
    const counts = Object.fromEntries(NAMES.map((name) => [name, new Map()]));
    const active = NAMES.filter((name) => chosen[name]);
    const add = (name, i) => counts[name].set(values[name][i], (counts[name].get(values[name][i]) || 0) + 1);
    for (let i = 0; i < catalogue.count; i += 1) {
      if (textMatch && !textMatch[i]) continue;
      const refusing = active.filter((name) => values[name][i] !== chosen[name]);
      if (refusing.length === 0) list.push(i);
      if (refusing.length === 1) add(refusing[0], i);
      if (refusing.length === 0) for (const name of NAMES) add(name, i);
    }
    return { list, counts };
  }

  const sum = (map) => [...map.values()].reduce((total, number) => total + number, 0);

  /* -- words -- */

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").normalize("NFKC").toLowerCase();
  const folded = new Map();

  function textOf(first, rows) {
    if (!folded.has(first)) folded.set(first, rows.map((r) => fold([r.title, r.file, r.date, r.words, r.id].filter(Boolean).join("\n"))));
    return folded.get(first);
  }

  /* Look through every photograph; gives its 1s and 0s, or null where there is nothing to look for. */
  async function search(text) {
    const wanted = fold(text).split(/\s+/).filter(Boolean);
    if (!wanted.length) return null;
    const match = new Uint8Array(catalogue.count);
    await catalogue.eachShard((first, rows) => {
      textOf(first, rows).forEach((body, k) => { match[first + k] = wanted.every((word) => body.includes(word)) ? 1 : 0; });
    });
    return match;
  }

  /* -- the address -- */

  function toQuery(text, chosen) {
    const query = new URLSearchParams();
    if (text.trim()) query.set("q", text.trim());
    for (const name of NAMES) if (chosen[name]) query.set(name, chosen[name]);
    return query.size ? `?${query}` : "";
  }

  function fromQuery(query) {
    const given = new URLSearchParams(query);
    const chosen = {};
    for (const name of NAMES) if (offered(name).includes(given.get(name))) chosen[name] = given.get(name);
    return { text: (given.get("q") || "").slice(0, 200), chosen };
  }

  window.Archive.filters = { prepare, offered, apply, sum, search, toQuery, fromQuery };
})();
