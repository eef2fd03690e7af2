/* Making elements from data, and loading data. Text only ever goes in as text, so no title can become markup. */
"use strict";
(function () {
  window.Archive = {};

  function make(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "class") element.className = value;
      else if (name === "text") element.textContent = value;
      else element.setAttribute(name, value === true ? "" : String(value));
    }
    element.append(...children.filter(Boolean));
    return element;
  }

  function button(properties, onClick) {
    const element = make("button", { type: "button", ...properties });
    element.addEventListener("click", onClick);
    return element;
  }

  /* Payload names are generated; anything else in their place is refused rather than linked. */
  function payload(path) {
    if (!/^data\/[a-z]+\/[A-Za-z0-9._-]+$/.test(path)) throw new Error("not a payload path");
    return path;
  }

  function loadScript(path) {
    return new Promise((resolve, reject) => {
      const script = make("script", { src: path });
      script.addEventListener("load", () => { script.remove(); resolve(); });
      script.addEventListener("error", () => { script.remove(); reject(new Error(`${path} could not be loaded`)); });
      document.head.append(script);
    });
  }

  /* A shard of data by its name, loaded once; one that failed is asked for again. */
  const loading = new Map();
  async function data(name) {
    const store = (window.ARCHIVE_DATA = window.ARCHIVE_DATA || {});
    if (!(name in store)) {
      if (!loading.has(name)) loading.set(name, loadScript(`gallery/${name}.js`));
      await loading.get(name).finally(() => loading.delete(name));
    }
    return store[name];
  }

  const shardName = (kind, number) => `${kind}-${String(number).padStart(5, "0")}`;
  const byId = (id) => document.getElementById(id);

  /* Pages from disk may have no storage, so what is kept between visits is only ever a convenience. */
  const memory = {
    get(key) { try { return localStorage.getItem(`archive-${key}`); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(`archive-${key}`, value); } catch { /* no storage: nothing is kept */ } },
  };

  Object.assign(window.Archive, { make, button, payload, loadScript, data, shardName, byId, memory });
})();
