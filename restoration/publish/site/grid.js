/* Rows of photographs, justified to the width. Only rows near the window exist, so thousands cost as little as twenty. */
"use strict";
(function () {
  const { make, payload, words } = window.Archive;
  const CAPTION = 58;
  const GAP = 20;
  const EMPTY_RATIO = 0.95;

  const rowHeight = (width) => (width < 520 ? 240 : width < 1000 ? 230 : 264);
  const ratioOf = (row) => (row.image ? Math.min(2.4, Math.max(0.6, row.width / row.height)) : EMPTY_RATIO);

  /* Break the photographs into rows: as many as fit at about the target height, then stretched to the full width. */
  function layout(photos, width) {
    const target = rowHeight(width);
    const rows = [];
    let line = [];
    let ratios = 0;
    let top = 0;
    const close = (last) => {
      const room = width - GAP * (line.length - 1);
      const height = last ? Math.min(target, room / ratios) : room / ratios;
      rows.push({ top, height, photos: line });
      top += height + CAPTION + GAP;
      line = [];
      ratios = 0;
    };
    photos.forEach((photo, index) => {
      line.push({ photo, index });
      ratios += ratioOf(photo);
      if ((width - GAP * (line.length - 1)) / ratios <= target) close(false);
    });
    if (line.length) close(true);
    return { rows, height: Math.max(0, top - GAP) };
  }

  function picture(row) {
    if (!row.image) {
      return make("span", { class: "absent" },
        make("span", { class: "absent-state", text: words.STATES[row.state] || row.state }),
        make("span", { class: "absent-reason", text: words.reason(row.reason) }));
    }
    const image = make("img", { src: payload(`data/previews/${row.id}-after.jpg`), alt: words.altText(row), loading: "lazy", decoding: "async" });
    return make("span", { class: "picture" }, image,
      row.ai ? make("span", { class: "label", text: words.AI_LABEL }) : null,
      row.state === "needs_review" ? make("span", { class: "label label-review", text: "Waiting for review" }) : null);
  }

  function card(row, index, total, width, height) {
    const link = make("a", { class: "card", href: `#photo/${row.id}`, "data-id": row.id },
      picture(row),
      make("span", { class: "caption" },
        make("span", { class: "name", dir: "auto", text: row.title }),
        row.date ? make("span", { class: "date", dir: "auto", text: row.date }) : null));
    link.style.width = `${width}px`;
    link.firstChild.style.height = `${height}px`;
    return make("div", { role: "listitem", "aria-posinset": index + 1, "aria-setsize": total }, link);
  }

  function createGrid(container) {
    let photos = [];
    let plan = { rows: [], height: 0 };
    const drawn = new Map();

    function draw(number) {
      const row = plan.rows[number];
      const line = make("div", { class: "line", role: "presentation" });
      line.style.top = `${row.top}px`;
      for (const { photo, index } of row.photos) {
        line.append(card(photo, index, photos.length, ratioOf(photo) * row.height, row.height));
      }
      return line;
    }

    function firstBelow(offset) {
      let low = 0;
      let high = plan.rows.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        const row = plan.rows[middle];
        if (row.top + row.height + CAPTION < offset) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    function update() {
      const start = -container.getBoundingClientRect().top;
      const margin = window.innerHeight;
      const first = firstBelow(start - margin);
      let last = first;
      while (last < plan.rows.length && plan.rows[last].top < start + window.innerHeight + margin) last += 1;
      for (const [number, line] of drawn) {
        if ((number < first || number >= last) && !line.contains(document.activeElement)) {
          line.remove();
          drawn.delete(number);
        }
      }
      for (let number = first; number < last; number += 1) {
        if (drawn.has(number)) continue;
        const line = draw(number);
        const after = [...drawn.keys()].filter((n) => n > number).sort((a, b) => a - b)[0];
        container.insertBefore(line, after === undefined ? null : drawn.get(after));
        drawn.set(number, line);
      }
    }

    function relayout() {
      plan = layout(photos, container.clientWidth);
      container.style.height = `${plan.height}px`;
      container.replaceChildren();
      drawn.clear();
      update();
    }

    let waiting = false;
    function soon() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; update(); });
    }
    window.addEventListener("scroll", soon, { passive: true });
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(container.clientWidth - width) < 1) return;
      width = container.clientWidth;
      relayout();
    }).observe(container);

    function show(list) {
      photos = list;
      relayout();
    }

    /* Bring a photograph into the window and give its card the focus. */
    function focus(id) {
      const number = plan.rows.findIndex((row) => row.photos.some((item) => item.photo.id === id));
      if (number < 0) return;
      const box = container.getBoundingClientRect();
      const top = box.top + plan.rows[number].top;
      if (top < 0 || top + plan.rows[number].height > window.innerHeight) window.scrollBy({ top: top - 160, behavior: "instant" });
      update();
      const link = [...container.querySelectorAll("a.card")].find((item) => item.dataset.id === id);
      if (link) link.focus({ preventScroll: true });
    }

    return { show, focus };
  }

  window.Archive.createGrid = createGrid;
})();
