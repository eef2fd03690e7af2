/* Before and after in one frame, with a handle for mouse, touch and keyboard. */
"use strict";
(function () {
  const { make } = window.Archive;
  const STEP = 2;
  const BIG_STEP = 10;

  function createSlider({ before, after, ratio, alt, label, review }) {
    const handle = make("div", {
      class: "handle", role: "slider", tabindex: "0", "aria-label": "Divide between before and after",
      "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    }, make("span", { class: "knob", "aria-hidden": "true" }));
    const frame = make("div", { class: "slider" },
      make("img", { class: "after", src: after, alt, draggable: "false" }),
      make("img", { class: "before", src: before, alt: "The scan before restoration", draggable: "false" }),
      make("span", { class: "side side-before", "aria-hidden": "true", text: "Before" }),
      make("span", { class: "side side-after", "aria-hidden": "true", text: "After" }),
      label ? make("span", { class: "label label-stage", text: label }) : null,
      review ? make("span", { class: "label label-review", text: review }) : null,
      handle);
    frame.style.setProperty("--ratio", String(ratio));

    let position = 50;
    function moveTo(value) {
      position = Math.min(100, Math.max(0, value));
      frame.style.setProperty("--position", `${position}%`);
      frame.classList.toggle("at-start", position < 14);
      frame.classList.toggle("at-end", position > 86);
      const rounded = Math.round(position);
      handle.setAttribute("aria-valuenow", String(rounded));
      handle.setAttribute("aria-valuetext", `${rounded} percent before, ${100 - rounded} percent after`);
    }

    function follow(event) {
      const box = frame.getBoundingClientRect();
      moveTo(((event.clientX - box.left) / box.width) * 100);
    }

    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      frame.setPointerCapture(event.pointerId);
      frame.classList.add("dragging");
      follow(event);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    frame.addEventListener("pointermove", (event) => {
      if (frame.hasPointerCapture(event.pointerId)) follow(event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, () => frame.classList.remove("dragging"));
    }

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
    return { element: frame, handle, moveTo };
  }

  window.Archive.createSlider = createSlider;
})();
