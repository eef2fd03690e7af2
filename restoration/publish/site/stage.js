/* The pictures of one photograph: a slider, side by side, or zoomed; the choice holds while one leafs on. */
"use strict";
(function () {
  const { make, button, payload, byId, story, filled, language, createSlider, createZoom } = window.Archive;
  const { t } = language;
  const MODES = ["compare", "side", "zoom"];
  let mode = "compare";
  let current = null;

  const preview = (row, which) => payload(`data/previews/${row.id}-${which}.jpg`);
  /* Browsers show PNG, JPEG and WebP; other files are for other programs, and the preview stands in. */
  const fullSize = (row) => (story.viewable(row) ? payload(story.viewable(row)) : preview(row, "after"));
  const labelOf = (row) => (row.ai ? make("span", { class: "label label-stage", text: t("label.ai") }) : null);

  function single(row) {
    const frame = make("div", { class: "slider single" },
      make("img", { src: preview(row, "before"), alt: story.altText(row) }), make("span", { class: "label label-stage label-scan", text: story.badge(row) }));
    frame.style.setProperty("--ratio", String(row.width / row.height));
    return { element: frame, focus: null, shade() {}, destroy() {} };
  }

  function pair(row) {
    const figure = (which, alt, label) => make("figure", {},
      make("span", { class: "pair-picture" }, make("img", { src: preview(row, which), alt }), label), make("figcaption", { text: t(which) }));
    const element = make("div", { class: "pair" }, figure("before", story.altBefore(row), null), figure("after", story.altText(row), labelOf(row)));
    element.style.setProperty("--ratio", String(row.width / row.height));
    let shading = null;
    function shade(mask) {
      shading?.remove();
      shading = mask;
      if (mask) element.lastElementChild.querySelector("img").after(mask);
    }
    return { element, focus: null, shade, destroy() {} };
  }

  function tilesOf(details, which) {
    const set = details.tiles?.[which];
    return set && /^\.\.\/tiles\/[A-Za-z0-9._-]+$/.test(set) ? set : null;
  }

  function zoomed(row, details, facts) {
    const side = details.tiles?.side || 512;
    const restored = row.shown === "restored";
    return createZoom({
      pictures: {
        width: row.width, height: row.height,
        after: restored ? { plain: fullSize(row), tiles: tilesOf(details, "after"), size: details.tiles?.sizes?.after, side, alt: story.altText(row) } : null,
        before: { plain: preview(row, "before"), tiles: tilesOf(details, "before"), size: details.tiles?.sizes?.before, side, alt: restored ? story.altBefore(row) : story.altText(row) },
      },
      label: restored ? labelOf(row) : make("span", { class: "label label-stage label-scan", text: story.badge(row) }),
      hasViewer: Boolean(facts.viewer),
    });
  }

  function slider(row) {
    return createSlider({
      before: preview(row, "before"), after: preview(row, "after"), ratio: row.width / row.height,
      alt: story.altText(row), altBefore: story.altBefore(row), label: labelOf(row),
    });
  }

  function nothing(row) {
    byId("stage").replaceChildren(make("div", { class: "nothing" },
      make("p", { class: "nothing-state", text: story.stateOf(row) }), make("p", { text: row.shown === "withdrawn" ? t("withdrawn.kindly") : story.whyNot(row) })));
    byId("views").replaceChildren();
  }

  const modesOf = (row) => (row.shown === "restored" ? MODES : ["compare", "zoom"]);

  function drawViews(row, details, facts) {
    byId("views").replaceChildren(...modesOf(row).map((name) => button({
      class: "chip", "aria-pressed": String(name === modeFor(row)), "data-mode": name,
      text: t(name === "compare" && row.shown !== "restored" ? "view.whole" : `view.${name}`),
    }, () => { mode = name; draw(row, details, facts); byId("views").querySelector("[data-mode][aria-pressed=true]").focus(); })));
    const shading = filled.toggle(details, current.shade);
    if (shading) byId("views").append(shading);
  }

  const modeFor = (row) => (modesOf(row).includes(mode) ? mode : "compare");

  function create(row, details, facts) {
    if (modeFor(row) === "zoom") return zoomed(row, details, facts);
    if (row.shown === "original") return single(row);
    return modeFor(row) === "side" ? pair(row) : slider(row);
  }

  function clear() {
    current?.destroy();
    current = null;
    filled.clear();
    byId("stage").replaceChildren();
  }

  /* Draw a photograph; gives what the focus may go to. `details` may be {} until they have come. */
  function draw(row, details, facts) {
    clear();
    if (row.shown !== "restored" && row.shown !== "original") {
      nothing(row);
      return null;
    }
    current = create(row, details, facts);
    byId("stage").replaceChildren(current.element);
    current.start?.();
    drawViews(row, details, facts);
    return current.focus;
  }

  window.Archive.stage = { draw, clear, fullSize, preview, get mode() { return mode; } };
})();
