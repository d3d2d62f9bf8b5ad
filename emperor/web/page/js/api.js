// SPDX-License-Identifier: Apache-2.0
// The way to the emperor: requests with the token where there is one, and server-sent events by fetch (EventSource
// cannot send a token, nor tell why it failed).

const key = "emperor-token";
const hiddenFor = 1000; // ms until a hidden tab lets go of its streams

// Of this tab only: gone with it.
export const token = {
  get: () => sessionStorage.getItem(key) || "",
  set: (value) => (value ? sessionStorage.setItem(key, value) : sessionStorage.removeItem(key)),
};

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error?.message || `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

function headers() {
  const held = token.get();
  return held ? { Authorization: `Bearer ${held}` } : {};
}

async function json(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

// A token that is not valid (any more) is dropped, and "token-lost" told to the page: reading may go on without one.
async function read(path, signal) {
  const held = token.get();
  const response = await fetch(`/api/v1/${path}`, { headers: headers(), signal, cache: "no-store" });
  if (response.status === 401 && held && held === token.get()) {
    token.set("");
    dispatchEvent(new Event("token-lost"));
  }
  return response;
}

export const get = async (path, signal) => json(await read(path, signal));

export const post = async (path, body) =>
  json(await fetch(`/api/v1/${path}`, { method: "POST", headers: headers(), body: body ? JSON.stringify(body) : undefined }));

export const vassal = (name) => `vassals/${encodeURIComponent(name)}`;

// The events of one connection, in order; ends when the connection does. The format is WHATWG HTML 9.2, of which the
// emperor sends event and data lines and comments.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const lines = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      const of = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield of("data") === undefined ? { name: "heartbeat" } : { name: of("event"), data: JSON.parse(of("data")) };
    }
  }
}

// Resolves when the tab is looked at, or `signal` aborts.
const shown = (signal) =>
  new Promise((done) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });

// Aborts with `signal`, and once the tab was hidden for a moment.
function whileShown(signal) {
  const inner = new AbortController();
  let timer = 0;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => inner.abort(), hiddenFor);
  };
  document.addEventListener("visibilitychange", look);
  inner.signal.addEventListener("abort", () => document.removeEventListener("visibilitychange", look));
  signal.addEventListener("abort", () => inner.abort(), { signal: inner.signal });
  return inner;
}

// Calls on_event(name, data) until `signal` aborts; connects again and again, sooner at first. on_link says "live", "gone"
// (nobody answers), "paused" or an ApiError. A browser has six connections to a server for all its tabs together, and a
// stream holds one: a hidden tab lets go of it.
export async function follow(path, signal, onEvent, onLink) {
  let pause = 250;
  while (!signal.aborted) {
    await shown(signal);
    if (signal.aborted) return;
    const inner = whileShown(signal);
    try {
      const response = await read(path, inner.signal);
      if (!response.ok) await json(response);
      for await (const event of events(response)) {
        pause = 250;
        onEvent(event.name, event.data);
        onLink("live");
      }
      if (!signal.aborted) onLink("gone");
    } catch (error) {
      if (signal.aborted) return;
      if (inner.signal.aborted) {
        onLink("paused");
        continue;
      }
      onLink(error instanceof ApiError ? error : "gone");
    } finally {
      inner.abort();
    }
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 1.6, 4000);
  }
}
