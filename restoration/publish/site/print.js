/* A memorial sheet: one photograph on one page, for paper or as a PDF. */
"use strict";
(function () {
  const { make, payload, byId, catalogue, story, language } = window.Archive;
  const { t, number } = language;
  /* Millimetres, upright. */
  const PAPERS = { a4: [210, 297], "11x14": [279.4, 355.6] };
  const MM_PER_INCH = 25.4;
  const form = byId("choices");
  const sheet = byId("sheet");
  const page = new CSSStyleSheet();
  /* How much smaller a long name may be set, largest first. */
  const FITS = [1, 0.85, 0.7, 0.6, 0.5, 0.42];
  let facts = null;
  let row = null;
  let details = null;

  const field = (name) => form.elements.namedItem(name);
  const pathOf = () => payload(story.viewable(row) || `data/previews/${row.id}-${row.image ? "after" : "before"}.jpg`);

  function paper() {
    const [short, long] = PAPERS[field("paper").value];
    const turn = field("turn").value;
    const wide = turn === "landscape" || (turn === "auto" && row.width / row.height > 1.15);
    return wide ? { width: long, height: short, wide } : { width: short, height: long, wide };
  }

  /* The page's size can't be written in a style sheet that lies ready, because it is chosen here. */
  function setPage({ width, height, wide }) {
    page.replaceSync(`@page { size: ${width}mm ${height}mm; margin: 0; }`);
    sheet.style.setProperty("--width", `${width}mm`);
    sheet.style.setProperty("--height", `${height}mm`);
    sheet.style.setProperty("--shape", String(width / height));
    sheet.classList.toggle("wide", wide);
    sheet.dataset.paper = field("paper").value;
  }

  function source() {
    const { creator, rights } = details.terms || {};
    const from = t("print.from", { title: facts.title, id: String(Number(row.id)) });
    return [creator, from, rights || facts.rights].filter(Boolean).map((text) => String(text).replace(/\.$/, "")).join(" · ");
  }

  function draw() {
    if (!row) return;
    document.title = t("print.title", { title: story.titleOf(row) });
    setPage(paper());
    const checked = (name) => field(name).checked;
    const small = checked("scan") && row.shown === "restored";
    sheet.style.setProperty("--ratio", String(row.width / row.height));
    byId("sheet-name").textContent = field("name").value;
    byId("sheet-dates").textContent = checked("dates") ? field("lived").value : "";
    byId("sheet-words").textContent = field("words").value;
    byId("sheet-scan").hidden = !small;
    byId("sheet-scan-caption").textContent = t("print.scan_caption");
    byId("sheet-honest").textContent = story.honest(row, details);
    byId("sheet-source").textContent = checked("rights") ? source() : "";
    byId("sheet-label").textContent = row.ai ? t("label.ai") : row.shown === "original" ? t("label.scan") : "";
    byId("sheet-picture").alt = story.altText(row);
    byId("sheet-scan-picture").alt = small ? story.altBefore(row) : "";
    fit();
    tellResolution();
  }

  /* Names can be long: the largest letters with which nothing is pushed off the sheet and the picture stays large. */
  function fit() {
    const title = byId("sheet-name").parentElement;
    for (const size of FITS) {
      sheet.style.setProperty("--fit", String(size));
      const within = sheet.scrollHeight <= sheet.clientHeight + 1 && title.scrollHeight <= title.clientHeight + 1;
      if (within && (sheet.classList.contains("wide") || title.clientHeight < sheet.clientHeight / 4)) return;
    }
  }

  function build() {
    const scan = make("figure", { id: "sheet-scan", class: "sheet-scan" },
      make("img", { id: "sheet-scan-picture", src: payload(`data/previews/${row.id}-before.jpg`), alt: story.altBefore(row) }), make("figcaption", { id: "sheet-scan-caption" }));
    sheet.replaceChildren(
      make("div", { class: "sheet-portrait" },
        make("div", { class: "sheet-frame" }, make("img", { id: "sheet-picture", src: pathOf(), alt: story.altText(row) })),
        make("p", { id: "sheet-label", class: "sheet-label" })),
      make("div", { class: "sheet-title" },
        make("p", { id: "sheet-name", class: "sheet-name", dir: "auto" }), make("p", { id: "sheet-dates", class: "sheet-dates", dir: "auto" }),
        make("p", { id: "sheet-words", class: "sheet-words", dir: "auto" })),
      make("div", { class: "sheet-foot" }, scan,
        make("div", { class: "sheet-notes" }, make("p", { id: "sheet-honest", dir: "auto" }), make("p", { id: "sheet-source", dir: "auto" }))));
  }

  /* How fine the picture will be on this paper, from its own pixels and the width that it takes up there. */
  function tellResolution() {
    const image = byId("sheet-picture");
    const share = image.clientWidth / sheet.clientWidth;
    if (!image.naturalWidth || !share) return;
    const inches = (share * paper().width) / MM_PER_INCH;
    byId("quality").textContent = t("print.resolution", { dpi: number(Math.round(image.naturalWidth / inches)) });
  }

  async function ready() {
    byId("quality").textContent = t("print.loading");
    try {
      await Promise.all([...sheet.querySelectorAll("img")].map((image) => image.decode()));
      byId("now").disabled = false;
      fit();
      tellResolution();
    } catch {
      byId("quality").textContent = t("print.failed");
    }
    document.documentElement.classList.add("ready");
  }

  function nothing() {
    row = null;
    form.hidden = true;
    sheet.replaceChildren(make("p", { class: "sheet-none", text: t("print.none") }));
    document.documentElement.classList.add("ready");
  }

  async function open() {
    const name = (/^#([0-9]+)/.exec(location.hash) || [])[1] || "";
    const i = catalogue.find(name);
    if (i < 0 || !catalogue.ratio(i)) {
      nothing();
      return;
    }
    await catalogue.load(catalogue.shardOf(i));
    row = catalogue.row(i);
    details = await catalogue.details(i);
    byId("back").href = `index.html#photo/${row.id}`;
    byId("scan-choice").hidden = row.shown !== "restored";
    field("name").value = story.titleOf(row);
    field("lived").value = row.date || "";
    build();
    draw();
    await ready();
  }

  async function start() {
    document.adoptedStyleSheets = [page];
    facts = await catalogue.open();
    language.start(draw);
    form.addEventListener("input", draw);
    form.addEventListener("submit", (event) => event.preventDefault());
    byId("now").addEventListener("click", () => window.print());
    window.addEventListener("hashchange", () => location.reload());
    window.addEventListener("resize", () => row && tellResolution());
    await open();
  }

  start();
})();
