/* Making elements from data. Text only ever goes in as text, so no name or title can become markup. */

export function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/* The same for parts of drawings. */
export function svg(tag, properties, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties || {})) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

export const button = (text, action, more = {}) => make("button", { type: "button", class: "quiet", text, onclick: action, ...more });

/* Says something to everybody, also to those who listen. */
export function announce(text) {
  const place = byId("announce");
  place.textContent = "";
  setTimeout(() => { place.textContent = text; }, 30);
}
