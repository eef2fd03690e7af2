/* What was done to one photograph: sentences first, and every fact an archivist asks for folded behind them. */
"use strict";
(function () {
  const { make, payload, story, filled, language } = window.Archive;
  const { t, named, number, date, sentence } = language;

  function table(label, head, rows) {
    const cell = (value, i, inHead) => make(inHead || i === 0 ? "th" : "td", { scope: inHead ? "col" : i === 0 ? "row" : null, dir: "auto", text: value });
    const line = (values, inHead) => make("tr", {}, ...values.map((value, i) => cell(value, i, inHead)));
    return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": label },
      make("table", {}, make("thead", {}, line(head, true)), make("tbody", {}, ...rows.map((row) => line(row, false)))));
  }

  function facts(pairs) {
    const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return make("dl", { class: "facts" }, ...given.flatMap(([name, value, code]) => [
      make("dt", { text: name }), make("dd", { class: code ? "code" : null, dir: "auto", text: String(value) })]));
  }

  const section = (title, ...content) => [make("h4", { text: title }), ...content];

  const figure = (value, digits) => (typeof value === "number" ? number(value, digits) : "");
  const seconds = (value) => (typeof value === "number" ? t("seconds", { figure: number(value, value < 10 ? 2 : 0) }) : "");
  const bytes = (value) => (typeof value === "number" ? t("bytes", { n: value }) : "");
  const modelName = (model) => (model && typeof model === "object" ? `${model.name} ${model.version || ""}`.trim() : model || "");
  const size = (file) => (file?.width ? t("picture_size", { width: file.width, height: file.height, bits: file.bits ?? "?", format: file.format ?? "?" }) : "");
  const part = ({ part: cut }) => (cut ? t("part_of", { place: cut.place, of: cut.of }) : "");
  const page = (source) => (source.page ? t("page_of", { page: source.page, pages: source.pages ?? "?" }) : "");
  const plain = (kind, code) => (code ? named(kind, code).replace(/\.$/, "") : "");

  function stepRows(steps) {
    return steps.map((step) => {
      const said = [named("status", step.status), plain("reason", step.reason)].filter((v, i, all) => v && all.indexOf(v) === i);
      return [sentence(named("step", step.step)), said.join(": "), modelName(step.model), seconds(step.seconds)];
    });
  }

  const DIGITS = { psnr: 1, colourfulness: 1, colourfulness_abs: 1, chroma: 1, sharpness: 1, noise: 2, luminance: 1, delta_e00: 2 };

  function metricRows(measurements) {
    return Object.keys(measurements).sort().map((name) => {
      const value = measurements[name];
      const digits = DIGITS[name] ?? 3;
      return [named("metric", name), figure(value.source, digits), figure(value.restored, digits), figure(value.pair, digits)];
    });
  }

  function likeness(face) {
    if (typeof face.identity !== "number") return "";
    const limit = typeof face.identity_threshold === "number" ? ` (${t("at_least", { figure: number(face.identity_threshold, 2) })})` : "";
    return `${number(face.identity, 2)}${limit}`;
  }

  function faceRows(faces) {
    return faces.map((face, i) => [
      t("face.number", { n: i + 1 }), [named("action", face.action), plain("reason", face.reason)].filter(Boolean).join(": "),
      likeness(face), figure(face.confidence, 2),
    ]);
  }

  function damageRows(damage) {
    const share = (value) => (typeof value === "number" && value > 0 ? filled.percent(value) : "0");
    return damage.map((one) => [
      sentence(named("damage", one.kind)).replace(/\.$/, ""), share(one.found_share), share(one.mended_share),
      [named("mending", one.mending), one.model].filter(Boolean).join(": "), String(one.regions ?? "")]);
  }

  function givenRows(given) {
    return given.map((one) => [
      `${named("tint", one.word)} (${one.colour})`, one.what ?? "", [sentence(named("ground", one.ground)), one.source, one.on].filter(Boolean).join("; "), one.by ?? ""]);
  }

  function reviewFacts({ review, decision, withdrawal }) {
    if (!review || withdrawal) return [];
    return section(t("section.review"), facts([
      [t("review.decision"), named("decision", review.decision)], [t("review.by"), review.reviewer],
      [t("review.when"), review.decided_at && date(review.decided_at)], [t("review.words"), review.words],
      [t("review.in_force"), decision === review.decision ? "" : t("review.not_in_force")]]));
  }

  function eventRows(events) {
    return events.map((event) => [named("event", event.type), named("outcome", event.outcome), event.agent ?? "", event.occurred_at ? date(event.occurred_at) : ""]);
  }

  function fileFacts(row, details) {
    const { source = {}, output, recipe } = details;
    return facts([
      [t("file.original"), source.uri || details.key, true], [t("file.original_sha"), source.sha256, true],
      [t("file.page"), page(source)], [t("file.part"), part(source)], [t("file.original_bytes"), bytes(source.size)], [t("file.original_size"), size(source)],
      [t("file.restored"), row.image, true], [t("file.restored_sha"), output?.sha256, true],
      [t("file.restored_bytes"), bytes(output?.bytes)], [t("file.restored_size"), size(output)],
      [t("file.access"), row.access, true], [t("file.access_sha"), details.access?.sha256, true],
      [t("file.duplicate_of"), details.duplicate_of, true],
      [t("file.recipe"), recipe?.name], [t("file.recipe_sha"), recipe?.sha256, true], [t("file.software"), details.software],
      [t("file.device"), details.device], [t("file.restored_at"), details.restored_at && date(details.restored_at)], [t("file.number"), row.id]]);
  }

  const modelFacts = (model) => facts([
    [t("model.name"), modelName(model)], [t("model.architecture"), model.architecture], [t("model.licence"), model.licence],
    [t("model.data"), model.training_data], [t("model.weights"), model.weights_sha256, true]]);

  function evidence(row, details) {
    const { steps = [], given = [], faces = [], damage = [], measurements = {}, models = [], events = [], terms = {} } = details;
    const entry = Object.entries(terms).filter(([name]) => name !== "title");
    const head = (...names) => names.map((name) => t(`column.${name}`));
    return [
      steps.length ? section(t("section.steps"), table(t("section.steps"), head("step", "result", "model", "time"), stepRows(steps))) : [],
      given.length ? section(t("section.given"), table(t("section.given"), head("colour", "of", "ground", "giver"), givenRows(given))) : [],
      faces.length ? section(t("section.faces"), table(t("section.faces"), head("face", "result", "likeness", "certainty"), faceRows(faces)), make("p", { class: "hint", text: t("faces.hint") })) : [],
      damage.length ? section(t("section.damage"), table(t("section.damage"), head("damage", "found", "mended", "how", "places"), damageRows(damage))) : [],
      Object.keys(measurements).length ? section(t("section.measurements"), table(t("section.measurements"), head("measurement", "scan", "restored", "both"), metricRows(measurements))) : [],
      models.length ? section(t("section.models"), ...models.map(modelFacts)) : [],
      reviewFacts(details),
      section(t("section.files"), fileFacts(row, details)),
      entry.length ? section(t("section.entry"), facts(entry.map(([name, value]) => [named("term", name), value]))) : [],
      events.length ? section(t("section.events"), table(t("section.events"), head("event", "outcome", "agent", "when"), eventRows(events))) : [],
    ].flat();
  }

  function bannerOf(row, details) {
    const told = story.banner(row, details);
    if (!told) return null;
    return make("div", { class: row.reason === "awaiting_review" ? "banner banner-review" : "banner" },
      make("strong", { text: told.title }), told.text ? make("span", { dir: "auto", text: told.text }) : null,
      ...told.more.filter(Boolean).map((text) => make("span", { class: "hint", dir: "auto", text })));
  }

  function links(row) {
    const printable = row.shown === "restored" || row.shown === "original";
    if (!printable) return null;
    const pixels = row.width > 1 ? t("pixels", { width: row.width, height: row.height }) : "";
    const viewable = story.viewable(row);
    const others = [row.image, row.access].filter((path) => path && path !== viewable);
    const kind = (path) => path.split(".").pop().toUpperCase();
    return make("p", { class: "links" },
      viewable ? make("a", { class: "button", href: payload(viewable), target: "_blank", rel: "noopener" }, make("span", { text: t("link.full") }), make("small", { text: viewable === row.image ? pixels : "" })) : null,
      ...others.map((path) => make("a", { class: "button plain", href: payload(path), download: "" }, make("span", { text: t(path === row.image ? "link.master" : "link.access", { kind: kind(path) }) }), make("small", { text: path === row.image ? pixels : "" }))),
      make("a", { class: "button plain", id: "print", href: `print.html#${row.id}`, text: t("link.print") }));
  }

  const aiNotice = (row) => (row.ai ? make("p", { class: "ai" }, make("span", { class: "label", text: t("label.ai") }), make("span", { text: t("ai.notice") })) : null);

  function fill(panel, row, details) {
    const lines = story.lines(row, details);
    const description = details.terms?.description;
    const archivists = make("details", { class: "archivists" }, make("summary", { text: t("archivists") }), ...evidence(row, details));
    panel.replaceChildren(...[
      make("h2", { id: "photo-title", dir: "auto", text: story.titleOf(row) }),
      row.date ? make("p", { class: "date", dir: "auto", text: row.date }) : null,
      aiNotice(row), bannerOf(row, details),
      description ? make("p", { class: "description", dir: "auto", text: description }) : null,
      lines.length ? make("h3", { text: t("story.heading") }) : null,
      lines.length ? make("ul", { class: "story" }, ...lines.map((text) => make("li", { text }))) : null,
      links(row),
      row.file ? make("p", { class: "file" }, make("span", { text: `${t("file.name")} ` }), make("bdi", { class: "code", text: row.file })) : null,
      row.shown === "withdrawn" ? null : archivists,
    ].filter(Boolean));
    panel.scrollTop = 0;
  }

  window.Archive.panel = { fill };
})();
