/* Talking to the service. Every error is an ApiError with the service's own reason and words. */

export const ROOT = document.documentElement.dataset.root || "";

export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.message);
    this.status = status;
    this.reason = problem.reason;
    this.retryAfter = retryAfter;
  }
}

let whenSignedOut = () => {};
export function onSignedOut(action) { whenSignedOut = action; }

async function problemOf(response) {
  try { return (await response.json()).error; } catch { return { reason: "internal", message: `HTTP ${response.status}` }; }
}

async function send(method, path, body) {
  const headers = { accept: "application/json, image/jpeg" };
  if (method !== "GET") headers["x-restoration-review"] = "1";
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(`${ROOT}/api${path}`, { method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    throw new ApiError(0, { reason: "offline", message: String(error.message || error) });
  }
  if (!response.ok) {
    const error = new ApiError(response.status, await problemOf(response), Number(response.headers.get("retry-after")) || 0);
    if (error.reason === "not_signed_in") whenSignedOut();
    throw error;
  }
  return response;
}

async function call(method, path, body) {
  const response = await send(method, path, body);
  return response.status === 204 ? null : response.json();
}

const query = (values) => {
  const pairs = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
};

export const api = {
  session: () => call("GET", "/session"),
  signIn: (way, name, secret) => call("POST", "/session", { way, name, secret }),
  signOut: () => call("DELETE", "/session"),
  collections: () => call("GET", "/collections"),
  collection: (name) => call("GET", `/collections/${encodeURIComponent(name)}`),
  photos: (name, values) => call("GET", `/collections/${encodeURIComponent(name)}/photos${query(values)}`),
  photo: (id) => call("GET", `/photos/${id}`),
  decide: (id, body) => call("POST", `/photos/${id}/decision`, body),
  sheet: (name, run) => call("GET", `/collections/${encodeURIComponent(name)}/contact-sheet${query({ run })}`),
  colours: (name) => call("GET", `/collections/${encodeURIComponent(name)}/colours`),
  giveHint: (id, hint) => call("POST", `/photos/${id}/hints`, { hints: [hint] }),
  takeBack: (id, hint, reason) => call("POST", `/photos/${id}/hints/${hint}/removal`, { reason }),
  makeReady: () => call("POST", "/previews"),
  paint: async (id, hints) => (await send("POST", `/photos/${id}/hints/preview`, { hints })).blob(),
  tileInfo: (restoration, side) => call("GET", `/restorations/${restoration}/tiles/${side}/info.json`),
};

const pictures = (restoration) => `${ROOT}/api/restorations/${restoration}`;
export const previewUrl = (restoration, side) => `${pictures(restoration)}/preview/${side}`;
export const outputUrl = (restoration) => `${pictures(restoration)}/output`;
export const maskUrl = (restoration) => `${pictures(restoration)}/mask`;
export const tileUrl = (restoration, side, name) => `${pictures(restoration)}/tiles/${side}/${name}`;
