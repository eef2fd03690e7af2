/* Making elements from data. Text only ever goes in as text, so no name or title can become markup. */
"use strict";
(function () {
  function make(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "class") element.className = value;
      else if (name === "text") element.textContent = value;
      else element.setAttribute(name, value === true ? "" : String(value));
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
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
      script.addEventListener("load", () => resolve());
      script.addEventListener("error", () => reject(new Error(`${path} could not be loaded`)));
      document.head.append(script);
    });
  }

  /* A shard of data by its name, loaded once. */
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

  Object.assign(window.Archive, { make, payload, data, shardName });
})();
