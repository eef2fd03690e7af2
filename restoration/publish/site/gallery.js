/* The page: heading, search, filters, the grid, and one photograph at a time. */
"use strict";
(function () {
  const { make, payload, data, shardName, words, createSlider, createGrid, fillPanel } = window.Archive;
  const PHOTOS_PER_SHARD = 1000;
  const DETAILS_PER_SHARD = 100;
  const byId = (id) => document.getElementById(id);
  const viewer = byId("viewer");
  const photos = [];
  const positions = new Map();
  let shown = [];
  let group = words.GROUPS[0];
  let open = null;

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  function heading(facts) {
    byId("title").textContent = facts.title;
    document.title = `${facts.title} · restored photographs`;
    byId("summary").textContent = words.summary(facts);
    byId("rights").textContent = [facts.rights, facts.contact && `Contact: ${facts.contact}`].filter(Boolean).join(" · ");
    byId("version").textContent = `Version ${facts.version}, published ${facts.published_at.slice(0, 10)}. Original scans were not changed.`;
    const notices = [
      "Pictures marked AI-altered hold parts that a computer made, such as colours. They show how it may have looked, not how it did.",
      facts.consent === "unknown" ? "It is not known whether all families consent to this publication. Please ask before you share it." : "",
      facts.sensitivity === "memorial" ? "These photographs remember people who have died. Please treat them with respect." : "",
    ];
    byId("notices").append(...notices.filter(Boolean).map((text) => make("p", { text })));
  }

  /* -- filters and search ---------------------------------------------------------------------------------------- */

  const inGroup = (photo, which) => !which.states || which.states.includes(photo.state);

  function drawFilters() {
    const buttons = words.GROUPS.map((which) => [which, photos.filter((photo) => inGroup(photo, which)).length])
      .filter(([which, number]) => number > 0 || which.id === "all")
      .map(([which, number]) => {
        const button = make("button", { type: "button", class: "chip", "aria-pressed": String(which === group), "data-group": which.id },
          make("span", { text: which.label }), make("span", { class: "number", text: number.toLocaleString("en") }));
        button.addEventListener("click", () => { group = which; refresh(); });
        return button;
      });
    byId("filters").replaceChildren(...buttons);
  }

  function matches(photo, wanted) {
    if (!inGroup(photo, group)) return false;
    photo.folded = photo.folded || fold(`${photo.title}\n${photo.file}\n${photo.date}\n${photo.words}`);
    return wanted.every((word) => photo.folded.includes(word));
  }

  const grid = createGrid(byId("grid"));

  function refresh() {
    const wanted = fold(byId("search").value).split(/\s+/).filter(Boolean);
    shown = photos.filter((photo) => matches(photo, wanted));
    positions.clear();
    shown.forEach((photo, index) => positions.set(photo.id, index));
    grid.show(shown);
    byId("empty").hidden = shown.length > 0;
    byId("found").textContent = shown.length === photos.length ? "" : words.count(shown.length, "photograph", "photographs");
    for (const button of byId("filters").children) button.setAttribute("aria-pressed", String(button.dataset.group === group.id));
  }

  let typing = 0;
  byId("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(refresh, 120); });
  byId("clear").addEventListener("click", () => { byId("search").value = ""; group = words.GROUPS[0]; refresh(); byId("search").focus(); });

  /* -- one photograph -------------------------------------------------------------------------------------------- */

  function stage(row) {
    if (!row.image) {
      byId("stage").replaceChildren(make("div", { class: "nothing" },
        make("p", { class: "nothing-state", text: words.STATES[row.state] || row.state }), make("p", { text: words.reason(row.reason) })));
      return null;
    }
    const slider = createSlider({
      before: payload(`data/previews/${row.id}-before.jpg`), after: payload(`data/previews/${row.id}-after.jpg`),
      ratio: row.width / row.height, alt: words.altText(row), label: row.ai ? words.AI_LABEL : "",
      review: row.state === "needs_review" ? words.STATES.needs_review : "",
    });
    byId("stage").replaceChildren(slider.element);
    return slider;
  }

  async function show(id) {
    const row = photos.find((photo) => photo.id === id);
    if (!row) return;
    open = id;
    const slider = stage(row);
    const place = positions.get(id);
    byId("place").textContent = place === undefined ? "" : `${(place + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
    byId("previous").disabled = !(place > 0);
    byId("next").disabled = place === undefined || place >= shown.length - 1;
    byId("panel").replaceChildren(make("h2", { id: "photo-title", dir: "auto", text: row.title }));
    if (!viewer.open) viewer.showModal();
    document.documentElement.classList.add("viewing");
    (slider ? slider.handle : byId("close")).focus({ preventScroll: true });
    const details = await data(shardName("details", Math.floor(row.number / DETAILS_PER_SHARD)));
    if (open === id) fillPanel(byId("panel"), row, details[id]);
  }

  function step(by) {
    const place = positions.get(open);
    const next = place === undefined ? undefined : shown[place + by];
    if (next) location.replace(`#photo/${next.id}`);
  }

  function follow() {
    const match = /^#photo\/([0-9]+)$/.exec(location.hash);
    if (match) show(match[1]);
    else if (viewer.open) viewer.close();
  }

  viewer.addEventListener("close", () => {
    document.documentElement.classList.remove("viewing");
    const last = open;
    open = null;
    byId("stage").replaceChildren();
    if (location.hash.startsWith("#photo/")) history.replaceState(null, "", `${location.pathname}${location.search}#photographs`);
    if (last) grid.focus(last);
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.target.closest("[role=slider], .table") || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  byId("close").addEventListener("click", () => viewer.close());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  window.addEventListener("hashchange", follow);

  /* -- light and dark -------------------------------------------------------------------------------------------- */

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const memory = {
    get() { try { return localStorage.getItem("archive-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("archive-theme", value); } catch { /* pages from disk may have no storage */ } },
  };

  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    byId("theme").setAttribute("aria-pressed", String(theme === "dark"));
  }
  byId("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    setTheme(next);
    memory.set(next);
  });
  setTheme(memory.get() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", (event) => { if (!memory.get()) setTheme(event.matches ? "dark" : "light"); });

  /* -- start ----------------------------------------------------------------------------------------------------- */

  async function start() {
    const facts = await data("collection");
    heading(facts);
    const shards = Math.ceil(facts.photos / PHOTOS_PER_SHARD);
    for (let number = 0; number < shards; number += 1) {
      const rows = await data(shardName("photos", number));
      for (const row of rows) {
        row.number = photos.length;
        photos.push(row);
      }
      drawFilters();
      refresh();
    }
    document.documentElement.classList.add("ready");
    follow();
  }

  start().catch((error) => {
    byId("empty").hidden = false;
    byId("empty").firstElementChild.textContent = `The photographs could not be shown: ${error.message}. Is the folder “data” beside this page?`;
    byId("clear").hidden = true;
  });
})();
