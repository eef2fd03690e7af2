/* Everything the gallery says, in words that a family understands. Pure functions: data in, sentences out. */
"use strict";
(function () {
  const STATES = {
    restored: "Restored",
    needs_review: "Waiting for a person’s review",
    rejected: "Could not be restored",
    quarantined: "Could not be restored",
    skipped: "Left out",
    pending: "Not restored yet",
    queued: "Not restored yet",
    restoring: "Not restored yet",
  };

  const GROUPS = [
    { id: "all", label: "All", states: null },
    { id: "restored", label: "Restored", states: ["restored"] },
    { id: "needs_review", label: "Waiting for review", states: ["needs_review"] },
    { id: "failed", label: "Could not be restored", states: ["rejected", "quarantined"] },
    { id: "skipped", label: "Left out", states: ["skipped"] },
    { id: "waiting", label: "Not restored yet", states: ["pending", "queued", "restoring"] },
  ];

  const REASONS = {
    empty_file: "The file is empty.",
    not_an_image: "The file is not a picture.",
    unsupported_format: "The file is of a kind that cannot be read here.",
    truncated: "The file ends too early; part of it is missing.",
    corrupt: "The file is damaged and cannot be read.",
    too_many_pixels: "The scan has more pixels than can be handled safely.",
    too_large: "The file is larger than allowed.",
    too_small: "The scan is too small to be restored.",
    decode_timeout: "Reading the file took too long.",
    decode_memory: "Reading the file needed too much memory.",
    decoder_crashed: "The file made the reading program fail.",
    unsafe_name: "The file’s name is not safe. Renaming the scan helps.",
    name_collision: "Another scan has the same name in another spelling.",
    source_changed: "The scan was replaced while it was being read.",
    source_missing: "The scan is no longer where it was.",
    already_done: "It was restored before.",
    consent_refused: "Those who may decide did not give their consent.",
    withdrawn: "It was withdrawn.",
    dry_run: "It was only a trial.",
    identity_low: "A restored face may not look enough like the person.",
    heavy_damage: "Much of the photograph is damaged, so much had to be filled in.",
    quality_fell: "The measurements say that the picture may have lost quality.",
    faces_left_alone: "Many faces could not be restored and were left as they were.",
    luminance_changed: "Light and dark changed more than they should.",
    consent_unknown: "It is not known whether the family consents.",
    sensitive: "The collection is sensitive.",
    step_failed: "The restoration failed several times.",
    out_of_memory: "The restoration ran out of memory.",
    encode_failed: "The restored picture could not be written.",
    storage_failed: "The storage could not be reached.",
    worker_lost: "The computer that worked on it stopped several times.",
    time_limit: "The restoration took too long.",
    cancelled: "The restoration was cancelled.",
    face_too_small: "too small in the photograph",
    face_too_damaged: "too damaged",
    restorer_missing: "no restoring model was at hand",
    faces_off: "faces of this collection are not restored",
    not_needed: "not needed",
    already_colour: "the photograph has its own colours",
    no_faces: "no face was found",
  };

  const STEPS = {
    triage: "Looked at what kind of photograph it is",
    repair: "Repaired scratches, tears and spots",
    grade: "Brought back faded tones",
    colorize: "Coloured",
    faces: "Looked for faces",
    upscale: "Enlarged",
    measure: "Measured",
  };

  const STATUS = { applied: "done", not_needed: "not needed", left_alone: "left alone", failed: "failed" };

  const METRICS = {
    psnr: ["Likeness to the scan (PSNR)", " dB", 1],
    ssim_y: ["Likeness of structure (SSIM)", "", 3],
    colourfulness_hs: ["Colourfulness (Hasler–Süsstrunk)", "", 1],
    colourfulness_abs: ["Colourfulness (a*b*)", "", 1],
    sharpness: ["Sharpness", "", 4],
    contrast_rms: ["Contrast", "", 3],
    noise_immerkaer: ["Noise", "", 4],
    mean_luminance: ["Mean brightness", "", 3],
    delta_e00: ["Colour difference (ΔE00)", "", 2],
  };

  const TERMS = {
    title: "Title", creator: "Made by", subject: "Subject", description: "Description", publisher: "Publisher",
    contributor: "With", date: "Date", type: "Type", format: "Format", identifier: "Identifier", source: "Source",
    language: "Language", relation: "Belongs to", coverage: "Place and time", rights: "Rights",
  };

  const AI_LABEL = "AI-altered";

  function count(number, one, many) {
    return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  }

  function percent(share) {
    const value = share * 100;
    return value > 0 && value < 0.1 ? "less than 0.1 %" : `about ${value.toFixed(value < 10 ? 1 : 0)} %`;
  }

  function reason(code) {
    return REASONS[code] || (code ? String(code).replaceAll("_", " ") : "");
  }

  /* The sentences at the head of the provenance panel. */
  function story(row, details) {
    if (!row.image) return [];
    const done = (name) => details.steps.find((s) => s.step === name);
    const lines = [];
    lines.push(...colourLines(done("colorize")));
    lines.push(...faceLines(details.faces));
    lines.push(...repairLines(done("repair")));
    if (applied(done("grade"))) lines.push("Faded tones and contrast were brought back.");
    if (applied(done("upscale"))) lines.push("The picture was enlarged. Fine detail that the scan does not hold was not recorded by the camera.");
    if (!row.ai) lines.push("Nothing was invented: no colours and no faces were added.");
    lines.push("The original scan was not changed and is kept.");
    return lines;
  }

  function applied(step) {
    return Boolean(step) && step.status === "applied";
  }

  function colourLines(step) {
    if (applied(step)) return ["The colours are a computer’s guess. Light and dark are those of the original photograph."];
    if (step && step.reason === "already_colour") return ["The photograph has its own colours. They were kept."];
    return [];
  }

  function repairLines(step) {
    if (!applied(step)) return [];
    const share = step.detail && step.detail.damage_share;
    const how = typeof share === "number" ? ` (${percent(share)} of the picture)` : "";
    return [`Scratches, tears and spots were filled in from what surrounds them${how}.`];
  }

  function faceLines(faces) {
    if (!faces.length) return [];
    const redrawn = faces.filter((f) => f.action === "restored" || f.action === "blended");
    const kept = faces.length - redrawn.length;
    if (!redrawn.length) return [`${count(faces.length, "face was", "faces were")} found and not changed.`];
    const lines = [`${count(redrawn.length, "face was", "faces were")} redrawn by a computer. It may not look exactly like the person.`];
    if (redrawn.length > 1) lines[0] = lines[0].replace("It may", "They may").replace("the person", "the people");
    if (kept) lines.push(`${count(kept, "other face was", "other faces were")} left exactly as in the scan.`);
    return lines;
  }

  function altText(row) {
    if (!row.image) return "";
    const label = row.ai ? `, ${AI_LABEL} by a computer` : "";
    return `${row.title}${row.date ? `, ${row.date}` : ""}, restored${label}`;
  }

  function summary(facts) {
    const of = (...states) => states.reduce((sum, state) => sum + (facts.states[state] || 0), 0);
    const parts = [count(facts.photos, "photograph", "photographs")];
    const add = (number, text) => number && parts.push(`${number.toLocaleString("en")} ${text}`);
    add(of("restored"), "restored");
    add(of("needs_review"), "waiting for a person’s review");
    add(of("rejected", "quarantined"), "could not be restored");
    add(of("skipped"), "left out");
    add(of("pending", "queued", "restoring"), "not restored yet");
    return parts.join(" · ");
  }

  window.Archive = {
    words: { STATES, GROUPS, STEPS, STATUS, METRICS, TERMS, AI_LABEL, count, percent, reason, story, altText, summary },
  };
})();
