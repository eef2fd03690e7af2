/* One photograph at a time, in a dialog over the list. */
"use strict";
(function () {
  const { make, byId, catalogue, stage, panel, story, language } = window.Archive;
  const { t } = language;

  /* `list()` gives the photographs among which to leaf; `address(number)` the link of one; `onClose(number)` is told. */
  function createViewer({ facts, list, address, onClose }) {
    const dialog = byId("viewer");
    let open = -1;

    function drawPlace() {
      const all = list();
      const place = all.indexOf(open);
      byId("place").textContent = place < 0 ? "" : t("place", { n: place + 1, total: all.length });
      byId("previous").disabled = place <= 0;
      byId("next").disabled = place < 0 || place >= all.length - 1;
      byId("views").replaceChildren();
    }

    async function show(i, { focus = true } = {}) {
      open = i;
      drawPlace();
      if (!dialog.open) dialog.showModal();
      document.documentElement.classList.add("viewing");
      await catalogue.load(catalogue.shardOf(i));
      if (open !== i) return;
      const row = catalogue.row(i);
      stage.clear();
      byId("panel").replaceChildren(make("h2", { id: "photo-title", dir: "auto", text: story.titleOf(row) }));
      document.title = `${story.titleOf(row)} · ${facts.title}`;
      const details = await catalogue.details(i);
      if (open !== i) return;
      panel.fill(byId("panel"), row, details);
      const toFocus = stage.draw(row, details, facts);
      if (focus) (toFocus || (() => byId("close").focus({ preventScroll: true })))();
    }

    function step(by) {
      const all = list();
      const next = all[all.indexOf(open) + by];
      if (open >= 0 && next !== undefined && all.includes(open)) {
        history.replaceState(history.state, "", address(next));
        show(next);
      }
    }

    dialog.addEventListener("close", () => {
      document.documentElement.classList.remove("viewing");
      const last = open;
      open = -1;
      stage.clear();
      byId("views").replaceChildren();
      onClose(last);
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest("[role=slider], [role=application], .table") || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    });
    byId("close").addEventListener("click", () => dialog.close());
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));

    return {
      show,
      close: () => { if (dialog.open) dialog.close(); },
      redraw: () => { if (open >= 0) show(open, { focus: false }); },
      get open() { return open; },
    };
  }

  window.Archive.createViewer = createViewer;
})();
