// Requests without a browser: exactly the headers that a test names, and no redirect followed.

import assert from "node:assert/strict";
import http from "node:http";

/** Sends a request and gives back its status, its headers and its text. */
export function send(url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, timeout: 20_000 }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode, headers: response.headers, bytes: bytes.length, text: bytes.toString() });
      });
    });
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error(`${method} ${url} was not answered in time`)));
    request.end(body);
  });
}

/** Sends a form as a browser does that stands on a page of the console. `fields` are pairs, as names may repeat. */
export function submit(url, cookie, fields, headers = { "sec-fetch-site": "same-origin" }) {
  const body = new URLSearchParams(fields).toString();
  const sent = { "content-type": "application/x-www-form-urlencoded", ...headers };
  if (cookie) sent.cookie = cookie;
  return send(url, { method: "POST", headers: sent, body });
}

/** The management API, as one principal. */
export class Api {
  #base;
  #token;

  constructor(base, token) {
    this.#base = base;
    this.#token = token;
  }

  static async signIn({ management, principals }, name) {
    const { password } = principals.find((one) => one.name === name);
    const body = JSON.stringify({ name, password });
    const headers = { "content-type": "application/json" };
    const answer = await send(`${management}/tokens`, { method: "POST", headers, body });
    assert.equal(answer.status, 201, answer.text);
    return new Api(management, JSON.parse(answer.text).token);
  }

  async call(method, path, body) {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const answer = await send(this.#base + path, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, body: answer.text ? JSON.parse(answer.text) : undefined };
  }

  async get(path) {
    const { status, body } = await this.call("GET", path);
    assert.equal(status, 200, `GET ${path}: ${JSON.stringify(body)}`);
    return body;
  }

  /** All items of a list, page by page. */
  async all(path) {
    const items = [];
    let after = "";
    do {
      const page = await this.get(`${path}?limit=1000${after && `&after=${encodeURIComponent(after)}`}`);
      items.push(...page.items);
      after = page.next;
    } while (after);
    return items;
  }
}
