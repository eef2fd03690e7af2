/* Before and after in one frame, with a handle for mouse, touch and keyboard. */
"use strict";
(function () {
  const { make, language } = window.Archive;
  const { t } = language;
  const STEP = 2;
  const BIG_STEP = 10;

  function createSlider({ before, after, ratio, alt, altBefore, label }) {
    const handle = make("div", {
      class: "handle", role: "slider", tabindex: "0", "aria-label": t("slider.label"),
      "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    }, make("span", { class: "knob", "aria-hidden": "true" }));
    const frame = make("div", { class: "slider" },
      make("img", { class: "after", src: after, alt, draggable: "false" }),
      make("img", { class: "before", src: before, alt: altBefore, draggable: "false" }),
      make("span", { class: "side side-before", "aria-hidden": "true", text: t("before") }),
      make("span", { class: "side side-after", "aria-hidden": "true", text: t("after") }),
      label, handle);
    frame.style.setProperty("--ratio", String(ratio));

    let position = 50;
    function moveTo(value) {
      position = Math.min(100, Math.max(0, value));
      frame.style.setProperty("--position", `${position}%`);
      frame.classList.toggle("at-start", position < 14);
      frame.classList.toggle("at-end", position > 86);
      const rounded = Math.round(position);
      handle.setAttribute("aria-valuenow", String(rounded));
      handle.setAttribute("aria-valuetext", t("slider.value", { before: rounded, after: 100 - rounded }));
    }

    function follow(event) {
      const box = frame.getBoundingClientRect();
      moveTo(((event.clientX - box.left) / box.width) * 100);
    }

    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      frame.setPointerCapture(event.pointerId);
      follow(event);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    frame.addEventListener("pointermove", (event) => {
      if (frame.hasPointerCapture(event.pointerId)) follow(event);
    });
    /* Double-click: back to the middle. */
    frame.addEventListener("dblclick", () => moveTo(50));

    const KEYS = {
      ArrowLeft: (big) => position - (big ? BIG_STEP : STEP),
      ArrowDown: (big) => position - (big ? BIG_STEP : STEP),
      ArrowRight: (big) => position + (big ? BIG_STEP : STEP),
      ArrowUp: (big) => position + (big ? BIG_STEP : STEP),
      PageDown: () => position - BIG_STEP,
      PageUp: () => position + BIG_STEP,
      Home: () => 0,
      End: () => 100,
    };
    handle.addEventListener("keydown", (event) => {
      const target = KEYS[event.key];
      if (!target || event.ctrlKey || event.altKey || event.metaKey) return;
      moveTo(target(event.shiftKey));
      event.preventDefault();
      event.stopPropagation();
    });

    moveTo(50);
    let shading = null;
    function shade(mask) {
      shading?.remove();
      shading = mask;
      if (mask) frame.querySelector(".after").after(mask);
    }
    return { element: frame, focus: () => handle.focus({ preventScroll: true }), shade, destroy() {} };
  }

  window.Archive.createSlider = createSlider;
})();
