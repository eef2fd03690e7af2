/* The list that a person works through: photographs of one collection under one filter, loaded page by page. */
import { api } from "./api.js";

const PAGE = 100;
const MOST_PAGES_TO_FIND = 10;

export class Queue {
  constructor(name, which, reason) {
    this.name = name;
    this.which = which;
    this.reason = reason || "";
    this.items = [];
    this.next = null;
    this.started = false;
  }

  isFor(name, which, reason) {
    return this.name === name && this.which === which && this.reason === (reason || "");
  }

  get complete() { return this.started && this.next === null; }

  async more() {
    if (this.complete) return;
    const page = await api.photos(this.name, { which: this.which, reason: this.reason, after: this.next, limit: PAGE });
    this.started = true;
    this.items.push(...page.items);
    this.next = page.next;
  }

  place(id) { return this.items.findIndex((item) => item.photo_id === id); }

  /* Load pages until the photograph is among them; it may not be in this list at all. */
  async find(id) {
    for (let pages = 0; pages < MOST_PAGES_TO_FIND && this.place(id) < 0 && !this.complete; pages += 1) await this.more();
    return this.place(id);
  }

  /* The photograph before or behind; where people work off what waits, decided ones are passed over. */
  async neighbour(id, by, skipDecided) {
    let place = this.place(id);
    for (;;) {
      place += by;
      if (place >= this.items.length && !this.complete) await this.more();
      const item = this.items[place];
      if (!item) return null;
      if (!skipDecided || !item.decision) return item;
    }
  }

  update(item) {
    const place = this.place(item.photo_id);
    if (place >= 0) this.items[place] = item;
  }

  /* What addresses of photographs of this list carry. */
  get query() {
    const values = new URLSearchParams();
    if (this.which !== "waiting") values.set("which", this.which);
    if (this.reason) values.set("reason", this.reason);
    const text = values.toString();
    return text ? `?${text}` : "";
  }
}
