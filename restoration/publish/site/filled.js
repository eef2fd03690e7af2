/* Where a computer filled the picture: a mask, tinted, over the restored picture; a button; and a legend. */
"use strict";
(function () {
  const { make, button, payload, byId, language } = window.Archive;
  const { t, named, number } = language;
  let on = false;

  const of = (details) => (details.filled?.mask ? details.filled : null);
  const percent = (share) => (share < 0.001 ? t("share.tiny") : t("share.exact", { share: number(share * 100, 1) }));

  function kinds(filled, join) {
    return (filled.kinds || []).map((one) => join(named("damage", one.kind), one));
  }

  /* For the list of what was done. */
  function line(details) {
    const filled = of(details);
    if (!filled) return "";
    const net = (filled.kinds || []).some((one) => one.net);
    return t(net ? "story.filled_net" : "story.filled", { share: percent(filled.share), kinds: kinds(filled, (name) => name).join(", ") });
  }

  function drawLegend(filled) {
    const place = byId("legend");
    if (!filled || !on) { place.replaceChildren(); return; }
    const told = kinds(filled, (name, one) => t(one.net ? "filled.kind_net" : "filled.kind", { kind: name, share: percent(one.share) }));
    place.replaceChildren(make("p", {}, make("span", { class: "swatch", "aria-hidden": "true" }), make("span", { text: t("filled.shaded") })),
      make("ul", {}, ...told.map((text) => make("li", { text }))));
  }

  /* The picture to lay over the restored one; its name is said by the legend. */
  const overlay = (filled) => make("img", { class: "filled-mask", src: payload(filled.mask), alt: "", draggable: "false" });

  /* A button that shades and clears `shade` (given the overlay, or null); null where nothing was filled. */
  function toggle(details, shade) {
    const filled = of(details);
    drawLegend(filled);
    if (!filled) return null;
    const show = () => { shade(on ? overlay(filled) : null); drawLegend(filled); };
    show();
    return button({ class: "chip", id: "show-filled", "aria-pressed": String(on), text: t("filled.show") }, (event) => {
      on = !on;
      event.currentTarget.setAttribute("aria-pressed", String(on));
      show();
    });
  }

  window.Archive.filled = { line, toggle, percent, clear: () => byId("legend").replaceChildren() };
})();
