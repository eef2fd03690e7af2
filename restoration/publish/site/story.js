/* What happened to a photograph, in sentences that a family understands. Data in, sentences out. */
"use strict";
(function () {
  const { filled } = window.Archive;
  const { t, named, has, sentence, number, date } = window.Archive.language;

  const titleOf = (row) => row.title || t("title.withdrawn", { id: String(Number(row.id)) });

  const REDRAWN = new Set(["restored", "blended"]);
  const applied = (step) => step?.status === "applied";
  const stepOf = (details, name) => (details.steps || []).find((step) => step.step === name);

  function stateOf(row) {
    if (row.shown === "restored") return t("state.restored");
    if (row.shown === "withdrawn") return t("state.withdrawn");
    if (row.shown === "original") return t(row.reason === "awaiting_review" ? "state.awaiting" : "state.original");
    return named("state", row.reason === "reviewer_rejected" ? "left_out" : row.state);
  }

  /* Of a withdrawn photograph the published reason comes with its details; its place in the list stays quiet. */
  const whyNot = (row) => (row.reason && row.shown !== "withdrawn" ? sentence(named("reason", row.reason)) : "");

  /* On the picture itself, where it is not restored. */
  const badge = (row) => t(row.reason === "awaiting_review" ? "label.scan_awaiting" : "label.scan");

  function altText(row) {
    const name = [titleOf(row), row.date].filter(Boolean).join(", ");
    if (row.shown === "original") return `${t("alt.scan", { name })} ${whyNot(row)}`.trim();
    return t(row.ai ? "alt.restored_ai" : "alt.restored", { name });
  }

  /* The restored picture, or its copy, as a file that browsers show; nothing if there is none such (TIFF). */
  const viewable = (row) => [row.image, row.access].find((path) => /\.(png|jpg|webp)$/.test(path || ""));

  const altBefore = (row) => t("alt.before", { name: titleOf(row) });

  /* -- sentences -- */

  /* From this share of the picture on, its colours are said to be unsure. */
  const UNSURE = 0.35;
  const MOST_GIVEN = 6;

  function colourLines(details) {
    const step = stepOf(details, "colorize");
    if (!applied(step)) return step?.reason === "already_colour" ? [t("story.own_colours")] : [];
    return [t(details.given ? "story.colours_given" : "story.colours"), step.detail?.unsure_share >= UNSURE ? t("story.unsure") : ""];
  }

  const ground = (one) => (one.source ? t("given.from", { source: one.source }) : named("ground", one.ground));

  function givenLine(one) {
    const who = one.by ? t("given.by", { name: one.by }) : t("given.somebody");
    return t(one.what ? "given.of" : "given.here", { colour: named("tint", one.word), what: one.what, who, ground: ground(one) });
  }

  /* Colours that people gave, each said once. */
  function givenLines(details) {
    const said = [...new Set((details.given || []).map(givenLine))];
    const more = said.length - MOST_GIVEN;
    return more > 0 ? [...said.slice(0, MOST_GIVEN), t("given.more", { n: more })] : said;
  }

  const isAlike = (face) => typeof face.identity === "number" && typeof face.identity_threshold === "number" && face.identity >= face.identity_threshold;

  function redrawnLine(redrawn) {
    const alike = redrawn.every(isAlike);
    return t(alike ? "story.faces_alike" : "story.faces_unsure", { n: redrawn.length });
  }

  function faceLines(details) {
    const faces = details.faces || [];
    if (!faces.length) return [];
    const redrawn = faces.filter((face) => REDRAWN.has(face.action));
    const kept = faces.length - redrawn.length;
    if (!redrawn.length) return [t(details.variant?.startsWith("faces_off") ? "story.faces_by_wish" : "story.faces_kept", { n: kept })];
    return [redrawnLine(redrawn), kept ? t("story.faces_others", { n: kept }) : ""];
  }

  function percent(share) {
    const value = share * 100;
    return value < 0.1 ? t("share.tiny") : t("share.about", { share: number(value, value < 10 ? 1 : 0) });
  }

  function repairLines(details) {
    const line = filled.line(details);
    if (line) return [line];
    const step = stepOf(details, "repair");
    if (!applied(step)) return [];
    const share = step.detail?.filled ?? step.detail?.damage_share;
    return [typeof share === "number" && share > 0 ? t("story.repair_share", { share: percent(share) }) : t("story.repair")];
  }

  function nothingElse(row, details) {
    if (row.ai) return "";
    return t(filled.line(details) ? "story.only_filled" : "story.nothing_invented");
  }

  function reviewLines(details) {
    if (details.decision === "accept") return [t("story.approved")];
    return details.decision === "accept_without_faces" ? [t("story.approved_without_faces")] : [];
  }

  /* A print that lay on its side or upside down, and is shown upright, scan and result alike. */
  function turnedLine(details) {
    const turned = stepOf(details, "triage")?.detail?.turned;
    return turned ? t(turned === 180 ? "story.upside_down" : "story.sideways") : "";
  }

  function invertedLine(details) {
    return stepOf(details, "triage")?.detail?.negative === "inverted" ? t("story.inverted") : "";
  }

  function restoredLines(row, details) {
    return [
      invertedLine(details), turnedLine(details), ...colourLines(details), ...givenLines(details), ...faceLines(details), ...repairLines(details),
      applied(stepOf(details, "grade")) ? t("story.grade") : "",
      applied(stepOf(details, "upscale")) ? t("story.upscale") : "",
      nothingElse(row, details),
      ...reviewLines(details),
      t("story.original_kept"),
    ];
  }

  function lines(row, details) {
    const all = row.shown === "restored" ? restoredLines(row, details) : row.shown === "original" ? [turnedLine(details), t("story.original_kept")] : [];
    return all.filter(Boolean).map(sentence);
  }

  /* What stands where a restored picture would: {title, text, more}, or null. */
  function banner(row, details) {
    if (row.shown === "restored") return null;
    if (row.shown === "withdrawn") {
      const { reason, withdrawn_at: at } = details.withdrawal || {};
      return { title: t("state.withdrawn"), text: reason || "", more: [at ? t("withdrawn.since", { date: date(at) }) : ""] };
    }
    const flag = row.reason === "awaiting_review" && details.flag ? sentence(named("reason", details.flag)) : "";
    const note = details.reason_detail && row.shown === "listed" ? t("note", { text: details.reason_detail }) : "";
    return { title: stateOf(row), text: has(`why.${row.reason}`) ? t(`why.${row.reason}`) : whyNot(row), more: [flag, note] };
  }

  /* One honest paragraph for a printed sheet. */
  function honest(row, details) {
    if (row.shown === "original") return [t("print.as_scanned"), turnedLine(details)].filter(Boolean).map(sentence).join(" ");
    const said = [invertedLine(details), turnedLine(details), ...colourLines(details), ...faceLines(details), filled.line(details)].filter(Boolean).map(sentence);
    return [t(row.ai ? "print.restored_ai" : "print.restored"), ...said, nothingElse(row, details)].filter(Boolean).join(" ");
  }

  window.Archive.story = { titleOf, stateOf, whyNot, badge, viewable, altText, altBefore, lines, banner, honest };
})();
