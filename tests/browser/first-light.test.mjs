// The acceptance path over HTTP and in the browser: crawl, govern, edit, evolve, audit, and what a kill -9 leaves behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";

const BROWSER = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Polls until `probe` gives something, at most `seconds`. */
async function until(what, probe, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe().catch(() => undefined);
    if (found) return found;
    assert.ok(Date.now() < end, `waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A port that was free a moment ago. */
const freePort = () => new Promise((resolve) => { const s = createServer().listen(0, "127.0.0.1", () => { const { port } = s.address(); s.close(() => resolve(port)); }); });

/** The demo on a data directory; `told` is the line it prints when ready. */
class Demo {
  constructor(dir, port) { Object.assign(this, { dir, port, errors: "" }); }

  async up() {
    this.child = spawn(process.env.WEIR_BIN, ["demo", "--data-dir", this.dir, "--listen", `127.0.0.1:${this.port}`, "--print", "json"], { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    this.child.stdout.on("data", (chunk) => (out += chunk));
    this.child.stderr.on("data", (chunk) => (this.errors += chunk));
    this.exited = new Promise((resolve) => this.child.on("exit", (code) => resolve(code)));
    await until("ready", async () => out.includes("\n") || this.child.exitCode !== null);
    assert.equal(this.child.exitCode, null, this.errors);
    this.told = JSON.parse(out);
    return this;
  }

  async signIn(name) {
    const who = this.told.principals.find((principal) => principal.name === name);
    const body = who.password ? { name, password: who.password } : { client_id: who.client_id, client_secret: who.client_secret };
    const { body: { token } } = await this.call(undefined, "POST", "/tokens", body);
    return (method, path, body, headers) => this.call(token, method, path, body, headers);
  }

  async call(token, method, path, body, headers = {}) {
    const response = await fetch(this.told.management + path, {
      method,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined, id: response.headers.get("x-request-id") };
  }

  async crawl(admin) {
    const { status, body } = await admin("POST", "/crawlers/samples/runs");
    assert.equal(status, 202);
    return until("the run", async () => {
      const report = (await admin("GET", `/crawlers/samples/runs/${body.id}`)).body;
      return ["queued", "running"].includes(report.state) ? undefined : report;
    });
  }

  postmaster() { return Number(readFileSync(join(this.dir, "postgres", "postmaster.pid"), "utf8").split("\n")[0]); }

  async down(signal = "SIGINT") {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.exited;
  }
}

const fresh = () => { const root = mkdtempSync(join(tmpdir(), "weir-")); chmodSync(root, 0o711); return root; };
const alive = (pid) => { try { process.kill(pid, 0); return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z "); } catch { return false; } };
const T = "/catalogs/lake/namespaces/samples/tables";

describe("on the sample lake", () => {
  const root = fresh();
  let demo, browser, admin, sam, ann;

  before(async () => {
    demo = await new Demo(join(root, "data"), await freePort()).up();
    [admin, sam, ann] = await Promise.all(["admin", "sam", "ann"].map((name) => demo.signIn(name)));
    browser = await chromium.launch({ executablePath: BROWSER, args: ARGS });
  });
  after(async () => { await browser?.close(); await demo?.down(); rmSync(root, { recursive: true, force: true }); });

  async function page(name, options = {}) {
    const context = await browser.newContext(options);
    const opened = await context.newPage();
    await opened.goto(`${demo.told.console}/login`);
    await opened.fill("[name=name]", name);
    await opened.fill("[name=password]", demo.told.principals.find((principal) => principal.name === name).password);
    await Promise.all([opened.waitForURL((url) => url.pathname !== "/login"), opened.click("main button")]);
    return opened;
  }
  const open = (at, path) => at.goto(demo.told.console + path);

  test("the crawl made eight tables and reports the broken and the empty file by path and cause", async () => {
    assert.equal(demo.told.tables, 8);
    const { body } = await admin("GET", "/crawlers/samples/runs");
    const report = (await admin("GET", `/crawlers/samples/runs/${body.items.at(-1).id}`)).body;
    assert.equal(report.state, "finished_with_problems");
    assert.deepEqual(report.problems.map((problem) => problem.path.split("/").at(-1)).sort(), ["empty.csv", "part-broken.parquet"]);
    assert.ok(report.problems.every((problem) => problem.cause.length > 10));
  });

  test("a caller granted two columns sees exactly those two, everywhere", async () => {
    const unseen = await ann("GET", `${T}/customers`);
    assert.equal(unseen.status, 404);
    const all = (await admin("GET", `${T}/customers`)).body;
    const two = all.columns.filter((column) => ["customer_id", "country"].includes(column.path));
    const granted = await admin("POST", "/grants", {
      principal: "ann", privileges: ["SELECT"], on: { catalog: "lake", namespace: "samples", table: "customers" },
      columns: { mode: "only", field_ids: two.map((column) => column.field_id) },
    });
    assert.equal(granted.status, 201);
    const seen = (await ann("GET", `${T}/customers`)).body;
    assert.deepEqual(seen.columns.map((column) => column.path), ["customer_id", "country"]);
    assert.equal(seen.restricted, true);
    assert.equal(seen.location, undefined);
    for (const part of ["", "/columns", "/versions", "/versions/1", "/access", "/partitions"]) {
      const text = JSON.stringify((await ann("GET", `${T}/customers${part}`)).body);
      for (const hidden of ["email", "phone", "full_name", "birth_date", "street"]) assert.ok(!text.includes(hidden), `${part} shows ${hidden}`);
    }
    const run = (await admin("GET", "/crawlers/samples/runs")).body.items[0].id;
    assert.equal((await ann("GET", `/crawlers/samples/runs/${run}`)).status, 404);

    for (const javaScriptEnabled of [true, false]) {
      const console = await page("ann", { javaScriptEnabled });
      assert.equal((await open(console, "/c/lake/samples/customers")).status(), 200);
      const html = await console.content();
      assert.ok(html.includes("customer_id") && html.includes("country") && !html.includes("email") && !html.includes("phone"));
      assert.equal((await open(console, "/c/lake/samples/flights")).status(), 404);
      assert.equal((await open(console, "/c/lake/samples/customers/-/versions")).status(), 200);
      assert.ok(!(await console.content()).includes("email"));
      await console.context().close();
    }
    assert.equal((await admin("DELETE", `/grants/${granted.body.id}`)).status, 204);
    assert.equal((await ann("GET", `${T}/customers`)).status, 404, "a revoked grant held on");
  });

  test("a table without a grant answers as one that does not exist", async () => {
    const [hidden, absent] = [await ann("GET", `${T}/flights`), await ann("GET", `${T}/nothing`)];
    assert.equal(hidden.status, 404);
    assert.deepEqual({ ...hidden.body, detail: hidden.body.detail.replace("flights", "nothing") }, absent.body);
    assert.deepEqual((await ann("GET", T)).body.items.map((table) => table.name), ["airlines", "airports"]);
    assert.deepEqual((await admin("GET", "/audit?outcome=denied&principal=ann&limit=2")).body.items.map((event) => event.request_id), [absent.id, hidden.id]);
  });

  test("a steward's edit in the browser shows its author, refuses a stale one, and survives three crawls and a new column", async () => {
    const before = (await sam("GET", `${T}/penguins`)).body;
    const column = before.columns[0];
    for (const javaScriptEnabled of [true, false]) {
      const text = `Which study, scripts ${javaScriptEnabled} <script>alert(1)</script>`;
      const console = await page("sam", { javaScriptEnabled });
      await open(console, `/c/lake/samples/penguins?edit=${column.field_id}#c-${column.field_id}`);
      await console.locator("main textarea").first().fill(text);
      await Promise.all([console.waitForURL((url) => !url.search.includes("edit")), console.locator("main").getByRole("button", { name: "Save" }).first().click()]);
      assert.ok((await console.locator("main").innerText()).includes(text), "the text is shown as text");
      assert.match(await console.locator("main").innerText(), /sam, (just now|\d+ s)/);
      await console.context().close();
    }
    const stale = await sam("PATCH", `${T}/penguins/columns/${column.field_id}`, { version: 0, definition: "late" });
    assert.equal(stale.status, 409);

    writeFileSync(join(demo.dir, "lake/penguins/more.csv"), readFileSync(join(demo.dir, "lake/penguins/penguins-raw.csv"), "utf8").split("\n").slice(0, 40).filter(Boolean)
      .map((line, at) => `${line.replace(/\r$/, "")},${at ? `tag${at}` : "Ring"}`).join("\n") + "\n");
    cpSync(join(demo.dir, "lake/flights/year=2013/month=01"), join(demo.dir, "lake/flights/year=2014/month=01"), { recursive: true });
    const first = await demo.crawl(admin);
    assert.deepEqual(first.changes.map((change) => [change.table, change.lines]).sort(), [
      ["lake.samples.flights", ["1 partition added"]],
      ["lake.samples.penguins", ["+ Ring string"]],
    ]);
    assert.equal(first.counts.versions, 1);
    const writes = async () => (await admin("GET", "/audit?principal=crawler.samples&limit=1")).body.items[0].id;
    const last = await writes();
    for (let again = 0; again < 2; again += 1) assert.deepEqual((await demo.crawl(admin)).changes, []);
    assert.equal(await writes(), last, "an unchanged lake was written about");

    const after = (await sam("GET", `${T}/penguins`)).body;
    assert.equal(after.version, 2);
    assert.equal(after.columns[0].business.definition.edited_by, "sam");
    assert.match(after.columns[0].business.definition.value, /Which study/);
    const [newest] = (await sam("GET", `${T}/penguins/versions?limit=1`)).body.items;
    assert.deepEqual(newest.changes.map((change) => change.line), ["+ Ring string"]);
    assert.ok((await sam("GET", `${T}/flights/partitions`)).body.items.some((partition) => partition.key === "year=2014/month=01"));
    const actions = (await admin("GET", "/audit?limit=200")).body.items.map((event) => `${event.principal} ${event.action} ${event.object}`);
    for (const expected of ["sam column.annotate lake.samples.penguins", "crawler.samples table.alter lake.samples.penguins", "crawler.samples table.alter lake.samples.flights", "admin crawler.start samples"]) {
      assert.ok(actions.includes(expected), `no audit row: ${expected}`);
    }
  });

  test("an admin grants chosen columns in the browser", async () => {
    const console = await page("admin", { javaScriptEnabled: false });
    await open(console, "/c/lake/samples/earthquakes/-/access");
    await console.locator("main [name=principal]").fill("ann");
    await console.locator("main [name=privileges][value=SELECT]").check();
    await console.locator("main [name=columns][value=only]").check();
    for (const closed of await console.locator("main form details:not([open]) > summary").all()) await closed.click();
    await console.locator("main [name=field_ids]").first().check();
    await Promise.all([console.waitForLoadState("load"), console.locator("main form:has([name=principal]) button").last().click()]);
    await until("the grant", async () => (await ann("GET", `${T}/earthquakes`)).status === 200, 10);
    assert.equal((await ann("GET", `${T}/earthquakes`)).body.restricted, true);
    await console.context().close();
  });

  test("bad input gets a clear error and changes nothing", async () => {
    const count = async () => [(await admin("GET", "/catalogs?limit=1000")).body.items.length, (await admin("GET", "/grants?limit=1000")).body.items.length, (await admin("GET", "/principals?limit=1000")).body.items.length];
    const before = await count();
    const names = ["a/b", "..", ".", "a\u0000b", "a\nb", "x".repeat(300), "x'; DROP TABLE catalog; --", "", " ", "<b>", "%2e%2e"];
    for (const name of names) {
      for (const [path, body] of [["/catalogs", { name }], ["/catalogs/lake/namespaces", { name }], ["/principals", { name, kind: "group" }], ["/locations", { name, url: "file:///tmp" }]]) {
        if (path.startsWith("/principals") && name === "%2e%2e") continue;
        const answer = await admin("POST", path, body);
        assert.ok(answer.status >= 400 && answer.status < 500 && answer.body.detail && answer.body.field, `${path} ${JSON.stringify(name)}: ${answer.status}`);
      }
      const read = await admin("GET", `/catalogs/${encodeURIComponent(name || " ")}`);
      assert.ok(read.status >= 400 && read.status < 500, `GET ${JSON.stringify(name)}: ${read.status}`);
    }
    const bodies = [
      ["unknown field", '{"name":"ok","colour":"red"}', 422], ["duplicate key", '{"name":"a","name":"b"}', 422], ["wrong type", '{"name":7}', 422], ["wrong type", '{"name":["a"]}', 422],
      ["no object", "[]", 422], ["trailing text", '{"name":"ok"} x', 422], ["cut short", '{"name":', 422], ["deep", "[".repeat(100_000), 422], ["10 MB", `{"name":"${"x".repeat(10_000_000)}"}`, 413],
    ];
    for (const [what, body, status] of bodies) {
      const answer = await admin("POST", "/catalogs", body);
      assert.equal(answer.status, status, what);
      assert.ok(answer.body.detail.length > 10, what);
    }
    assert.equal((await admin("POST", "/catalogs", '{"name":"ok"}', { "content-type": "text/plain" })).status, 422);
    assert.equal((await admin("GET", "/catalogs?colour=red")).status, 422);
    assert.equal((await admin("GET", "/catalogs?limit=0")).status, 422);
    assert.deepEqual(await count(), before);
  });

  test("a console post from another site is refused and changes nothing", async () => {
    const console = await page("admin");
    const cookies = (await console.context().cookies()).map((cookie) => `${cookie.name}=${cookie.value}`).join("; ");
    const cookie = (await console.context().cookies())[0];
    assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === "Lax" && cookie.name.startsWith("__Host-"));
    for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }, {}]) {
      const answer = await fetch(`${demo.told.console}/logout`, { method: "POST", redirect: "manual", headers: { cookie: cookies, "content-type": "application/x-www-form-urlencoded", ...headers } });
      assert.equal(answer.status, 403);
    }
    assert.equal((await open(console, "/")).status(), 200);
    assert.equal((await demo.call(undefined, "GET", "/me", undefined, { cookie: cookies })).status, 401, "the API took a cookie");
    await console.context().close();
  });
});

describe("after a kill -9 of the server and its Postgres during a crawl", () => {
  const root = fresh();
  let demo;
  after(async () => { await demo?.down(); rmSync(root, { recursive: true, force: true }); });

  test("the run is interrupted, a new one completes, and nothing is half-written", { timeout: 180_000 }, async () => {
    demo = await new Demo(join(root, "data"), await freePort()).up();
    for (let folder = 0; folder < 600; folder += 1) {
      mkdirSync(join(demo.dir, `lake/many/t${folder}`), { recursive: true });
      writeFileSync(join(demo.dir, `lake/many/t${folder}/part.csv`), "id,name\n1,a\n2,b\n");
    }
    let admin = await demo.signIn("admin");
    const { body: { id } } = await admin("POST", "/crawlers/samples/runs");
    await until("some tables", async () => (await admin("GET", `/crawlers/samples/runs/${id}`)).body.changes.length > 20);
    const postmaster = demo.postmaster();
    for (const pid of [demo.child.pid, postmaster]) process.kill(pid, "SIGKILL");
    await demo.exited;

    const restarted = Date.now();
    const again = new Demo(demo.dir, demo.port);
    const readiness = until("readyz", async () => (await fetch(`http://127.0.0.1:${demo.port}/readyz`)).ok, 20).then(() => Date.now() - restarted);
    demo = await again.up();
    const took = await readiness;
    assert.ok(took < 5000, `ready again after ${took} ms`);
    admin = await demo.signIn("admin");
    assert.equal((await admin("GET", `/crawlers/samples/runs/${id}`)).body.state, "interrupted");
    const retry = await until("the retry", async () => {
      const newest = (await admin("GET", "/crawlers/samples/runs?limit=1")).body.items[0];
      return newest.id !== id && newest.state === "finished_with_problems" ? newest : undefined;
    });
    assert.equal(retry.trigger, "retry");
    const tables = (await admin("GET", `${T}?limit=1000`)).body.items;
    assert.equal(tables.length, 608);
    for (const table of tables.filter((table) => table.name.startsWith("many_"))) {
      const whole = (await admin("GET", `${T}/${table.name}`)).body;
      assert.deepEqual([whole.version, whole.columns.map((column) => column.path)], [1, ["id", "name"]]);
    }
    assert.deepEqual((await demo.crawl(admin)).changes, []);
  });

  test("Ctrl-C stops Postgres too, and a second Weir on the same data is told so", async () => {
    const second = spawn(process.env.WEIR_BIN, ["demo", "--data-dir", demo.dir, "--listen", "127.0.0.1:0"], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    second.stderr.on("data", (chunk) => (said += chunk));
    assert.notEqual(await new Promise((resolve) => second.on("exit", resolve)), 0);
    assert.match(said, /another weir/i);
    const postmaster = demo.postmaster();
    assert.equal(await demo.down("SIGINT"), 0);
    await until("Postgres to end", async () => !alive(postmaster), 10);
  });
});
