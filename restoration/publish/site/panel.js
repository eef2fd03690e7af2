/* What was done to one photograph: first in plain words, then every detail an archivist asks for. */
"use strict";
(function () {
  const { make, payload, words } = window.Archive;

  function table(head, rows) {
    const cells = (tag, values) => values.map((value, i) =>
      make(i === 0 ? "th" : tag, i === 0 ? { scope: tag === "th" ? "col" : "row", text: value, dir: "auto" } : { text: value, dir: "auto", scope: tag === "th" ? "col" : null }));
    return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": head[0] },
      make("table", {},
        make("thead", {}, make("tr", {}, ...cells("th", head))),
        make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells("td", row))))));
  }

  function facts(pairs) {
    const list = make("dl", { class: "facts" });
    for (const [name, value, code] of pairs) {
      if (value === null || value === undefined || value === "") continue;
      list.append(make("dt", { text: name }), make("dd", { class: code ? "code" : null, dir: "auto", text: String(value) }));
    }
    return list;
  }

  function section(title, ...content) {
    return make("details", {}, make("summary", { text: title }), ...content);
  }

  const seconds = (value) => (typeof value === "number" ? `${value.toFixed(value < 10 ? 2 : 0)} s` : "");
  const figure = (value, digits) => (typeof value === "number" ? value.toFixed(digits) : "");
  const bytes = (value) => (typeof value === "number" ? `${value.toLocaleString("en")} bytes` : "");
  const modelName = (model) => (model && typeof model === "object" ? `${model.name} ${model.version || ""}`.trim() : model || "");

  function stepRows(steps) {
    return steps.map((s) => [
      words.STEPS[s.step] || s.step,
      [words.STATUS[s.status] || s.status, s.reason ? words.reason(s.reason).replace(/\.$/, "") : ""].filter((v, i, a) => v && a.indexOf(v) === i).join(": "),
      modelName(s.model), seconds(s.seconds),
    ]);
  }

  function metricRows(measurements) {
    return Object.keys(measurements).sort().map((name) => {
      const [label, unit, digits] = words.METRICS[name] || [name.replaceAll("_", " "), "", 3];
      const value = measurements[name];
      const text = (number) => (typeof number === "number" ? `${number.toFixed(digits)}${unit}` : "");
      return [label, text(value.source), text(value.restored), text(value.pair)];
    });
  }

  const ACTIONS = { restored: "redrawn", blended: "redrawn and mixed with the scan", left_alone: "left as it was", recorded: "found, not changed" };

  function faceRows(faces) {
    return faces.map((face, i) => [
      `Face ${i + 1}`,
      [ACTIONS[face.action] || face.action, words.reason(face.reason).replace(/\.$/, "")].filter(Boolean).join(": "),
      likeness(face), figure(face.confidence, 2),
    ]);
  }

  function likeness(face) {
    const own = figure(face.identity, 2);
    return own && typeof face.identity_threshold === "number" ? `${own} (at least ${figure(face.identity_threshold, 2)})` : own;
  }

  function banner(row, details) {
    if (row.state === "restored") return null;
    const text = words.reason(row.reason);
    return make("div", { class: row.state === "needs_review" ? "banner banner-review" : "banner" },
      make("strong", { text: words.STATES[row.state] || row.state }),
      text ? make("span", { text }) : null,
      details.reason_detail ? make("span", { class: "hint", dir: "auto", text: `Noted: ${details.reason_detail}` }) : null);
  }

  function links(row) {
    if (!row.image) return null;
    const size = row.width && row.height ? ` (${row.width.toLocaleString("en")} × ${row.height.toLocaleString("en")} pixels)` : "";
    return make("p", { class: "links" },
      make("a", { class: "button", href: payload(row.image), target: "_blank", rel: "noopener", text: `Open at full size${size}` }));
  }

  function evidence(row, details) {
    const { source, output, recipe } = details;
    const parts = [];
    const terms = Object.entries(details.terms).filter(([name]) => name !== "title");
    if (details.steps.length) parts.push(section("What was done, step by step", table(["Step", "Result", "Model", "Time"], stepRows(details.steps))));
    if (details.faces.length) parts.push(section(`Faces (${details.faces.length})`, table(["Face", "What was done", "Likeness", "Surely a face"], faceRows(details.faces)),
      make("p", { class: "hint", text: "Likeness compares the face before and after: 1 is the same." })));
    if (Object.keys(details.measurements).length) parts.push(section("Measurements", table(["Measurement", "Before", "After", "Both"], metricRows(details.measurements))));
    if (details.models.length) parts.push(section("Models and their licences", ...details.models.map((m) => facts([
      ["Model", modelName(m)], ["Architecture", m.architecture], ["Licence", m.licence], ["Trained on", m.training_data], ["Weights (sha256)", m.weights_sha256, true]]))));
    parts.push(section("Files and fingerprints", facts([
      ["Original", source.uri || details.key, true], ["Original (sha256)", source.sha256, true], ["Original size", bytes(source.size)],
      ["Original picture", source.width ? `${source.width} × ${source.height}, ${source.bits} bit, ${source.format}` : ""],
      ["Restored (sha256)", output && output.sha256, true], ["Restored size", output && bytes(output.bytes)],
      ["Restored picture", output && `${output.width} × ${output.height}, ${output.bits} bit, ${output.format}`],
      ["Recipe", recipe && recipe.name], ["Recipe (sha256)", recipe && recipe.sha256, true], ["Computed on", details.device],
      ["Number in this archive", row.id]])));
    if (terms.length) parts.push(section("Catalogue entry", facts(terms.map(([name, value]) => [words.TERMS[name] || name, value]))));
    return parts;
  }

  function fillPanel(panel, row, details) {
    const lines = words.story(row, details);
    const description = details.terms.description;
    panel.replaceChildren(...[
      make("h2", { id: "photo-title", dir: "auto", text: row.title }),
      row.date ? make("p", { class: "date", dir: "auto", text: row.date }) : null,
      row.ai ? make("p", { class: "ai" }, make("span", { class: "label", text: words.AI_LABEL }), make("span", { text: "Parts of this picture were made by a computer." })) : null,
      banner(row, details),
      description ? make("p", { class: "description", dir: "auto", text: description }) : null,
      lines.length ? make("h3", { text: "What was done" }) : null,
      lines.length ? make("ul", { class: "story" }, ...lines.map((text) => make("li", { text }))) : null,
      links(row),
      make("p", { class: "file" }, make("span", { text: "File: " }), make("bdi", { class: "code", text: row.file })),
      ...evidence(row, details),
    ].filter(Boolean));
    panel.scrollTop = 0;
  }

  window.Archive.fillPanel = fillPanel;
})();
