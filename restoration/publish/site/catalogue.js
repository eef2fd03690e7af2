/* All photographs: an index of everything, and rows with titles that load by shards as they are needed. */
"use strict";
(function () {
  const { data, shardName } = window.Archive;
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef";
  const FLAGS = { altered: 1, coloured: 2, own: 4, gray: 8, faces: 16 };
  const GROUPS = { r: "restored", a: "awaiting", o: "original", f: "failed", l: "left_out", p: "pending", w: "withdrawn" };
  const AT_ONCE = 6;

  const names = [];
  const ratios = [];
  const years = [];
  const groups = [];
  const flags = [];
  const numbers = new Map();
  const shards = [];
  let sizes = { photos: 250, details: 50 };

  const nameOf = (number) => String(number).padStart(8, "0");

  function take(columns) {
    let name = 0;
    columns.names.forEach((difference, i) => {
      name += difference;
      numbers.set(nameOf(name), names.length);
      names.push(nameOf(name));
      ratios.push(columns.ratios[i] / 100);
      years.push(columns.years[i]);
      groups.push(GROUPS[columns.groups[i]]);
      flags.push(LETTERS.indexOf(columns.flags[i]));
    });
  }

  /* Read the index; gives the facts of the collection. */
  async function open() {
    const facts = await data("collection");
    sizes = facts.shards;
    for (let part = 0; part === 0 || names.length < facts.photos; part += 1) take(await data(shardName("index", part)));
    return facts;
  }

  const shardOf = (i) => Math.floor(i / sizes.photos);
  const row = (i) => shards[shardOf(i)]?.[i % sizes.photos] ?? null;

  async function load(shard) {
    if (!shards[shard]) shards[shard] = await data(shardName("photos", shard));
    return shards[shard];
  }

  const details = async (i) => (await data(shardName("details", Math.floor(i / sizes.details))))[names[i]];

  /* Every row, in any order, a few shards at a time; `visit(first number, rows)` for each shard. */
  async function eachShard(visit) {
    const count = Math.ceil(names.length / sizes.photos);
    let next = 0;
    async function work() {
      while (next < count) {
        const shard = next;
        next += 1;
        visit(shard * sizes.photos, await load(shard));
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  window.Archive.catalogue = {
    FLAGS, open, load, shardOf, row, details, eachShard,
    get count() { return names.length; },
    name: (i) => names[i], ratio: (i) => ratios[i], year: (i) => years[i], group: (i) => groups[i], flags: (i) => flags[i],
    find: (name) => numbers.get(name) ?? -1,
  };
})();
