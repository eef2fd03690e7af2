/* Rows of photographs, justified to the width. Only rows near the window exist, so ten thousand cost as much as twenty. */
"use strict";
(function () {
  const { make, payload, catalogue, story, language } = window.Archive;
  const { t } = language;
  const CAPTION = 58;
  const EMPTY_RATIO = 0.95;

  const gapFor = (width) => (width < 520 ? 12 : 20);
  const rowHeight = (width) => (width < 520 ? 210 : width < 1000 ? 230 : 268);
  const ratioOf = (i) => (catalogue.ratio(i) ? Math.min(2.4, Math.max(0.6, catalogue.ratio(i))) : EMPTY_RATIO);

  /* Break the photographs into rows: as many as fit at about the target height, then stretched to the full width. */
  function layout(list, width) {
    const target = rowHeight(width);
    const gap = gapFor(width);
    const rows = [];
    let start = 0;
    let ratios = 0;
    let top = 0;
    const close = (end, last) => {
      const room = width - gap * (end - start - 1);
      const height = last ? Math.min(target, room / ratios) : room / ratios;
      rows.push({ top, height, start, end });
      top += height + CAPTION + gap;
      start = end;
      ratios = 0;
    };
    list.forEach((i, position) => {
      ratios += ratioOf(i);
      if ((width - gap * (position - start)) / ratios <= target) close(position + 1, false);
    });
    if (start < list.length) close(list.length, true);
    return { rows, gap, height: Math.max(0, top - gap) };
  }

  /* -- one card -- */

  /* On the web a thumbnail lies among the tiles, beside the versions. Where it can't be had, as in a copy of this version
     alone, the preview is shown, and no other thumbnail is asked for. */
  let thumbs = location.protocol !== "file:";

  function thumbnail(row) {
    const preview = payload(`data/previews/${row.id}-${row.image ? "after" : "before"}.jpg`);
    const [, set, size] = (thumbs && /^([0-9a-f]{32})\/([0-9]+,[0-9]+)$/.exec(row.thumb)) || [];
    const image = make("img", { src: set ? `../tiles/${set}/full/${size}/0/default.jpg` : preview, alt: story.altText(row), loading: "lazy", decoding: "async" });
    if (set) image.addEventListener("error", () => { thumbs = false; image.src = preview; }, { once: true });
    return image;
  }

  function picture(i, row) {
    if (!row) return make("span", { class: "picture" });
    if (!catalogue.ratio(i)) {
      return make("span", { class: "absent" },
        make("span", { class: "absent-state", text: story.stateOf(row) }), make("span", { class: "absent-reason", text: story.whyNot(row) }));
    }
    return make("span", { class: "picture" },
      thumbnail(row),
      row.ai ? make("span", { class: "label", "aria-hidden": "true", text: t("label.ai") }) : null,
      row.shown === "original" ? make("span", { class: "label label-scan", "aria-hidden": "true", text: story.badge(row) }) : null);
  }

  /* A picture's alternative text says all that its caption says, so the caption is not read out as well. */
  function card(i, position, total) {
    const row = catalogue.row(i);
    const spoken = row && !catalogue.ratio(i);
    const link = make("a", { class: "card", href: `#photo/${catalogue.name(i)}`, "data-number": i, tabindex: "-1", "aria-label": row ? null : t("grid.loading", { n: position + 1 }) },
      picture(i, row),
      make("span", { class: "caption", "aria-hidden": spoken ? null : "true" },
        make("span", { class: "name", dir: "auto", text: row ? story.titleOf(row) : "" }),
        row?.date ? make("span", { class: "date", dir: "auto", text: row.date }) : null));
    return make("div", { role: "listitem", class: "cell", "aria-posinset": position + 1, "aria-setsize": total }, link);
  }

  /* -- the rows near the window -- */

  function createGrid(container, { onNeed }) {
    let list = [];
    let plan = { rows: [], gap: 20, height: 0 };
    let active = 0;
    const drawn = new Map();

    function draw(number) {
      const row = plan.rows[number];
      const line = make("div", { class: "line", role: "presentation" });
      line.style.top = `${row.top}px`;
      line.style.gap = `${plan.gap}px`;
      for (let position = row.start; position < row.end; position += 1) {
        const i = list[position];
        const cell = card(i, position, list.length);
        cell.style.width = `${ratioOf(i) * row.height}px`;
        cell.firstChild.firstChild.style.height = `${row.height}px`;
        if (!catalogue.row(i)) line.dataset.waiting = "";
        line.append(cell);
      }
      return line;
    }

    function put(number) {
      const line = draw(number);
      const after = [...drawn.keys()].filter((n) => n > number).sort((a, b) => a - b)[0];
      container.insertBefore(line, after === undefined ? null : drawn.get(after));
      drawn.set(number, line);
    }

    function drop(number) {
      drawn.get(number).remove();
      drawn.delete(number);
    }

    const linkAt = (position) => {
      const i = list[position];
      return [...container.querySelectorAll("a.card")].find((link) => Number(link.dataset.number) === i) || null;
    };

    function rowAt(offset) {
      let low = 0;
      let high = plan.rows.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (plan.rows[middle].top + plan.rows[middle].height + CAPTION < offset) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    function rowOf(position) {
      let low = 0;
      let high = plan.rows.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (plan.rows[middle].end <= position) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    const above = () => -container.getBoundingClientRect().top;

    function update() {
      const start = above();
      const margin = window.innerHeight * 0.8;
      const first = rowAt(start - margin);
      let last = first;
      while (last < plan.rows.length && plan.rows[last].top < start + window.innerHeight + margin) last += 1;
      for (const [number, line] of drawn) {
        if ((number < first || number >= last) && !line.contains(document.activeElement)) drop(number);
      }
      for (let number = first; number < last; number += 1) if (!drawn.has(number)) put(number);
      keepOneTabStop(start);
      if (last > first) need(plan.rows[first].start, plan.rows[last - 1].end);
    }

    /* One card can be reached by Tab: the last one that had the focus while it is near, else the first in view. */
    function keepOneTabStop(start) {
      if (!list.length) return;
      if (!linkAt(active)) active = plan.rows[Math.min(rowAt(start + CAPTION), plan.rows.length - 1)].start;
      for (const link of container.querySelectorAll("a.card[tabindex='0']")) link.tabIndex = -1;
      const link = linkAt(active);
      if (link) link.tabIndex = 0;
    }

    function need(from, to) {
      const shards = new Set();
      for (let position = from; position < to; position += 1) if (!catalogue.row(list[position])) shards.add(catalogue.shardOf(list[position]));
      if (shards.size) onNeed(shards);
    }

    /* Rows have come: fill the places that waited for them. */
    function fill() {
      for (const [number, line] of [...drawn]) {
        if (line.dataset.waiting === undefined) continue;
        const focused = line.contains(document.activeElement);
        drop(number);
        put(number);
        if (focused) focusAt(active);
      }
      keepOneTabStop(above());
    }

    function relayout() {
      plan = layout(list, container.clientWidth);
      container.style.height = `${plan.height}px`;
      container.replaceChildren();
      drawn.clear();
      update();
    }

    function scrollTo(position) {
      const row = plan.rows[rowOf(position)];
      const top = container.getBoundingClientRect().top + row.top;
      const covered = 96;
      if (top < covered || top + row.height > window.innerHeight) window.scrollBy({ top: top - covered - 40, behavior: "instant" });
      update();
    }

    function focusAt(position) {
      active = Math.min(Math.max(position, 0), list.length - 1);
      scrollTo(active);
      linkAt(active)?.focus({ preventScroll: true });
    }

    /* The card of the next or last row that lies nearest below or above. */
    function vertical(by) {
      const here = rowOf(active);
      const there = plan.rows[here + by];
      if (!there) return active;
      const middles = (row) => {
        let left = 0;
        return Array.from({ length: row.end - row.start }, (_, k) => {
          const width = ratioOf(list[row.start + k]) * row.height;
          left += width + plan.gap;
          return left - plan.gap - width / 2;
        });
      };
      const x = middles(plan.rows[here])[active - plan.rows[here].start];
      const distances = middles(there).map((middle) => Math.abs(middle - x));
      return there.start + distances.indexOf(Math.min(...distances));
    }

    const KEYS = {
      ArrowLeft: () => active - 1,
      ArrowRight: () => active + 1,
      ArrowUp: () => vertical(-1),
      ArrowDown: () => vertical(1),
      PageUp: () => plan.rows[Math.max(0, rowOf(active) - 3)].start,
      PageDown: () => plan.rows[Math.min(plan.rows.length - 1, rowOf(active) + 3)].start,
      Home: () => 0,
      End: () => list.length - 1,
    };
    container.addEventListener("keydown", (event) => {
      const target = KEYS[event.key];
      if (!target || event.ctrlKey || event.altKey || event.metaKey || !event.target.closest("a.card")) return;
      event.preventDefault();
      focusAt(target());
    });
    container.addEventListener("focusin", (event) => {
      const link = event.target.closest("a.card");
      if (link) active = list.indexOf(Number(link.dataset.number));
    });

    let waiting = false;
    window.addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; update(); });
    }, { passive: true });

    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(container.clientWidth - width) < 1) return;
      const first = top();
      width = container.clientWidth;
      relayout();
      if (first > 0) restore(first);
    }).observe(container);

    function show(photos) {
      list = photos;
      active = 0;
      width = container.clientWidth;
      relayout();
    }

    /* Position of the first photograph in view, 0 where the top of the page is. */
    function top() {
      const start = above();
      if (start <= 0 || !plan.rows.length) return 0;
      return plan.rows[Math.min(rowAt(start + CAPTION), plan.rows.length - 1)].start;
    }

    function restore(position) {
      if (position <= 0 || position >= list.length) return;
      window.scrollBy({ top: container.getBoundingClientRect().top + plan.rows[rowOf(position)].top - 96, behavior: "instant" });
      update();
    }

    return { show, fill, redraw: relayout, top, restore, focusOn: (i) => { const at = list.indexOf(i); if (at >= 0) focusAt(at); } };
  }

  window.Archive.createGrid = createGrid;
})();
