/* Light and dark: as the system has it, until a visitor says otherwise. */
"use strict";
(function () {
  const { byId, memory } = window.Archive;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    byId("theme").setAttribute("aria-pressed", String(theme === "dark"));
  }

  byId("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    setTheme(next);
    memory.set("theme", next);
  });
  dark.addEventListener("change", (event) => { if (!memory.get("theme")) setTheme(event.matches ? "dark" : "light"); });
  setTheme(memory.get("theme") || (dark.matches ? "dark" : "light"));
})();
