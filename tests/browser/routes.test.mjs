// The matrix: every route of the API's document x {anonymous, unprivileged, audited}. A new route fails here until it
// answers to both as the others do.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { start } from "./harness.mjs";

/** method and path of every operation in the document, in its order. */
function operations() {
  const found = [];
  let path;
  for (const line of execFileSync(process.env.WEIR_BIN, ["openapi"], { encoding: "utf8" }).split("\n")) {
    const at = /^  (\/api\/\S+):$/.exec(line);
    const method = /^    (get|post|put|patch|delete):$/.exec(line);
    if (at) path = at[1];
    else if (method && path) found.push([method[1].toUpperCase(), path]);
    else if (/^\S/.test(line)) path = undefined;
  }
  return found;
}

const UUID = "01a20af3-ec97-7241-9d9f-63939e0b2b34";
const SEGMENTS = { catalog: "lake", namespace: "samples", table: "customers", field_id: "1", number: "1", id: UUID, run: UUID, crawler: "samples", name: "ann", member: "sam" };
/** A body that would do something if its sender were allowed to. */
const BODIES = {
  "POST /api/v1/catalogs": { name: "stolen" },
  "POST /api/v1/catalogs/{catalog}/namespaces": { name: "stolen" },
  "PATCH /api/v1/catalogs/{catalog}/namespaces/{namespace}": { version: 0, definition: "stolen" },
  "PATCH /api/v1/catalogs/{catalog}/namespaces/{namespace}/tables/{table}": { version: 0, definition: "stolen" },
  "PATCH /api/v1/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/columns/{field_id}": { version: 0, definition: "stolen" },
  "POST /api/v1/catalogs/{catalog}/namespaces/{namespace}/dropped-tables/{id}/undrop": {},
  "PUT /api/v1/catalogs/{catalog}/namespaces/{namespace}/tables/{table}/protection": { protected: true },
  "POST /api/v1/grants": { principal: "spark", privileges: ["ALL"], on: {} },
  "POST /api/v1/principals": { name: "mallory", kind: "group" },
  "POST /api/v1/principals/{name}/members": { member: "spark" },
  "POST /api/v1/locations": { name: "stolen", url: "file:///etc" },
  "PUT /api/v1/locations/{name}/credential": { access_key_id: "stolen", secret_access_key: "stolen" },
  "POST /api/v1/crawlers": { name: "stolen", location: "samples", catalog: "lake", namespace: "samples" },
  "PATCH /api/v1/crawlers/{crawler}": { version: 1, enabled: false },
};
/** Open to everybody who is somebody; lists among them show nothing to who may see nothing. */
const OPEN = new Set(["DELETE /api/v1/tokens/current", "GET /api/v1/me", "GET /api/v1/catalogs", "GET /api/v1/locations", "GET /api/v1/crawlers", "GET /api/v1/gateway"]);

describe("every route", () => {
  let weir, admin, engine;
  const token = async (body) => (await (await fetch(`${weir.management}/tokens`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json()).token;
  const call = (bearer, method, path, body) => fetch(new URL(path, weir.management), {
    method, headers: { ...(bearer && { authorization: `Bearer ${bearer}` }), ...(body && { "content-type": "application/json" }) }, body: body && JSON.stringify(body),
  });

  before(async () => {
    weir = await start();
    const { password } = weir.principal("admin");
    admin = await token({ name: "admin", password });
    const { client_id, client_secret } = weir.principal("duckdb");
    engine = await token({ client_id, client_secret });
  });
  after(() => weir?.stop());

  test("the document has them all", () => {
    assert.ok(operations().length >= 40, `${operations().length} operations`);
  });

  test("refuses who is nobody, shows nothing to who holds nothing, and leaves a row of each refusal", async () => {
    for (const [method, path] of operations()) {
      const route = `${method} ${path}`;
      if (route === "POST /api/v1/tokens") continue;
      const address = path.replace(/\{(\w+)\}/g, (_, name) => SEGMENTS[name] ?? assert.fail(`${route}: no value for ${name}`));
      const body = BODIES[route] ?? (method === "PATCH" ? assert.fail(`${route}: no body`) : undefined);
      const nobody = await call(undefined, method, address, body);
      assert.equal(nobody.status, 401, `${route} anonymous`);
      assert.equal(nobody.headers.get("content-type"), "application/problem+json");
      if (route === "DELETE /api/v1/tokens/current") continue;
      const answer = await call(engine, method, address, body);
      const text = await answer.text();
      if (OPEN.has(route)) {
        assert.equal(answer.status, 200, route);
        assert.deepEqual(JSON.parse(text).items ?? [], [], `${route} shows something`);
        continue;
      }
      assert.ok([403, 404].includes(answer.status), `${route}: ${answer.status} ${text}`);
      const denied = await (await call(admin, "GET", "/api/v1/audit?outcome=denied&principal=duckdb&limit=1")).json();
      assert.equal(denied.items[0]?.request_id, answer.headers.get("x-request-id"), `${route} left no audit row`);
    }
    const catalogs = await (await call(admin, "GET", "/api/v1/catalogs")).json();
    assert.deepEqual(catalogs.items.map((catalog) => catalog.name), ["lake"]);
  });
});
