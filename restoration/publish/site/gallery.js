/* The page: heading, search, filters, the grid, one photograph at a time, and the address that says which of it. */
"use strict";
(function () {
  const { make, button, byId, catalogue, filters, createGrid, createViewer, language } = window.Archive;
  const { t, number, date } = language;
  const FACETS = ["altered", "colour", "faces", "decade"];
  const root = document.documentElement;
  let facts = null;
  let grid = null;
  let viewer = null;
  let shown = [];
  let counts = {};
  let chosen = {};
  let text = "";
  let textMatch = null;

  /* -- heading -- */

  function drawHeading() {
    byId("title").textContent = facts.title;
    document.title = t("page.title", { title: facts.title });
    const parts = ["restored", "awaiting"].filter((state) => totals.get(state)).map((state) => t(`summary.${state}`, { n: totals.get(state) }));
    byId("summary").textContent = [t("photographs", { n: catalogue.count }), ...parts].join(" · ");
    byId("rights").textContent = [facts.rights, facts.contact && t("contact", { contact: facts.contact })].filter(Boolean).join(" · ");
    byId("version").textContent = t("version", { version: String(facts.version), date: date(facts.published_at) });
    byId("notices").replaceChildren(...[
      t("notice.ai"), facts.consent === "unknown" ? t("notice.consent") : "", facts.sensitivity === "memorial" ? t("notice.memorial") : "",
    ].filter(Boolean).map((words) => make("p", { text: words })));
  }

  let totals = new Map();

  /* -- search and filters -- */

  function drawStates() {
    const chip = (value, label, count) => button({ class: "chip", "aria-pressed": String((chosen.state || "") === value), "data-group": value || "all" }, () => choose("state", value));
    byId("filters").replaceChildren(...["", ...filters.offered("state")].map((value) => {
      const item = chip(value);
      item.append(make("span", { text: t(`group.${value || "all"}`) }), " ",
        make("span", { class: "number", text: number(value ? counts.state.get(value) || 0 : filters.sum(counts.state)) }));
      return item;
    }));
  }

  const valueName = (facet, value) => (facet === "decade" && value !== "unknown" ? t("decade", { decade: value }) : t(`${facet}.${value}`));

  function drawFacets() {
    const useful = FACETS.filter((facet) => filters.offered(facet).length > 1);
    byId("facets").replaceChildren(...useful.map((facet) => {
      const select = make("select", { id: `facet-${facet}`, class: chosen[facet] ? "facet chosen" : "facet" },
        make("option", { value: "", text: t(`facet.${facet}`) }),
        ...filters.offered(facet).map((value) => make("option", {
          value, selected: chosen[facet] === value, text: `${valueName(facet, value)} (${number(counts[facet].get(value) || 0)})` })));
      select.addEventListener("change", () => choose(facet, select.value));
      return make("span", {}, make("label", { class: "hidden", for: `facet-${facet}`, text: t(`facet.${facet}`) }), select);
    }));
  }

  /* Draw the controls anew and leave the focus where it was. */
  function drawControls() {
    const focus = document.activeElement?.id || document.activeElement?.dataset?.group;
    drawStates();
    drawFacets();
    const again = focus && (byId(focus) || byId("filters").querySelector(`[data-group="${CSS.escape(focus)}"]`));
    if (again && again !== document.activeElement && (byId("tools").contains(again))) again.focus({ preventScroll: true });
  }

  function choose(facet, value) {
    chosen = { ...chosen, [facet]: value };
    refresh();
    remember();
  }

  function refresh() {
    ({ list: shown, counts } = filters.apply(chosen, textMatch));
    drawControls();
    grid.show(shown);
    byId("empty").hidden = shown.length > 0;
    const all = shown.length === catalogue.count;
    byId("found").textContent = all ? "" : t("photographs", { n: shown.length });
    byId("reset").hidden = !text.trim() && !Object.values(chosen).some(Boolean);
  }

  let round = 0;
  async function search(words) {
    round += 1;
    const mine = round;
    text = words;
    byId("found").textContent = text.trim() ? t("searching") : "";
    const match = await filters.search(text);
    if (mine !== round) return;
    textMatch = match;
    refresh();
  }

  function clear() {
    byId("search").value = "";
    chosen = {};
    search("").then(remember);
    byId("search").focus();
  }

  /* -- the address: which photograph, which filters, how far down -- */

  const query = () => filters.toQuery(text, chosen);
  const address = (i) => `#photo/${catalogue.name(i)}${query()}`;
  const listAddress = () => (query() ? `#photographs${query()}` : location.pathname + location.search);

  function remember() {
    if (viewer.open >= 0) return;
    history.replaceState({ ...history.state, top: grid.top() }, "", listAddress());
  }

  function readAddress() {
    const found = /^#(?:photo\/([0-9]+)|photographs)(\?.*)?$/.exec(location.hash);
    const given = filters.fromQuery(found?.[2] || "");
    return { ...given, photo: found?.[1] ? catalogue.find(found[1]) : -1 };
  }

  async function follow() {
    const wanted = readAddress();
    const query = filters.toQuery(wanted.text, wanted.chosen);
    if (query !== filters.toQuery(text, chosen)) {
      chosen = wanted.chosen;
      byId("search").value = wanted.text;
      await search(wanted.text);
    }
    if (wanted.photo >= 0) await viewer.show(wanted.photo);
    else viewer.close();
  }

  function closed(last) {
    document.title = t("page.title", { title: facts.title });
    if (location.hash.startsWith("#photo/")) {
      if (history.state?.fromList) {
        history.back();
      } else {
        history.replaceState({ top: grid.top() }, "", listAddress());
      }
    }
    if (last >= 0) grid.focusOn(last);
  }

  /* A card opens with an entry of its own in the history, so that "back" closes it. */
  function openCard(event) {
    const link = event.target.closest("a.card");
    if (!link || event.button > 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    remember();
    const i = Number(link.dataset.number);
    history.pushState({ fromList: true }, "", address(i));
    viewer.show(i);
  }

  /* -- start -- */

  function listen() {
    let typing = 0;
    byId("search").addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(() => search(event.target.value).then(remember), 160);
    });
    byId("clear").addEventListener("click", clear);
    byId("reset").addEventListener("click", clear);
    byId("grid").addEventListener("click", openCard);
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault();
      (byId("grid").querySelector("a.card[tabindex='0']") || byId("photographs")).focus();
    });
    let scrolling = 0;
    window.addEventListener("scroll", () => { clearTimeout(scrolling); scrolling = setTimeout(remember, 250); }, { passive: true });
    window.addEventListener("hashchange", follow);
    window.addEventListener("popstate", follow);
  }

  function draw() {
    drawHeading();
    refresh();
    viewer.redraw();
  }

  async function load(shards) {
    await Promise.all([...shards].map((shard) => catalogue.load(shard)));
    grid.fill();
  }

  const complain = (error) => {
    byId("empty").hidden = false;
    byId("empty").firstElementChild.textContent = t("broken", { error: error.message });
    byId("clear").hidden = true;
  };

  async function start() {
    history.scrollRestoration = "manual";
    facts = await catalogue.open();
    filters.prepare();
    totals = filters.apply({}, null).counts.state;
    grid = createGrid(byId("grid"), { onNeed: (shards) => load(shards).catch(complain) });
    viewer = createViewer({ facts, list: () => shown, address, onClose: closed });
    const wanted = readAddress();
    ({ text, chosen } = wanted);
    byId("search").value = text;
    counts = filters.apply(chosen, null).counts;
    language.start(draw);
    listen();
    if (text) await search(text);
    if (catalogue.count) await catalogue.load(catalogue.shardOf(shown[0] ?? 0));
    grid.fill();
    grid.restore(history.state?.top || 0);
    if (wanted.photo >= 0) await viewer.show(wanted.photo);
    root.classList.add("ready");
  }

  start().catch(complain);
})();
