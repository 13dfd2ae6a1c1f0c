// Every page in every window and theme: accessible, no wider than its window, named once, quiet, and within its budget.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Api, send } from "./client.mjs";
import { axe, expectNoOverflow, start, until } from "./harness.mjs";

const WINDOWS = [
  ["light", { width: 1280, height: 800 }],
  ["dark", { width: 390, height: 844 }],
  ["light", { width: 320, height: 640 }],
];
const TABLES = "/c/lake/samples";
const CUSTOMERS = `${TABLES}/customers`;
const MAX_PAGE_BYTES = 300_000;
const MAX_WIDE_GZIP_BYTES = 15_000;
const MAX_FIRST_VISIT_BYTES = 45_000;
const MAX_FIRST_VISIT_REQUESTS = 4;

/** Opens a form of a page, fills it in, sends it. */
const form = (path, button, fill) => async (page) => {
  await page.goto(weir.href(path));
  await fill(page.getByRole("main"));
  await page.getByRole("main").getByRole("button", { name: button }).first().click();
  await page.waitForLoadState();
};

/** Each page: its name, whose it is, its status, and its address or how to come to it. */
const PAGES = [
  ["sign in", null, 200, "/login"],
  ["sign in, refused", null, 401, form("/login", "Sign in", async (main) => {
    await main.getByLabel("Name").fill("sam");
    await main.getByLabel("Password").fill("wrong");
  })],
  ["start", "admin", 200, "/"],
  ["start of somebody with little", "ann", 200, "/"],
  ["catalog", "admin", 200, "/c/lake"],
  ["empty catalog", "admin", 200, "/c/empty"],
  ["namespace", "admin", 200, TABLES],
  ["empty namespace", "admin", 200, "/c/lake/empty"],
  ["table", "admin", 200, CUSTOMERS],
  ["table with notes", "admin", 200, `${TABLES}/airports`],
  ["nested table", "admin", 200, `${TABLES}/earthquakes`],
  ["wide table", "admin", 200, `${TABLES}/wide`],
  ["table, some columns", "ann", 200, CUSTOMERS],
  ["edit a column", "sam", 200, `${CUSTOMERS}?edit=3`],
  ["edit a table", "sam", 200, `${CUSTOMERS}?edit=table`],
  ["saved", "sam", 200, `${CUSTOMERS}?done=saved`],
  ["versions", "admin", 200, `${CUSTOMERS}/-/versions`],
  ["partitions", "admin", 200, `${TABLES}/flights/-/partitions`],
  ["no partitions", "admin", 200, `${CUSTOMERS}/-/partitions`],
  ["reports", "admin", 200, `${CUSTOMERS}/-/reports`],
  ["partitions, hidden", "ann", 200, `${TABLES}/flights/-/partitions`],
  ["access", "admin", 200, `${CUSTOMERS}/-/access`],
  ["own access", "ann", 200, `${CUSTOMERS}/-/access`],
  ["revoke", "admin", 200, async (page) => {
    await page.goto(weir.href(`${CUSTOMERS}/-/access`));
    await page.getByRole("link", { name: "Revoke from ann" }).click();
    await page.waitForURL(/revoke$/);
  }],
  ["crawlers", "admin", 200, "/crawlers"],
  ["no crawlers", "ann", 200, "/crawlers"],
  ["crawler", "admin", 200, "/crawlers/samples"],
  ["crawler that never ran", "admin", 200, "/crawlers/idle"],
  ["run", "admin", 200, async (page) => {
    await page.goto(weir.href("/crawlers/samples"));
    await page.getByRole("main").locator("tbody").getByRole("link").last().click();
    await page.waitForURL(/runs/);
  }],
  ["storage", "admin", 200, "/storage"],
  ["no storage", "ann", 200, "/storage"],
  ["a location", "admin", 200, "/storage/warehouse"],
  ["a location, tried", "admin", 200, form("/storage/bucket", "Try again", async () => {})],
  ["a location, tried in vain", "admin", 422, form("/storage/gone", "Try again", async () => {})],
  ["a location, needed", "admin", 409, form("/storage/samples", "Remove the location", async () => {})],
  ["add a location", "admin", 200, "/storage/-/new"],
  ["add a location, wrong", "admin", 422, form("/storage/-/new", "Try and add it", async (main) => {
    await main.getByLabel("Name", { exact: true }).fill("two words");
    await main.getByLabel("URL").fill("s3://lake");
  })],
  ["add a location, silent", "admin", 503, form("/storage/-/new", "Try and add it", async (main) => {
    await main.getByLabel("Name", { exact: true }).fill("silent");
    await main.getByLabel("URL").fill("s3://lake");
    await main.getByLabel("Endpoint", { exact: true }).fill("http://127.0.0.1:9");
  })],
  ["credentials", "admin", 200, "/credentials"],
  ["credentials, forbidden", "ann", 403, "/credentials"],
  ["access, with credentials", "admin", 200, `${TABLES}/vended/-/access`],
  ["audit", "admin", 200, "/audit"],
  ["audit, opened", "admin", 200, async (page) => {
    await page.goto(weir.href("/audit?action=grant.create"));
    for (const details of await page.getByRole("main").locator("details").all()) await details.locator("summary").click();
  }],
  ["audit, nothing", "admin", 200, "/audit?object=nothing-of-this-name"],
  ["audit, wrong filter", "admin", 422, "/audit?from=yesterday"],
  ["audit, forbidden", "ann", 403, "/audit"],
  ["not found", "ann", 404, `${TABLES}/flights-that-never-were`],
  ["wrong method", "admin", 405, "/logout"],
  ["form of another site", null, 403, async (page) => {
    await page.goto(`data:text/html,<form method="post" action="${weir.href("/crawlers/samples/-/start")}"><button>Send</button></form>`);
    await page.getByRole("button").click();
    await page.waitForURL(/crawlers/);
  }],
  ["session ended", "sam", 401, async (page) => {
    await page.goto(weir.href(`${CUSTOMERS}?edit=table`));
    await page.context().clearCookies();
    await page.getByLabel("Business definition").fill("Typed before the session ended");
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL(/annotate/);
  }],
  ["table form, wrong", "sam", 422, form(`${CUSTOMERS}?edit=table`, "Save", (main) => main.getByLabel("Owner").fill("nobody.at.all"))],
  ["grant form, wrong", "admin", 422, form(`${CUSTOMERS}/-/access`, "Grant", async (main) => {
    await main.getByLabel("Who", { exact: true }).fill("nobody.at.all");
    await main.getByLabel("SELECT").check();
  })],
  ["grant form, forgotten privilege", "admin", 422, form(`${CUSTOMERS}/-/access`, "Grant", (main) => main.getByLabel("Who", { exact: true }).fill("ann"))],
  ["conflict", "sam", 409, async (page) => {
    const other = await weir.pageOf("admin");
    for (const one of [page, other]) await one.goto(weir.href(`${CUSTOMERS}?edit=6`));
    const words = `Written first, ${Date.now()}`;
    for (const [one, text] of [[other, words], [page, "Written second, and a good deal longer than what the other one had to say about it"]]) {
      await one.getByLabel("Business definition").fill(text);
      await one.getByRole("main").getByRole("button", { name: "Save country" }).click();
      await one.waitForURL((url) => url.search !== "?edit=6");
    }
    await other.context().close();
  }],
];

let weir;
let api;
before(async () => {
  weir = await start();
  api = await Api.signIn(weir, "admin");
  await furnish();
});
after(() => weir?.stop());

/** What the sample lake has not: a wide table, grants of some columns, long words, empty places. */
async function furnish() {
  await mkdir(join(weir.lake, "wide"));
  const names = Array.from({ length: 200 }, (_, at) => `measurement_of_sensor_${at + 1}`);
  await writeFile(join(weir.lake, "wide", "wide.csv"), `${names.join()}\n${names.map((_, at) => at).join()}\n`);
  const made = async (path, body, method = "POST") => {
    const { status, body: answer } = await api.call(method, path, body);
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  };
  const on = (table) => ({ catalog: "lake", namespace: "samples", table });
  const run = await made("/crawlers/samples/runs");
  await until("the wide table is there", async () => !/queued|running/.test((await api.get(`/crawlers/samples/runs/${run.id}`)).state));
  await made("/grants", { principal: "ann", on: on("customers"), privileges: ["SELECT"], columns: { mode: "only", field_ids: [1, 6] }, reason: "A long reason, as auditors like them, with all that somebody may want to know of it in ten years" });
  await made("/grants", { principal: "ann", on: on("flights"), privileges: ["SELECT"], columns: { mode: "only", field_ids: [1, 2] } });
  await made("/catalogs", { name: "empty" });
  await made("/catalogs/lake/namespaces", { name: "empty" });
  const folder = (name) => join(weir.dataDir, name);
  for (const name of ["gone", "bucket"]) {
    await mkdir(folder(name));
    const settings = name === "bucket" ? { folder: folder(name), kms_key: "arn:aws:kms:eu-central-1:123456789012:key/a-key-of-a-name-that-is-longer-than-most", region: "eu-central-1" } : {};
    await made("/locations", { name, url: name === "bucket" ? "s3://bucket" : `file://${folder(name)}`, zone: "cleaned", settings });
  }
  await rm(folder("gone"), { recursive: true });
  await vend();
  await made("/crawlers", { name: "idle", location: "samples", prefix: "wide", catalog: "lake", namespace: "empty" });
  const long = "https://example.com/an/address/without/a/single/place/to/break/it/that/is/longer/than/a/narrow/window/is/wide";
  const table = "/catalogs/lake/namespaces/samples/tables/airports";
  await made(table, { version: 0, owner: "admin", steward: "sam", sensitivity: "restricted", definition: `Every airport.\n${long}` }, "PATCH");
  const { items } = await api.get(`${table}/columns`);
  for (const [at, level] of ["public", "internal", "confidential", "restricted"].entries()) {
    await made(`${table}/columns/${items[at].field_id}`, { version: 0, sensitivity: level, definition: `Words of people. ${long}` }, "PATCH");
  }
}

/** Makes a table that an engine is given a credential for. */
async function vend() {
  const { client_id, client_secret } = weir.principal("spark");
  const body = new URLSearchParams({ grant_type: "client_credentials", client_id, client_secret }).toString();
  const type = "application/x-www-form-urlencoded";
  const token = await send(`${weir.iceberg}/v1/oauth/tokens`, { method: "POST", headers: { "content-type": type }, body });
  assert.equal(token.status, 200, token.text);
  const headers = {
    authorization: `Bearer ${JSON.parse(token.text).access_token}`, "content-type": "application/json", "x-iceberg-access-delegation": "vended-credentials",
  };
  const schema = { type: "struct", fields: [{ id: 1, name: "id", type: "long", required: false }] };
  const tables = `${weir.iceberg}/v1/lake/namespaces/samples/tables`;
  const table = await send(tables, { method: "POST", headers, body: JSON.stringify({ name: "vended", schema }) });
  assert.equal(table.status, 200, table.text);
}

/** Goes to the page and gives back what was answered, asked for and complained of on the way to its last document. */
async function visit(page, how) {
  const seen = { complaints: [], asked: [] };
  let document;
  page.on("console", (message) => {
    // The browser itself reports every 4xx of a document; the status is asserted on its own.
    if (message.type() === "error" && !/^Failed to load resource/.test(message.text())) seen.complaints.push(message.text());
  });
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  page.on("requestfailed", (request) => seen.complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("request", (request) => seen.asked.push(request.url()));
  page.on("response", (response) => {
    if (response.request().isNavigationRequest() && response.status() !== 303) document = response;
  });
  if (typeof how === "string") await page.goto(weir.href(how));
  else await how(page);
  return { ...seen, status: document.status(), headers: document.headers() };
}

const titles = new Map();

for (const [name, who, status, how] of PAGES) {
  test(`the page "${name}" is sound in every window and theme`, async () => {
    const page = who ? await weir.pageOf(who) : await weir.page();
    const seen = await visit(page, how);
    assert.equal(seen.status, status);
    assert.equal(await page.locator("h1").count(), 1, "headings of the first level");
    const title = await page.title();
    assert.match(title, /. – Weir$/);
    assert.equal(/^Error: /.test(title), status >= 400, title);
    titles.set(title, [...(titles.get(title) ?? []), name]);
    const ids = await page.locator("[id]").evaluateAll((all) => all.map((one) => one.id));
    assert.deepEqual(ids.filter((id, at) => ids.indexOf(id) !== at), [], "ids that are there twice");
    for (const [header, value] of SECURITY_HEADERS) assert.equal(seen.headers[header], value, header);
    assert.equal(seen.headers["cache-control"], "private, no-store");
    assert.equal(seen.headers["set-cookie"], undefined);
    for (const [colorScheme, size] of WINDOWS) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme });
      await expectNoOverflow(page);
      await axe(page);
      if (process.env.WEIR_SHOTS) {
        const path = join(process.env.WEIR_SHOTS, `${name}-${colorScheme}-${size.width}.png`.replaceAll(/[ ,]+/g, "-"));
        await page.screenshot({ path, fullPage: true });
      }
    }
    const origin = new URL(weir.console).origin;
    assert.deepEqual(seen.asked.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith("data:")), []);
    assert.deepEqual(seen.complaints, []);
    await page.context().close();
  });
}

for (const path of ["/", "/crawlers/samples", "/storage", "/storage/bucket", "/credentials", CUSTOMERS, `${TABLES}/vended/-/access`]) {
  test(`in a window of 320 pixels nothing of ${path} is cut off`, async () => {
    const page = await weir.pageOf("admin", { viewport: { width: 320, height: 640 } });
    await page.goto(weir.href(path));
    const cut = await page.evaluate(() => {
      const out = [];
      const range = document.createRange();
      for (const frame of document.querySelectorAll("main .scroll, main nav")) {
        const edge = frame.getBoundingClientRect().right;
        const walk = document.createTreeWalker(frame, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
          range.selectNodeContents(walk.currentNode);
          // The headings of a list of cards are there for screen readers only.
          const seen = walk.currentNode.data.trim() && !walk.currentNode.parentElement.closest("thead, .vh");
          const over = range.getBoundingClientRect().right - edge;
          if (seen && over > 0) out.push(`${frame.className}: ${walk.currentNode.data.trim()}, by ${Math.ceil(over)} px`);
        }
      }
      return [...new Set(out)];
    });
    assert.deepEqual(cut, []);
  });
}

/** Pages that show the same thing in another state share its title. */
const SAME_TITLE = [
  ["start", "start of somebody with little"],
  ["table", "table, some columns", "edit a column", "edit a table", "saved"],
  ["partitions", "partitions, hidden"],
  ["access", "own access"],
  ["storage", "no storage"],
  ["add a location, wrong", "add a location, silent"],
  ["credentials, forbidden", "audit, forbidden"],
  ["crawlers", "no crawlers"],
  ["audit", "audit, opened", "audit, nothing"],
  ["grant form, wrong", "grant form, forgotten privilege"],
];

test("every page has a title of its own", () => {
  assert.ok(titles.size > 20, "the pages were visited");
  const shared = [...titles].filter(([, names]) => {
    return names.length > 1 && !SAME_TITLE.some((same) => names.every((name) => same.includes(name)));
  });
  assert.deepEqual(shared.map(([title, names]) => `${title}: ${names.join(", ")}`), []);
});

/** The headers as the source names them, so that the two cannot part unseen. */
const SECURITY_HEADERS = (() => {
  const source = readFileSync(new URL("../../web/src/security.rs", import.meta.url), "utf8");
  const list = source.slice(source.indexOf("const HEADERS"), source.indexOf("const FETCH_SITE")).replace(/^\s*\/\/.*$/gm, "");
  const literals = [...list.matchAll(/"((?:[^"\\]|\\[^])*)"/g)].map(([, text]) => text.replace(/\\\n\s*/g, ""));
  return literals.filter((_, at) => at % 2 === 0).map((name, at) => [name, literals[2 * at + 1]]);
})();

test("the content security policy lets nothing in that the console does not need", () => {
  const policy = Object.fromEntries(SECURITY_HEADERS)["content-security-policy"];
  assert.equal(SECURITY_HEADERS.length, 6);
  for (const rule of ["default-src 'none'", "script-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "trusted-types 'none'"]) {
    assert.ok(policy.split("; ").includes(rule), `${rule} in ${policy}`);
  }
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
});

test("the console runs no script that a page smuggles in", async () => {
  const page = await weir.pageOf("admin");
  const refused = [];
  page.on("console", (message) => refused.push(message.text()));
  await page.goto(weir.href(CUSTOMERS));
  const tries = await page.evaluate(() => {
    const attempt = (what) => {
      try {
        what();
        return "passed";
      } catch (error) {
        return error.name;
      }
    };
    return [
      attempt(() => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='smuggled = 1'>")),
      attempt(() => document.createElement("img").setAttribute("onerror", "smuggled = 1")),
      attempt(() => Object.assign(document.createElement("script"), { src: "data:text/javascript,smuggled=1" })),
    ];
  });
  assert.deepEqual(tries, ["TypeError", "TypeError", "TypeError"], "Trusted Types");
  await page.evaluate(() => {
    const style = document.createElement("link");
    Object.assign(style, { rel: "stylesheet", href: "https://evil.example/style.css" });
    document.head.append(style);
  });
  await until("the policy refuses a foreign style", () => refused.some((text) => /evil\.example.*Content Security Policy/s.test(text)));
  assert.equal(await page.evaluate(() => globalThis.smuggled), undefined);
});

describe("the budget", () => {
  test("no page is larger than 300 kB, and 200 columns fit in 15 kB on the wire", async () => {
    // A full page of the audit log is the longest list there is.
    for (let count = 0; count < 110; count += 1) await api.call("POST", "/catalogs", { name: `-bad-${count}` });
    const cookie = await weir.cookie("admin");
    const sizes = {};
    for (const [name, who, , how] of PAGES) {
      if (who !== "admin" || typeof how !== "string") continue;
      const { bytes } = await send(weir.href(how), { headers: { cookie } });
      sizes[name] = bytes;
    }
    assert.deepEqual(Object.entries(sizes).filter(([, bytes]) => bytes > MAX_PAGE_BYTES), []);
    const wide = await send(weir.href(`${TABLES}/wide`), { headers: { cookie, "accept-encoding": "gzip" } });
    assert.equal(wide.headers["content-encoding"], "gzip");
    assert.ok(wide.bytes <= MAX_WIDE_GZIP_BYTES, `${wide.bytes} bytes`);
  });

  for (const [name, who, path] of [["the sign-in page", null, "/login"], ["a table", "admin", CUSTOMERS]]) {
    test(`a first visit to ${name} takes at most 4 requests and 45 kB`, async () => {
      const page = who ? await weir.pageOf(who) : await weir.page();
      const requests = [];
      page.on("requestfinished", (request) => !request.url().startsWith("data:") && requests.push(request));
      await page.goto(weir.href(path), { waitUntil: "load" });
      const sizes = await Promise.all(requests.map(async (request) => (await request.sizes()).responseBodySize));
      assert.ok(requests.length >= 3 && requests.length <= MAX_FIRST_VISIT_REQUESTS, requests.map((request) => request.url()).join());
      const total = sizes.reduce((sum, size) => sum + size, 0);
      assert.ok(total > 1000 && total <= MAX_FIRST_VISIT_BYTES, `${total} bytes: ${sizes.join(" + ")}`);
    });
  }

  test("styles and scripts are kept by the browser for good, and by nobody else's name", async () => {
    const { text } = await send(weir.href("/login"));
    const assets = [...text.matchAll(/(?:href|src)="(\/[^"]+\.(?:css|js))"/g)].map(([, path]) => path);
    assert.equal(assets.length, 2);
    for (const path of assets) {
      const answer = await send(weir.href(path));
      assert.match(answer.headers["cache-control"], /max-age=31536000.*immutable|immutable.*max-age=31536000/, path);
      assert.equal(answer.headers["x-content-type-options"], "nosniff", path);
      assert.equal(answer.headers["set-cookie"], undefined, path);
      assert.ok(gzipSync(answer.text).length < 12_000, path);
      const stale = await send(weir.href(path.replace(/[0-9a-f]{6}/, "000000")));
      assert.equal(stale.status, 404, "an asset of another version");
    }
  });
});
