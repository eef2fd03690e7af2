/* Zoom and pan to full size: with OpenSeadragon and tiles where both are there, else with the plain picture. */
"use strict";
(function () {
  const { make, button, language, loadScript } = window.Archive;
  const { t } = language;
  const STEP = 1.5;
  const MOST = 4;
  const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  /* -- a zoom of its own -- */

  function ownZoom(box, pictures) {
    const image = make("img", { class: "zoomed", alt: "", draggable: "false" });
    let shading = null;
    box.replaceChildren(image);
    const natural = { width: pictures.width, height: pictures.height };
    let fit = 1;
    let scale = 0;
    let x = 0;
    let y = 0;
    const pointers = new Map();

    function place() {
      const room = { width: box.clientWidth, height: box.clientHeight };
      const size = { width: natural.width * scale, height: natural.height * scale };
      const kept = (at, inside, outside) => (inside <= outside ? (outside - inside) / 2 : Math.min(0, Math.max(outside - inside, at)));
      x = kept(x, size.width, room.width);
      y = kept(y, size.height, room.height);
      for (const one of [image, shading].filter(Boolean)) {
        one.style.width = `${natural.width}px`;
        one.style.height = `${natural.height}px`;
        one.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      }
      box.dataset.scale = (scale / fit).toFixed(2);
    }

    function zoomTo(wanted, at = { x: box.clientWidth / 2, y: box.clientHeight / 2 }) {
      const next = Math.min(Math.max(MOST, fit * MOST), Math.max(fit, wanted));
      x = at.x - ((at.x - x) * next) / scale;
      y = at.y - ((at.y - y) * next) / scale;
      scale = next;
      place();
    }

    function refit() {
      const kept = scale && fit ? scale / fit : 1;
      fit = Math.min(box.clientWidth / natural.width, box.clientHeight / natural.height) || 1;
      scale = fit * Math.max(1, kept);
      place();
    }

    const inside = (event) => {
      const frame = box.getBoundingClientRect();
      return { x: event.clientX - frame.left, y: event.clientY - frame.top };
    };
    const spread = (points) => Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y);
    const middle = (points) => ({ x: (points[0].x + points[1].x) / 2, y: (points[0].y + points[1].y) / 2 });

    const handlers = {
      wheel(event) {
        event.preventDefault();
        zoomTo(scale * Math.exp(-event.deltaY / 400), inside(event));
      },
      pointerdown(event) {
        if (event.button !== 0) return;
        box.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, inside(event));
      },
      pointermove(event) {
        if (!pointers.has(event.pointerId)) return;
        const old = [...pointers.values()];
        pointers.set(event.pointerId, inside(event));
        const now = [...pointers.values()];
        const from = old.length > 1 ? middle(old) : old[0];
        const to = now.length > 1 ? middle(now) : now[0];
        x += to.x - from.x;
        y += to.y - from.y;
        if (now.length > 1) zoomTo((scale * spread(now)) / Math.max(1, spread(old)), to);
        else place();
      },
      pointerup: (event) => pointers.delete(event.pointerId),
      pointercancel: (event) => pointers.delete(event.pointerId),
      dblclick: (event) => (scale > fit * 1.01 ? zoomTo(fit) : zoomTo(Math.max(1, fit * 2.5), inside(event))),
    };
    for (const [name, handler] of Object.entries(handlers)) box.addEventListener(name, handler, { passive: false });
    const observer = new ResizeObserver(refit);
    observer.observe(box);
    refit();

    return {
      by: (factor) => zoomTo(scale * factor),
      fit: () => zoomTo(fit),
      pan(dx, dy) { x -= dx * 60; y -= dy * 60; place(); },
      show(which) { image.src = pictures[which].plain; image.alt = pictures[which].alt; },
      shade(mask) {
        shading?.remove();
        shading = mask;
        if (!mask) return;
        mask.classList.add("zoomed-mask");
        image.after(mask);
        place();
      },
      destroy() {
        observer.disconnect();
        for (const [name, handler] of Object.entries(handlers)) box.removeEventListener(name, handler);
      },
    };
  }

  /* -- OpenSeadragon -- */

  /* Tiles by the IIIF Image API, level 0, whose description lies beside them; it is not asked for, because what it says
     follows from the picture's size, and because its address is that of the first place they were published at. */
  function tileSource(picture, pictures) {
    if (!picture.tiles || location.protocol === "file:") return { type: "image", url: picture.plain };
    const side = picture.side;
    const [width, height] = picture.size || [pictures.width, pictures.height];
    const factors = [1];
    while (Math.max(width, height) / factors.at(-1) > side) factors.push(factors.at(-1) * 2);
    return {
      "@context": "http://iiif.io/api/image/3/context.json", id: new URL(picture.tiles, location.href).href,
      type: "ImageService3", protocol: "http://iiif.io/api/image", profile: "level0", width, height,
      tiles: [{ width: side, height: side, scaleFactors: factors }],
    };
  }

  function osdZoom(box, pictures) {
    forestallStyle();
    const { OpenSeadragon } = window;
    const viewer = OpenSeadragon({
      element: box, drawer: "canvas", showNavigationControl: false, crossOriginPolicy: false, maxZoomPixelRatio: MOST,
      minZoomImageRatio: 1, visibilityRatio: 1, animationTime: still() ? 0 : 0.5, immediateRender: still(), preserveImageSizeOnResize: true,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, keyboardNavEnabled: false,
    });
    const items = {};
    let wanted = "after";
    const order = Object.keys(pictures).filter((which) => pictures[which].plain);
    for (const which of order) {
      const add = (source) => viewer.addTiledImage({
        tileSource: source, x: 0, y: 0, width: 1, opacity: which === wanted ? 1 : 0,
        success({ item }) {
          items[which] = item;
          item.setOpacity(which === wanted ? 1 : 0);
          box.dataset.pictures = Object.keys(items).sort().join(" ");
        },
        error: () => { if (source.type !== "image") add({ type: "image", url: pictures[which].plain }); },
      });
      add(tileSource(pictures[which], pictures));
    }
    /* A tile that can't be had: the plain picture in its place, once. */
    viewer.addHandler("tile-load-failed", ({ tiledImage }) => {
      const which = order.find((name) => items[name] === tiledImage);
      if (!which || !pictures[which].tiles) return;
      pictures[which] = { ...pictures[which], tiles: null };
      viewer.world.removeItem(tiledImage);
      viewer.addTiledImage({ tileSource: { type: "image", url: pictures[which].plain }, x: 0, y: 0, width: 1, opacity: which === wanted ? 1 : 0,
        success({ item }) { items[which] = item; item.setOpacity(which === wanted ? 1 : 0); } });
    });
    viewer.addHandler("update-viewport", () => { box.dataset.scale = (viewer.viewport.getZoom() / viewer.viewport.getHomeZoom()).toFixed(2); });
    const settle = () => viewer.viewport.applyConstraints(still());
    return {
      by(factor) { viewer.viewport.zoomBy(factor, null, still()); settle(); },
      fit: () => viewer.viewport.goHome(still()),
      pan(dx, dy) { viewer.viewport.panBy(new OpenSeadragon.Point(dx, dy).times(0.12 / viewer.viewport.getZoom()), still()); settle(); },
      show(which) {
        wanted = which;
        for (const [name, item] of Object.entries(items)) item.setOpacity(name === which ? 1 : 0);
      },
      shade(mask) {
        viewer.clearOverlays();
        if (mask) viewer.addOverlay({ element: mask, location: new OpenSeadragon.Rect(0, 0, 1, pictures.height / pictures.width) });
      },
      destroy: () => viewer.destroy(),
    };
  }

  /* OpenSeadragon writes a style sheet into the page that hides the focus, unless it finds this one. The page's rules
     (Content-Security-Policy) allow no style sheet in the page but an empty one, by its hash. */
  function forestallStyle() {
    if (!document.querySelector("style[data-openseadragon-mobile-css]")) {
      document.head.append(make("style", { "data-openseadragon-mobile-css": "true" }));
    }
  }

  async function engine(box, pictures, hasViewer) {
    if (hasViewer && !window.OpenSeadragon) {
      try {
        await loadScript("assets/vendor/openseadragon.min.js");
      } catch {
        return ownZoom(box, pictures);
      }
    }
    return hasViewer ? osdZoom(box, pictures) : ownZoom(box, pictures);
  }

  /* -- controls -- */

  /* `pictures`: {width, height, after, before}; each of both {plain, tiles, alt, side} or null. */
  function createZoom({ pictures, label, hasViewer }) {
    const box = make("div", { class: "zoom-box", tabindex: "0", role: "application", "aria-label": t("zoom.label"), "aria-roledescription": t("zoom.kind") });
    const spoken = make("p", { class: "hidden", role: "status" });
    let zoom = null;
    let gone = false;
    let which = pictures.after ? "after" : "before";
    let mask = null;
    const given = { ...pictures };
    if (!given.after) given.after = { plain: "" };
    if (!given.before) given.before = { plain: "" };

    const tool = (name, sign, act) => button({ class: "quiet round", "aria-label": t(`zoom.${name}`), title: t(`zoom.${name}`), text: sign }, act);
    const swap = pictures.after && pictures.before ? button({ class: "quiet swap", "aria-pressed": "false", text: t("zoom.scan") }, () => {
      which = which === "after" ? "before" : "after";
      swap.setAttribute("aria-pressed", String(which === "before"));
      tell();
    }) : null;
    function tell() {
      zoom?.show(which);
      zoom?.shade(which === "after" ? mask : null);
      spoken.textContent = given[which].alt;
      label?.classList.toggle("away", which === "before");
    }

    const element = make("div", { class: "zoom" }, box, label, spoken,
      make("div", { class: "zoom-tools" }, tool("in", "+", () => zoom?.by(STEP)), tool("out", "−", () => zoom?.by(1 / STEP)), tool("fit", "⤢", () => zoom?.fit()), swap));

    const KEYS = {
      "+": () => zoom.by(STEP), "=": () => zoom.by(STEP), "-": () => zoom.by(1 / STEP), 0: () => zoom.fit(),
      ArrowLeft: () => zoom.pan(-1, 0), ArrowRight: () => zoom.pan(1, 0), ArrowUp: () => zoom.pan(0, -1), ArrowDown: () => zoom.pan(0, 1),
    };
    box.addEventListener("keydown", (event) => {
      if (!zoom || !KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
      KEYS[event.key]();
      event.preventDefault();
      event.stopPropagation();
    });

    async function start() {
      const made = await engine(box, given, hasViewer);
      if (gone) { made.destroy(); return; }
      zoom = made;
      tell();
      element.dataset.ready = "";
    }
    function shade(given) {
      mask = given;
      zoom?.shade(which === "after" ? mask : null);
    }
    return { element, start, focus: () => box.focus({ preventScroll: true }), shade, destroy() { gone = true; zoom?.destroy(); } };
  }

  window.Archive.createZoom = createZoom;
})();
