// What the console must never do, asked of it without a browser; in one only where the question is what a browser makes of it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Api, send, submit } from "./client.mjs";
import { start, until } from "./harness.mjs";

const TABLES = "/c/lake/samples";
const CUSTOMERS = `${TABLES}/customers`;
const API_TABLES = "/catalogs/lake/namespaces/samples/tables";
const NOBODY = "01a20af3-ec97-7241-9d9f-63939e0b2b34";

let weir;
let api;
let cookies;
before(async () => {
  weir = await start();
  api = await Api.signIn(weir, "admin");
  cookies = { anonymous: undefined };
  for (const name of ["admin", "sam", "ann"]) cookies[name] = await weir.cookie(name);
});
after(() => weir?.stop());

const get = (path, cookie, headers = {}) => send(weir.href(path), { headers: cookie ? { ...headers, cookie } : headers });
const post = (path, cookie, fields, headers) => submit(weir.href(path), cookie, fields, headers);

const edit = (was, now, version = 0) => ({
  version, definition: now, was_definition: was, sensitivity: "", was_sensitivity: "",
});
const grant = (changes = {}) => ({
  principal: "ann", privileges: "SELECT", columns: "all", valid_until: "", reason: "", ...changes,
});

const keys = { credential_kind: "s3", access_key_id: "AKIAEXAMPLE", tenant_id: "", secret_access_key: "a-secret-that-nobody-may-see" };
/** A location that who may add one cannot add either: there is no such folder. */
const location = (changes = {}) => ({
  name: "stolen", url: "file:///no/such/folder", zone: "", endpoint: "", region: "", role: "", external_id: "", sts_endpoint: "", kms_key: "", folder: "", stands_for: "", credential: "", credential_kind: "s3", access_key_id: "", tenant_id: "",
  ...changes,
});

/** All that a request could have changed. */
async function state() {
  const tables = await api.all(API_TABLES);
  return JSON.stringify({
    tables,
    columns: await Promise.all(tables.map(({ name }) => api.all(`${API_TABLES}/${name}/columns`))),
    access: await Promise.all(tables.map(({ name }) => api.get(`${API_TABLES}/${name}/access`))),
    runs: (await api.all("/crawlers/samples/runs")).map(({ id }) => id),
    locations: await api.all("/locations"),
  });
}

const grantId = async (table, principal) => {
  const { grants } = await api.get(`${API_TABLES}/${table}/access`);
  return grants.find((one) => one.principal === principal && one.resource_kind === "table")?.id;
};

describe("a change that does not come from a page of the console", () => {
  const cases = [
    ["without a word on where it comes from", {}],
    ["from another origin", { origin: "https://evil.example" }],
    ["from an origin that hides itself", { origin: "null" }],
    ["from another port of this machine", { origin: "http://127.0.0.1:1" }],
    ["from the same port of another name", () => ({ origin: weir.console.replace("127.0.0.1", "evil.example") })],
    ["cross-site", { "sec-fetch-site": "cross-site" }],
    ["same-site", { "sec-fetch-site": "same-site" }],
    ["cross-site with our own origin", () => ({ "sec-fetch-site": "cross-site", origin: weir.console })],
    ["same-origin twice over", { "sec-fetch-site": "same-origin, cross-site" }],
  ];
  for (const [what, given] of cases) {
    test(`is refused and changes nothing: ${what}`, async () => {
      const headers = typeof given === "function" ? given() : given;
      const id = await grantId("airlines", "ann");
      const before = await state();
      for (const [path, fields] of [
        [`${CUSTOMERS}/-/columns/3`, edit("", "forged")],
        [`${CUSTOMERS}/-/annotate`, { ...edit("", "forged"), owner: "", was_owner: "", steward: "", was_steward: "" }],
        [`${CUSTOMERS}/-/grants`, grant()],
        [`${TABLES}/airlines/-/grants/${id}/revoke`, {}],
        ["/crawlers/samples/-/start", {}],
        ["/storage/-/new", location({ url: `file://${weir.dataDir}/postgres` })],
        ["/storage/samples/-/rotate", keys],
        ["/storage/samples/-/remove", {}],
        ["/logout", {}],
      ]) {
        const answer = await post(path, cookies.admin, fields, headers);
        assert.equal(answer.status, 403, path);
        assert.match(answer.text, /This did not come from the console/);
        assert.equal(answer.headers["set-cookie"], undefined);
      }
      assert.equal(await state(), before);
      assert.equal((await get("/", cookies.admin)).status, 200, "the session is still there");
    });
  }

  test("a sign-in from another site is refused too", async () => {
    const { password } = weir.principal("ann");
    const answer = await post("/login", undefined, { name: "ann", password }, { "sec-fetch-site": "cross-site" });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers["set-cookie"], undefined);
  });

  test("a form in another encoding, or with a field too many, twice or too few, changes nothing", async () => {
    const before = await state();
    const path = `${CUSTOMERS}/-/columns/3`;
    const body = JSON.stringify(edit("", "forged"));
    for (const type of ["application/json", "text/plain", "multipart/form-data; boundary=x"]) {
      const headers = { cookie: cookies.admin, "content-type": type, "sec-fetch-site": "same-origin" };
      assert.equal((await send(weir.href(path), { method: "POST", headers, body })).status, 422, type);
    }
    for (const fields of [
      [...Object.entries(edit("", "forged")), ["is_admin", "1"]],
      [...Object.entries(edit("", "forged")), ["version", "0"]],
      Object.entries(edit("", "forged")).slice(1),
    ]) {
      assert.equal((await post(path, cookies.admin, fields)).status, 422);
    }
    const large = await post(path, cookies.admin, edit("", "x".repeat(300_000)));
    assert.equal(large.status, 413);
    assert.equal(await state(), before);
  });
});

describe("the session cookie", () => {
  test("is out of reach of scripts, other hosts and plain http", async () => {
    const { password } = weir.principal("ann");
    const answer = await post("/login", undefined, { name: "ann", password });
    assert.equal(answer.status, 303);
    const [cookie, ...more] = answer.headers["set-cookie"];
    assert.deepEqual(more, []);
    const [pair, ...attributes] = cookie.split("; ");
    assert.match(pair, /^__Host-weir=weir_[\w-]{32,}$/);
    assert.deepEqual(attributes.sort(), ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);

    const out = await post("/logout", pair, {});
    assert.equal(out.status, 303);
    assert.match(out.headers["set-cookie"][0], /^__Host-weir=; Max-Age=0; /);
    assert.equal(out.headers["clear-site-data"], '"cache", "storage"');
    assert.equal((await get("/", pair)).status, 303, "the token itself has ended");
  });

  test("means nothing to the management API", async () => {
    for (const path of ["/me", "/catalogs", API_TABLES, "/crawlers", "/audit"]) {
      const answer = await send(weir.management + path, { headers: { cookie: cookies.admin, "sec-fetch-site": "same-origin" } });
      assert.equal(answer.status, 401, path);
    }
    const headers = { cookie: cookies.admin, "content-type": "application/json", "sec-fetch-site": "same-origin" };
    const made = await send(`${weir.management}/catalogs`, { method: "POST", headers, body: '{"name":"forged"}' });
    assert.equal(made.status, 401);
  });

  test("is what a page asks for: a bearer token opens none", async () => {
    const answer = await get("/", undefined, { authorization: `Bearer ${cookies.admin.split("=")[1]}` });
    assert.equal(answer.status, 303);
  });

  for (const [what, cookie] of [
    ["absent", undefined],
    ["empty", "__Host-weir="],
    ["made up", "__Host-weir=weir_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
    ["of another name", () => cookies.admin.replace("__Host-weir", "weir")],
    ["there twice", () => `${cookies.admin}; __Host-weir=x`],
    ["cut short", () => cookies.admin.slice(0, -1)],
    ["hostile", "__Host-weir=' or 1=1 --"],
  ]) {
    test(`leads to the sign-in page and back when it is ${what}`, async () => {
      const sent = typeof cookie === "function" ? cookie() : cookie;
      const answer = await get(`${CUSTOMERS}?edit=3`, sent);
      assert.equal(answer.status, 303);
      const to = new URL(answer.headers.location, weir.console);
      assert.equal(to.pathname, "/login");
      assert.equal(to.searchParams.get("next"), `${CUSTOMERS}?edit=3`);
      assert.doesNotMatch(answer.text, /customer_id/);
    });
  }

  test("that has ended keeps what was typed, and saves nothing", async () => {
    const before = await state();
    const answer = await post(`${CUSTOMERS}/-/columns/3`, "__Host-weir=gone", edit("", 'Typed "before" <it> ended'));
    assert.equal(answer.status, 401);
    assert.match(answer.text, /Your session has ended/);
    assert.ok(answer.text.includes('value="Typed &quot;before&quot; &lt;it&gt; ended"'));
    assert.equal(await state(), before);
  });

  test("ends at once when its person is disabled", async () => {
    const [name, password] = ["eve", "a password of twelve and more"];
    assert.equal((await api.call("POST", "/principals", { name, kind: "user", password })).status, 201);
    const signedIn = await post("/login", undefined, { name, password });
    const [cookie] = signedIn.headers["set-cookie"][0].split(";");
    assert.equal((await get("/", cookie)).status, 200);
    assert.equal((await api.call("DELETE", `/principals/${name}`)).status, 204);
    const answer = await get("/crawlers", cookie);
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.location, "/login?next=%2Fcrawlers");
    assert.equal((await post("/login", undefined, { name, password })).status, 401);
  });
});

const CORPUS = [
  `<script>document.title = "xss"</script>`,
  `<img src=x onerror="document.title='xss'">`,
  `"><svg onload=document.title='xss'>`,
  `'-document.title='xss'-'`,
  `</textarea><script>document.title='xss'</script>`,
  `</td></tr></table><iframe srcdoc="<script>top.document.title='xss'</script>">`,
  `<a href="javascript:document.title='xss'">click</a>`,
  `[click](javascript:document.title='xss')`,
  `&lt;script&gt;document.title='xss'&lt;/script&gt; &amp; &#60;b&#62;`,
  `{{7*7}} \${7*7} <%= 7*7 %>`,
  `<meta http-equiv=refresh content="0;url=https://evil.example">`,
  `<form action=https://evil.example><button>Save`,
  `<style>*{display:none}</style><base href=https://evil.example>`,
  `\u202Ereversed\u202C \u{1F600} ünï`,
];

/** What none of the console's own pages has. */
const FOREIGN = "script:not([src^='/']), img, iframe, object, embed, base, style, main meta, svg[onload], [onerror], [onload], a[href^='javascript:'], form[action*='evil']";

describe("what people write", () => {
  async function assertText(page, path, words) {
    if (path) await page.goto(weir.href(path));
    assert.equal(await page.locator(FOREIGN).count(), 0, `${words} made an element of ${page.url()}`);
    assert.match(await page.title(), / – Weir$/);
    const shown = await page.locator(".prose").allTextContents();
    assert.ok(shown.includes(words), `${JSON.stringify(words)} on ${page.url()}: ${JSON.stringify(shown)}`);
  }

  test("is text on the table's page, in the list of tables, in the editor and on the conflict page", async () => {
    const page = await weir.pageOf("sam");
    const dialogs = [];
    page.on("dialog", (dialog) => dialogs.push(dialog.message()) && dialog.dismiss());
    let [was, version] = ["", 0];
    for (const words of CORPUS) {
      const fields = { ...edit(was, words, version), owner: "", was_owner: "", steward: "", was_steward: "" };
      assert.equal((await post(`${CUSTOMERS}/-/annotate`, cookies.sam, fields)).status, 303, words);
      assert.equal((await post(`${CUSTOMERS}/-/columns/2`, cookies.sam, edit(was, words, version))).status, 303, words);
      [was, version] = [words, version + 1];
      await assertText(page, CUSTOMERS, words);
      await assertText(page, TABLES, words);
      await page.goto(weir.href(`${CUSTOMERS}?edit=2`));
      assert.equal(await page.getByLabel("Business definition").inputValue(), words);
      assert.equal(await page.locator(FOREIGN).count(), 0);
      // A form of a version that is no more, with the same words in all three places of the conflict page.
      await page.locator('input[name="version"]').evaluate((input) => { input.value = "0"; });
      await page.locator('input[name="was_definition"]').evaluate((input) => { input.value = "something else"; });
      await page.getByRole("button", { name: /^Save/ }).first().click();
      await page.getByRole("heading", { name: "Somebody changed this while you were editing" }).waitFor();
      await assertText(page, undefined, words);
      assert.equal(await page.getByLabel("Business definition").inputValue(), words);
    }
    assert.deepEqual(dialogs, []);
  });

  test("is text in a grant's reason, in a refused form and in the audit log", async () => {
    const page = await weir.pageOf("admin");
    for (const words of CORPUS.slice(0, 6)) {
      const made = await post(`${TABLES}/movies/-/grants`, cookies.admin, grant({ principal: "duckdb", reason: words }));
      assert.ok([303, 422].includes(made.status), `${made.status}`);
      const refused = await post(`${TABLES}/movies/-/grants`, cookies.admin, grant({ principal: words, reason: words }));
      assert.equal(refused.status, 422);
      if (/[<"]/.test(words)) assert.equal(refused.text.includes(words), false, `${words} is there as it was typed`);
      const id = await grantId("movies", "duckdb");
      for (const path of [`${TABLES}/movies/-/access`, `${TABLES}/movies/-/grants/${id}/revoke`, `/audit?object=${encodeURIComponent(words)}`, "/audit"]) {
        await page.goto(weir.href(path));
        assert.equal(await page.locator(FOREIGN).count(), 0, `${words} on ${path}`);
      }
      assert.equal((await post(`${TABLES}/movies/-/grants/${id}/revoke`, cookies.admin, {})).status, 303);
    }
    await post("/login", undefined, { name: CORPUS[1], password: "x" });
    await page.goto(weir.href("/audit?action=session.sign_in&outcome=denied"));
    assert.ok((await page.locator("table.audit").innerText()).includes(CORPUS[1]));
    assert.equal(await page.locator(FOREIGN).count(), 0);
  });

  test("is text where files and columns of the lake have it for a name", async () => {
    const hostile = `<img src=x onerror=alert(1)>`;
    const folder = join(weir.lake, `${hostile} & "co"`);
    await mkdir(folder);
    await writeFile(join(folder, "a.csv"), `id,${hostile},"""><script>alert(1)</script>"\n1,2,3\n2,3,4\n`);
    await writeFile(join(folder, `${hostile}.csv`), "");
    const run = (await api.call("POST", "/crawlers/samples/runs")).body.id;
    const report = await until("the run is over", async () => {
      const now = await api.get(`/crawlers/samples/runs/${run}`);
      return /queued|running/.test(now.state) ? undefined : now;
    });
    assert.ok(report.problems.some(({ path }) => /img/.test(path)), JSON.stringify(report.problems));
    const [made] = report.changes.filter(({ kind }) => kind === "created");
    assert.match(made.table, /^lake\.samples\.[a-z0-9_]+$/);
    const page = await weir.pageOf("admin");
    for (const path of [`/crawlers/samples/runs/${run}`, TABLES, `${TABLES}/${made.table.split(".")[2]}`, `${TABLES}/${made.table.split(".")[2]}/-/versions`, `${TABLES}/${made.table.split(".")[2]}/-/access`, "/audit"]) {
      await page.goto(weir.href(path));
      assert.equal(await page.locator(FOREIGN).count(), 0, path);
    }
    await page.goto(weir.href(`${TABLES}/${made.table.split(".")[2]}`));
    assert.ok((await page.locator("table.columns").innerText()).includes(hostile));
  });
});

/** Every route of the console, from its source: a new one fails here until it has a row below. */
const ROUTES = (() => {
  const source = readFileSync(new URL("../../web/src/routes.rs", import.meta.url), "utf8");
  const found = [];
  for (const [, nested, path, rest] of source.matchAll(/\.route\(\s*(?:&table\("([^"]*)"\)|"([^"]*)"),([^]*?)\)\s*(?=\.(?:route|fallback))/g)) {
    const at = path ?? `/c/{catalog}/{namespace}/{table}${nested}`;
    for (const method of ["get", "post"]) if (new RegExp(`\\b${method}\\(`).test(rest)) found.push(`${method.toUpperCase()} ${at}`);
  }
  return found.sort();
})();

/**
 * Route, its address with an object that ann does not see, what it answers to anonymous, ann, sam and admin, and the form
 * that it takes. An address that only takes a form leads whoever looks at it to the page of the form, there or not.
 */
const MATRIX = [
  ["GET /", "/", [303, 200, 200, 200]],
  ["GET /login", "/login", [200, 303, 303, 303]],
  ["POST /login", "/login", [401, 401, 401, 401], { name: "nobody", password: "x" }],
  ["POST /logout", undefined],
  ["GET /c/{catalog}", "/c/secret", [303, 404, 404, 200]],
  ["GET /c/{catalog}/{namespace}", "/c/secret/plans", [303, 404, 404, 200]],
  ["GET /c/{catalog}/{namespace}/{table}", `${TABLES}/flights`, [303, 404, 200, 200]],
  ["GET /c/{catalog}/{namespace}/{table}/-/annotate", `${TABLES}/flights/-/annotate`, [303, 303, 303, 303]],
  ["POST /c/{catalog}/{namespace}/{table}/-/annotate", `${TABLES}/flights/-/annotate`, [401, 404, 409, 409], { ...edit("was", "now", 99), owner: "", was_owner: "", steward: "", was_steward: "" }],
  ["GET /c/{catalog}/{namespace}/{table}/-/columns/{field_id}", `${TABLES}/flights/-/columns/1`, [303, 303, 303, 303]],
  ["POST /c/{catalog}/{namespace}/{table}/-/columns/{field_id}", `${TABLES}/flights/-/columns/1`, [401, 404, 409, 409], edit("was", "now", 99)],
  ["GET /c/{catalog}/{namespace}/{table}/-/versions", `${TABLES}/flights/-/versions`, [303, 404, 200, 200]],
  ["GET /c/{catalog}/{namespace}/{table}/-/partitions", `${TABLES}/flights/-/partitions`, [303, 404, 200, 200]],
  ["GET /c/{catalog}/{namespace}/{table}/-/reports", `${TABLES}/flights/-/reports`, [303, 404, 200, 200]],
  ["GET /c/{catalog}/{namespace}/{table}/-/access", `${TABLES}/flights/-/access`, [303, 404, 200, 200]],
  ["GET /c/{catalog}/{namespace}/{table}/-/grants", `${TABLES}/flights/-/grants`, [303, 303, 303, 303]],
  ["POST /c/{catalog}/{namespace}/{table}/-/grants", `${TABLES}/flights/-/grants`, [401, 404, 403, 422], grant({ principal: "no.such.person" })],
  ["GET /c/{catalog}/{namespace}/{table}/-/grants/{grant_id}/revoke", `${TABLES}/flights/-/grants/${NOBODY}/revoke`, [303, 404, 404, 404]],
  ["POST /c/{catalog}/{namespace}/{table}/-/grants/{grant_id}/revoke", `${TABLES}/flights/-/grants/${NOBODY}/revoke`, [401, 404, 404, 404], {}],
  ["GET /crawlers", "/crawlers", [303, 200, 200, 200]],
  ["GET /crawlers/{crawler}", "/crawlers/samples", [303, 404, 200, 200]],
  ["GET /crawlers/{crawler}/-/start", "/crawlers/secret/-/start", [303, 303, 303, 303]],
  ["POST /crawlers/{crawler}/-/start", "/crawlers/no-such-crawler/-/start", [401, 404, 404, 404], {}],
  ["GET /crawlers/{crawler}/runs/{run_id}", () => `/crawlers/samples/runs/${run}`, [303, 404, 200, 200]],
  ["GET /storage", "/storage", [303, 200, 200, 200]],
  ["GET /storage/-/new", "/storage/-/new", [303, 200, 200, 200]],
  ["POST /storage/-/new", "/storage/-/new", [401, 403, 403, 422], location()],
  ["GET /storage/{location}", "/storage/warehouse", [303, 404, 404, 200]],
  ["GET /storage/{location}/-/validate", "/storage/secret/-/validate", [303, 303, 303, 303]],
  ["POST /storage/{location}/-/validate", "/storage/samples/-/validate", [401, 403, 403, 303], {}],
  ["GET /storage/{location}/-/rotate", "/storage/secret/-/rotate", [303, 303, 303, 303]],
  ["POST /storage/{location}/-/rotate", "/storage/nowhere/-/rotate", [401, 403, 403, 404], keys],
  ["GET /storage/{location}/-/remove", "/storage/secret/-/remove", [303, 303, 303, 303]],
  ["POST /storage/{location}/-/remove", "/storage/nowhere/-/remove", [401, 403, 403, 404], {}],
  ["GET /credentials", "/credentials", [303, 403, 403, 200]],
  ["GET /audit", "/audit", [303, 403, 403, 200]],
];
let run;

describe("who gets what", () => {
  before(async () => {
    await api.call("POST", "/catalogs", { name: "secret" });
    await api.call("POST", "/catalogs/secret/namespaces", { name: "plans" });
    await api.call("POST", "/crawlers", { name: "secret", location: "samples", prefix: "", catalog: "secret", namespace: "plans" });
    run = (await api.all("/crawlers/samples/runs")).at(-1).id;
  });

  test("every route of the console is in the matrix", () => {
    assert.ok(ROUTES.length > 20, ROUTES.join());
    assert.deepEqual(MATRIX.map(([route]) => route).sort(), ROUTES);
  });

  for (const [route, path, expected, fields] of MATRIX) {
    if (!path) continue;
    test(`${route} answers each as it should`, async () => {
      const at = typeof path === "function" ? path() : path;
      const seen = [];
      for (const name of ["anonymous", "ann", "sam", "admin"]) {
        const answer = route.startsWith("GET") ? await get(at, cookies[name]) : await post(at, cookies[name], fields);
        seen.push(answer.status);
        if (answer.status === 404) assert.doesNotMatch(answer.text, /flights|secret|plans|delay_reason/, `${name} reads what is hidden`);
      }
      assert.deepEqual(seen, expected);
    });
  }

  test("what is hidden and what is not there cannot be told apart", async () => {
    const shape = ({ status, headers, text }) => {
      const { date, "x-request-id": id, location = "", ...kept } = headers;
      const page = text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID");
      return JSON.stringify([status, location.replace(/flights|fligths|samples$|nowhere$/, "NAME"), kept, page]);
    };
    for (const [hidden, absent] of [
      [`${TABLES}/flights`, `${TABLES}/fligths`],
      [`${TABLES}/flights/-/versions`, `${TABLES}/fligths/-/versions`],
      [`${TABLES}/flights/-/partitions`, `${TABLES}/fligths/-/partitions`],
      [`${TABLES}/flights/-/access`, `${TABLES}/fligths/-/access`],
      [`${TABLES}/flights/-/annotate`, `${TABLES}/fligths/-/annotate`],
      [`${TABLES}/flights/-/grants`, `${TABLES}/fligths/-/grants`],
      ["/c/secret", "/c/nowhere"],
      ["/c/secret/plans", "/c/nowhere/plans"],
      ["/crawlers/samples", "/crawlers/nowhere"],
      ["/storage/samples", "/storage/nowhere"],
      ["/storage/samples/-/validate", "/storage/nowhere/-/validate"],
      ["/crawlers/samples/-/start", "/crawlers/nowhere/-/start"],
      [`/crawlers/samples/runs/${run}`, `/crawlers/samples/runs/${NOBODY}`],
    ]) {
      assert.equal(shape(await get(hidden, cookies.ann)), shape(await get(absent, cookies.ann)), hidden);
    }
  });

  test("lists hold nothing of what is hidden", async () => {
    const start = (await get("/", cookies.ann)).text;
    assert.doesNotMatch(start, /secret|\/crawlers\/|\/audit/);
    const crawlers = (await get("/crawlers", cookies.ann)).text;
    assert.doesNotMatch(crawlers, /\/crawlers\/|samples|secret/);
    const storage = (await get("/storage", cookies.ann)).text;
    assert.doesNotMatch(storage, /samples|warehouse|file:|s3:/);
    const tables = (await get(TABLES, cookies.ann)).text;
    assert.doesNotMatch(tables, /flights|customers|penguins|movies|weather|earthquakes/);
    assert.match(tables, /airlines/);
  });

  test("columns that are not granted are named nowhere, and cannot be written to", async () => {
    const body = { principal: "ann", on: { catalog: "lake", namespace: "samples", table: "customers" } };
    const made = await api.call("POST", "/grants", { ...body, privileges: ["SELECT", "ANNOTATE"], columns: { mode: "only", field_ids: [1, 6] } });
    try {
      const hidden = /full_name|email|phone|birth_date|address|street|city|postcode|tags|loyalty_points|created_at/;
      const where = /file:|\/data\/lake|\.parquet/;
      for (const path of ["", "?edit=1", "?edit=2", "?edit=table", "/-/versions", "/-/partitions", "/-/reports", "/-/access"]) {
        const answer = await get(CUSTOMERS + path, cookies.ann);
        assert.equal(answer.status, 200, path);
        assert.match(answer.text, /customer_id|Not partitioned|not shown to you|Only/, path);
        assert.doesNotMatch(answer.text, hidden, path);
        assert.doesNotMatch(answer.text, where, path);
      }
      const before = await state();
      const write = await post(`${CUSTOMERS}/-/columns/3`, cookies.ann, edit("", "seen"));
      assert.ok([403, 404, 409].includes(write.status), `${write.status}`);
      assert.doesNotMatch(write.text, hidden);
      const further = await post(`${CUSTOMERS}/-/grants`, cookies.ann, grant({ principal: "duckdb" }));
      assert.equal(further.status, 403);
      assert.doesNotMatch(further.text, hidden);
      assert.equal(await state(), before);
    } finally {
      await api.call("DELETE", `/grants/${made.body.id}`);
    }
    assert.equal((await get(CUSTOMERS, cookies.ann)).status, 404, "at the next request");
  });
});

describe("a secret that was typed", () => {
  const { secret_access_key: secret } = keys;
  for (const [where, path, who, status, fields] of [
    ["with a name that is none", "/storage/-/new", "admin", 422, location({ ...keys, name: "a b" })],
    ["with a store that is silent", "/storage/-/new", "admin", 503, location({ ...keys, url: "s3://lake", endpoint: "http://127.0.0.1:9", path_style: "true" })],
    ["by somebody who may not", "/storage/-/new", "ann", 403, location(keys)],
    ["after the session had ended", "/storage/-/new", "gone", 401, location(keys)],
    ["without its other half", "/storage/samples/-/rotate", "admin", 422, { ...keys, access_key_id: "" }],
    ["for a location that is none", "/storage/nowhere/-/rotate", "admin", 404, keys],
  ]) {
    test(`comes back on no page and in no audit row: ${where}`, async () => {
      const before = await state();
      const answer = await post(path, who === "gone" ? "__Host-weir=gone" : cookies[who], fields);
      assert.equal(answer.status, status);
      assert.doesNotMatch(answer.text + JSON.stringify(answer.headers), new RegExp(secret));
      assert.doesNotMatch((await get("/audit", cookies.admin)).text, new RegExp(secret));
      assert.equal(await state(), before);
    });
  }
});

describe("a NUL byte, which no text in the database can hold, is refused as wrong input", () => {
  for (const [where, ask] of [
    ["in the name of a sign-in", () => post("/login", undefined, { name: "a\0b", password: "x" })],
    ["in the password of a sign-in", () => post("/login", undefined, { name: "ann", password: "a\0b" })],
    ["in the audit log's object", () => get("/audit?object=%00", cookies.admin)],
    ["in the audit log's principal", () => get("/audit?principal=a%00b", cookies.admin)],
    ["in the audit log's action", () => get("/audit?action=a%00b", cookies.admin)],
    ["in a definition", () => post(`${CUSTOMERS}/-/columns/3`, cookies.sam, edit("", "a\0b"))],
    ["in an owner", () => post(`${CUSTOMERS}/-/annotate`, cookies.sam, { ...edit("", ""), owner: "a\0b", was_owner: "", steward: "", was_steward: "" })],
    ["in the role of a location", () => post("/storage/-/new", cookies.admin, location({ url: `file://${weir.dataDir}/postgres`, role: "a\0b" }))],
    ["in a grant's reason", () => post(`${CUSTOMERS}/-/grants`, cookies.admin, grant({ reason: "a\0b" }))],
    ["in the name of a table", () => get(`${TABLES}/a%00b`, cookies.admin)],
    ["in a cursor", () => get("/c/lake?after=a%00b", cookies.admin)],
    ["in the API's sign-in", () => send(`${weir.management}/tokens`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name: "a\0b", password: "x" }) })],
    ["in the API's audit filter", async () => api.call("GET", "/audit?object=%00")],
  ]) {
    test(where, async () => {
      const { status } = await ask();
      assert.ok(status >= 400 && status < 500, `${status}`);
    });
  }
});

test("looking changes nothing, whatever is looked at and however", async () => {
  const id = await grantId("airlines", "ann");
  const before = await state();
  const query = new URLSearchParams({ ...edit("", "forged"), ...grant({ principal: "duckdb" }), done: "saved" });
  const paths = [
    "/", "/c/lake", TABLES, CUSTOMERS, `${CUSTOMERS}/-/annotate`, `${CUSTOMERS}/-/columns/3`, `${CUSTOMERS}/-/versions`,
    `${CUSTOMERS}/-/partitions`, `${CUSTOMERS}/-/access`, `${CUSTOMERS}/-/grants`, `${TABLES}/airlines/-/grants/${id}/revoke`,
    "/crawlers", "/crawlers/samples", "/crawlers/samples/-/start", `/crawlers/samples/runs/${NOBODY}`, "/audit", "/logout",
    "/storage", "/storage/-/new", "/storage/samples", "/storage/samples/-/validate", "/storage/samples/-/rotate", "/storage/samples/-/remove", "/credentials",
  ];
  for (const path of paths) {
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]) {
      const headers = { cookie: cookies.admin, "sec-fetch-site": "same-origin", "x-http-method-override": "POST" };
      const { status } = await send(weir.href(`${path}?${query}&_method=POST`), { method, headers });
      const read = method === "GET" || method === "HEAD";
      assert.ok(read && path !== "/logout" ? [200, 303, 404].includes(status) : status === 405, `${method} ${path}: ${status}`);
    }
  }
  assert.equal(await state(), before);
  assert.equal((await get("/", cookies.admin)).status, 200);
});
