// What people come to the console for, done as they do it.

import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { directory, start, until } from "./harness.mjs";

const MODES = [
  ["with JavaScript", {}],
  ["without JavaScript", { javaScriptEnabled: false }],
];
const TABLES = "/c/lake/samples";
const CUSTOMERS = `${TABLES}/customers`;

let weir;
before(async () => {
  weir = await start();
});
after(() => weir?.stop());

const main = (page) => page.getByRole("main");
const flash = (page) => main(page).getByRole("status");
const row = (page, grid, name) =>
  page.getByRole("table").and(page.locator(`.${grid}`)).getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });
const field = (page, label) => main(page).getByLabel(label, { exact: true });
const press = (page, name) => main(page).getByRole("button", { name, exact: true }).click();
const texts = async (locator) => (await locator.allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());

async function open(page, path) {
  const response = await page.goto(weir.href(path));
  return response.status();
}


async function trySignIn(page, name, password) {
  await open(page, "/login");
  await field(page, "Name").fill(name);
  await field(page, "Password").fill(password);
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await press(page, "Sign in");
  const status = (await answer).status();
  await page.waitForLoadState();
  return status;
}

test("a wrong password and an unknown name are refused in the same words", async () => {
  const page = await weir.page();
  const seen = [];
  for (const [name, password] of [["admin", "wrong"], ["nobody-here", "wrong"], ["duckdb", "wrong"]]) {
    assert.equal(await trySignIn(page, name, password), 401);
    seen.push(await main(page).getByRole("alert").innerText());
    assert.equal(await field(page, "Name").inputValue(), name, "the name is kept");
    assert.equal(await field(page, "Password").inputValue(), "", "the password is not");
    assert.match(await page.title(), /^Error: /);
    assert.deepEqual(await page.context().cookies(), []);
  }
  assert.match(seen[0], /The name or the password is wrong/);
  assert.deepEqual(new Set(seen).size, 1, seen.join("\n---\n"));
});

test("after signing out the way back shows nothing", async () => {
  const page = await weir.page();
  await weir.signIn(page, "admin");
  await open(page, CUSTOMERS);
  await open(page, `${CUSTOMERS}/-/access`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL((url) => url.pathname === "/login");
  assert.match(await flash(page).innerText(), /You are signed out/);
  for (let steps = 0; steps < 2; steps += 1) {
    await page.goBack();
    assert.equal(new URL(page.url()).pathname, "/login");
    assert.doesNotMatch(await page.content(), /customer_id|Grant access/);
  }
  assert.deepEqual(await page.context().cookies(), []);
});

test("signing in leads back to the page that was asked for", async () => {
  const page = await weir.page();
  await open(page, `${CUSTOMERS}?edit=3`);
  assert.equal(new URL(page.url()).pathname, "/login");
  await field(page, "Name").fill("sam");
  await field(page, "Password").fill(weir.principal("sam").password);
  await press(page, "Sign in");
  await page.waitForURL((url) => url.pathname === CUSTOMERS);
  assert.equal(new URL(page.url()).search, "?edit=3");
  assert.equal(await field(page, "Business definition").count(), 1);
});

const ELSEWHERE = [
  "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:evil.example",
  "/\t/evil.example", "/\n/evil.example", " //evil.example", "javascript:alert(1)", "data:text/html,x", "/.//evil.example",
  "/%09/evil.example", "/%2F/evil.example", "/c/..//evil.example", "@evil.example", "//evil.example@127.0.0.1/",
];

test("no value of next leads off the site", async () => {
  const page = await weir.page();
  const asked = new Set();
  page.on("request", (request) => asked.add(new URL(request.url()).origin));
  const here = new URL(weir.console).origin;
  for (const next of ELSEWHERE.slice(0, 3)) {
    await open(page, `/login?next=${encodeURIComponent(next)}`);
    await field(page, "Name").fill("ann");
    await field(page, "Password").fill(weir.principal("ann").password);
    await press(page, "Sign in");
    await page.waitForURL((url) => url.pathname !== "/login");
    assert.equal(page.url(), `${here}/`, `next=${JSON.stringify(next)}`);
    await page.context().clearCookies();
  }
  await weir.signIn(page, "ann");
  for (const next of ELSEWHERE) {
    await open(page, `/login?next=${encodeURIComponent(next)}`);
    assert.equal(new URL(page.url()).origin, here, `next=${JSON.stringify(next)}`);
  }
  assert.deepEqual([...asked].filter((origin) => origin !== here && origin !== "null"), []);
});

test("a table is found by following links from the start page", async () => {
  const page = await weir.pageOf("sam");
  await open(page, "/");
  await main(page).getByRole("link", { name: "lake" }).click();
  await main(page).getByRole("link", { name: "samples" }).click();
  await page.waitForURL(weir.href(TABLES));
  const tables = await texts(page.locator("table.tables th[scope=row]"));
  assert.deepEqual(tables, ["airlines", "airports", "customers", "earthquakes", "flights", "movies", "penguins", "weather"]);
  await main(page).getByRole("link", { name: "flights" }).click();
  await page.waitForURL(weir.href(`${TABLES}/flights`));
  const columns = await texts(page.locator("table.columns th[scope=row]"));
  assert.ok(columns.includes("delay_reason"), columns.join());
  assert.deepEqual(columns.slice(-2), ["year partition key", "month partition key"]);
  assert.match(await page.locator(".technical").innerText(), /parquet · v1 · 30 k rows · 1[23] files/i);
  for (const [tab, heading] of [["Versions", "Version 1"], ["Partitions", "year=2013/month=01"], ["Access", "SELECT"]]) {
    await page.getByRole("navigation", { name: "Table" }).getByRole("link", { name: tab }).click();
    await main(page).getByText(heading).first().waitFor();
  }
});

for (const [mode, options] of MODES) {
  test(`a steward edits a column in place and becomes its author, ${mode}`, async () => {
    const name = mode === "with JavaScript" ? "full_name" : "country";
    const page = await weir.pageOf("sam", options);
    await open(page, CUSTOMERS);
    const column = row(page, "columns", name);
    await column.getByRole("link", { name: `Edit ${name}` }).click();
    await field(page, "Business definition").fill(`What ${name} means,\nin two lines`);
    await field(page, "Sensitivity").selectOption("confidential");
    await column.getByRole("button", { name: `Save ${name}` }).click();
    await flash(page).waitFor();
    assert.equal(await flash(page).innerText(), "✓ Saved.");
    assert.equal(await column.locator(".prose").innerText(), `What ${name} means,\nin two lines`);
    assert.match(await column.locator(".badge").innerText(), /Confidential/);
    assert.equal(await column.locator(".by").innerText(), "sam, just now");
    const at = Date.parse(await column.locator(".by time").getAttribute("datetime"));
    assert.ok(Math.abs(Date.now() - at) < 60_000, `edited at ${new Date(at).toISOString()}`);
    assert.match(await main(page).locator(".facts").innerText(), /Confidential highest of its columns/);
  });
}

test("a column's form that is sent as it was opened changes nothing and says so", async () => {
  const page = await weir.pageOf("sam");
  await open(page, `${CUSTOMERS}?edit=13`);
  await page.getByRole("button", { name: "Save loyalty_points" }).click();
  await flash(page).waitFor();
  assert.match(await flash(page).innerText(), /Nothing was changed/);
  assert.equal(await row(page, "columns", "loyalty_points").locator(".by").count(), 0);
});

test("Ctrl+Enter saves and Escape cancels", async () => {
  const page = await weir.pageOf("sam");
  await open(page, `${CUSTOMERS}?edit=13`);
  await page.keyboard.press("Tab");
  await field(page, "Business definition").focus();
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => url.search === "");
  await open(page, `${CUSTOMERS}?edit=13`);
  await field(page, "Business definition").fill("Points");
  await page.keyboard.press("Control+Enter");
  await flash(page).waitFor();
  assert.equal(await row(page, "columns", "loyalty_points").locator(".prose").innerText(), "Points");
});

test("a steward names the owner and the steward of a table", async () => {
  const page = await weir.pageOf("sam");
  await open(page, `${TABLES}/airports`);
  await main(page).getByRole("link", { name: /^Edit owner, steward/ }).click();
  await field(page, "Owner").fill("admin");
  await field(page, "Steward").fill("sam");
  await press(page, "Save");
  await flash(page).waitFor();
  const facts = await main(page).locator(".facts").innerText();
  assert.match(facts, /Owner\s+admin sam, just now/);
  assert.match(facts, /Steward\s+sam sam, just now/);
  await open(page, TABLES);
  assert.match(await row(page, "tables", "airports").innerText(), /admin/);
});

for (const [mode, options] of MODES) {
  test(`an owner whom nobody knows brings the form back as it was typed, ${mode}`, async () => {
    const page = await weir.pageOf("sam", options);
    await open(page, `${TABLES}/movies?edit=table`);
    await field(page, "Owner").fill("no.such.person");
    await field(page, "Steward").fill("sam");
    await field(page, "Sensitivity").selectOption("internal");
    await field(page, "Business definition").fill("  Kept as typed\n");
    const answer = page.waitForResponse((response) => response.request().method() === "POST");
    await press(page, "Save");
    assert.equal((await answer).status(), 422);
    const summary = main(page).getByRole("alert");
    await summary.waitFor();
    assert.match(await page.title(), /^Error: /);
    assert.ok(await summary.evaluate((element) => element === document.activeElement), "the summary has the focus");
    assert.match(await summary.innerText(), /There is a problem\. Nothing was changed\./);
    assert.equal(await field(page, "Owner").inputValue(), "no.such.person");
    assert.equal(await field(page, "Steward").inputValue(), "sam");
    assert.equal(await field(page, "Sensitivity").inputValue(), "internal");
    assert.match(await field(page, "Business definition").inputValue(), /Kept as typed/);
    assert.equal(await field(page, "Owner").getAttribute("aria-invalid"), "true");
    const said = await page.locator("#e-owner").innerText();
    assert.ok(said.includes(await summary.getByRole("link").innerText()), "the same words stand at the field");
    await summary.getByRole("link").click();
    assert.ok(await field(page, "Owner").evaluate((element) => element === document.activeElement), "the link leads to the field");
    await open(page, `${TABLES}/movies`);
    assert.match(await main(page).locator(".facts").innerText(), /No owner/);
  });
}

for (const [mode, options] of MODES) {
  test(`the second of two who edit one row sees both texts and puts theirs on top, ${mode}`, async () => {
    const id = mode === "with JavaScript" ? 4 : 5;
    const path = mode === "with JavaScript" ? "phone" : "birth_date";
    const [first, second] = [await weir.pageOf("sam", options), await weir.pageOf("admin", options)];
    for (const page of [first, second]) await open(page, `${CUSTOMERS}?edit=${id}`);
    await field(first, "Business definition").fill("Sam's words");
    await field(first, "Sensitivity").selectOption("restricted");
    await press(first, `Save ${path}`);
    await flash(first).waitFor();
    await field(second, "Business definition").fill("Admin's words");
    const answer = second.waitForResponse((response) => response.request().method() === "POST");
    await press(second, `Save ${path}`);
    assert.equal((await answer).status(), 409);
    await main(second).getByRole("heading", { level: 1, name: "Somebody changed this while you were editing" }).waitFor();
    const both = await row(second, "conflict", "Business definition").innerText();
    for (const words of ["empty", "Sam's words", "sam, just now", "Admin's words"]) assert.ok(both.includes(words), `${words} in ${both}`);
    assert.equal(await field(second, "Sensitivity").inputValue(), "restricted", "what the second had not touched stays the first's");
    await press(second, "Save mine on top");
    await flash(second).waitFor();
    const column = row(second, "columns", path);
    assert.equal(await column.locator(".prose").innerText(), "Admin's words");
    assert.equal(await column.locator(".by").innerText(), "admin, just now");
    assert.match(await column.locator(".badge").innerText(), /Restricted/);
  });
}

for (const [mode, options] of MODES) {
  test(`two granted columns are all that an analyst sees, and nothing once they are revoked, ${mode}`, async () => {
    const [admin, ann] = [await weir.pageOf("admin", options), await weir.pageOf("ann", options)];
    assert.equal(await open(ann, CUSTOMERS), 404);
    await open(admin, `${CUSTOMERS}/-/access`);
    await field(admin, "Who").fill("ann");
    await main(admin).getByLabel("SELECT").check();
    await main(admin).getByLabel("Only the ticked ones").check();
    await main(admin).getByText("Choose columns").click();
    await main(admin).getByLabel("customer_id").check();
    await main(admin).getByLabel("country").check();
    await field(admin, "Reason").fill("Market report");
    await press(admin, "Grant");
    await flash(admin).waitFor();
    const granted = row(admin, "grants", /^ann/);
    assert.match(await granted.innerText(), /SELECT/);
    assert.match(await granted.innerText(), /Only customer_id, country/);
    assert.match(await granted.innerText(), /admin, just now\s*Market report/);

    assert.equal(await open(ann, TABLES), 200);
    assert.deepEqual(await texts(ann.locator("table.tables th[scope=row]")), ["airlines", "airports", "customers"]);
    assert.equal(await open(ann, CUSTOMERS), 200);
    assert.deepEqual(await texts(ann.locator("table.columns th[scope=row]")), ["customer_id", "country"]);
    assert.match(await main(ann).innerText(), /You see some of the columns of this table/);
    for (const tab of ["", "/-/versions", "/-/partitions", "/-/access"]) {
      assert.equal(await open(ann, CUSTOMERS + tab), 200, tab);
      const html = await ann.content();
      assert.doesNotMatch(html, /full_name|email|phone|birth_date|address|postcode|loyalty_points|created_at/, tab);
      assert.doesNotMatch(html, /file:|\/lake\/customers|\.parquet/, `the location on ${tab || "the columns tab"}`);
    }
    assert.equal(await open(ann, `${TABLES}/flights`), 404);

    await granted.getByRole("link", { name: "Revoke from ann" }).click();
    await press(admin, "Revoke from ann");
    await flash(admin).waitFor();
    assert.equal(await row(admin, "grants", /^ann/).count(), 0);
    assert.equal(await open(ann, CUSTOMERS), 404, "at the next page");
    await open(ann, TABLES);
    assert.deepEqual(await texts(ann.locator("table.tables th[scope=row]")), ["airlines", "airports"]);
  });
}

test("granting the same once more brings the form back and says so", async () => {
  const page = await weir.pageOf("admin");
  const grant = async () => {
    await open(page, `${TABLES}/weather/-/access`);
    await field(page, "Who").fill("spark");
    await main(page).getByLabel("SELECT").check();
    const answer = page.waitForResponse((response) => response.request().method() === "POST");
    await press(page, "Grant");
    const status = (await answer).status();
    await page.waitForLoadState();
    return status;
  };
  assert.equal(await grant(), 303);
  const status = await grant();
  assert.ok(status === 409 || status === 422, `${status}`);
  const said = await main(page).innerText();
  assert.match(said, /grant exists already/);
  assert.doesNotMatch(said, /another name/, "a grant has no name");
  assert.equal(await field(page, "Who").count(), 1, "the form is there");
  assert.equal(await field(page, "Who").inputValue(), "spark");
});

test("words that were sent after the session had ended are kept, and saved after signing in again", async () => {
  const page = await weir.page();
  await weir.signIn(page, "sam");
  await open(page, `${TABLES}/airlines?edit=1`);
  await field(page, "Business definition").fill("Two letters,\nor \"three\"");
  await page.context().clearCookies();
  await main(page).getByRole("button", { name: /^Save / }).click();
  await main(page).getByRole("heading", { name: "Your session has ended" }).waitFor();
  const opened = page.context().waitForEvent("page");
  await main(page).getByRole("link", { name: "Sign in in a new tab" }).click();
  const tab = await opened;
  await field(tab, "Name").fill("sam");
  await field(tab, "Password").fill(weir.principal("sam").password);
  await press(tab, "Sign in");
  await tab.waitForURL((url) => url.pathname !== "/login");
  await press(page, "Send it again");
  await flash(page).waitFor();
  assert.equal(await page.locator("table.columns .prose").first().innerText(), "Two letters,\nor \"three\"");
});

test("the first version of a table breaks no reader, as it had none", async () => {
  const page = await weir.pageOf("admin");
  await open(page, `${CUSTOMERS}/-/versions`);
  const first = page.locator(".timeline li").filter({ has: page.getByRole("heading", { name: "Version 1" }) }).last();
  assert.doesNotMatch(await first.innerText(), /breaks readers/);
});

/** Runs the crawler as the steward and returns once its report is complete. */
async function crawl(page) {
  await open(page, "/crawlers/samples");
  await press(page, "Run now");
  await page.waitForURL((url) => url.pathname.startsWith("/crawlers/samples/runs/"));
  const state = main(page).locator(".state").first();
  await until("the run is over", async () => {
    if (!/Queued|Running/.test(await state.innerText())) return true;
    await page.reload();
    return false;
  });
  return state.innerText();
}

test("a steward starts the crawler and reads which files it could not use, and why", async () => {
  const page = await weir.pageOf("sam");
  await open(page, "/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Crawlers" }).click();
  await main(page).getByRole("link", { name: "samples", exact: true }).click();
  assert.match(await crawl(page), /Finished with problems/);
  await main(page).getByRole("heading", { name: "Problems" }).waitFor();
  const problems = await texts(main(page).getByRole("table").last().locator("tbody tr"));
  assert.equal(problems.length, 2, problems.join("\n"));
  const [broken, empty] = problems;
  assert.match(broken, /flights\/year=2013\/month=12\/part-broken\.parquet\s+not a Parquet file/);
  assert.match(empty, /weather\/empty\.csv\s+the file is empty/);
});

test("a column and a partition that appear in the lake appear in the catalog, and words of people stay", async () => {
  const page = await weir.pageOf("sam");
  const penguins = `${TABLES}/penguins`;
  await open(page, penguins);
  const names = await texts(page.locator("table.columns th[scope=row]"));
  const species = row(page, "columns", names[2]);
  await species.getByRole("link", { name: /^Edit / }).click();
  await field(page, "Business definition").fill("Which penguin it is");
  await main(page).getByRole("button", { name: /^Save / }).click();
  await flash(page).waitFor();
  await crawl(page);

  const raw = await readFile(join(weir.lake, "penguins", "penguins-raw.csv"), "utf8");
  const [head, ...lines] = raw.trimEnd().split(/\r?\n/);
  const wider = [`${head},Ring Colour`, ...lines.slice(0, 50).map((line) => `${line},blue`)];
  await writeFile(join(weir.lake, "penguins", "penguins-ringed.csv"), `${wider.join("\n")}\n`);
  const flights = join(weir.lake, "flights");
  await mkdir(join(flights, "year=2014", "month=01"), { recursive: true });
  await copyFile(join(flights, "year=2013", "month=08", "part-0.parquet"), join(flights, "year=2014", "month=01", "part-0.parquet"));
  await crawl(page);
  const report = await main(page).innerText();
  assert.match(report, /lake\.samples\.penguins/);
  assert.match(report, /Ring Colour/);
  assert.match(report, /lake\.samples\.flights[^]*1 partition added/);

  await open(page, `${penguins}/-/versions`);
  const newest = page.locator(".timeline li").filter({ has: page.getByRole("heading", { name: "Version 2" }) });
  assert.deepEqual(await texts(newest.locator("ul.changes li")), ["+ Added Ring Colour string"]);
  assert.deepEqual(await texts(page.locator(".timeline h2")), ["Version 2", "Version 1"]);
  await open(page, `${TABLES}/flights/-/partitions`);
  const partitions = await texts(page.locator("table.grid th[scope=row]"));
  assert.equal(partitions.length, 13);
  assert.equal(partitions.at(-1), "year=2014/month=01");

  await crawl(page);
  assert.match(await main(page).innerText(), /Nothing changed\./);
  await open(page, penguins);
  assert.deepEqual(await texts(page.locator("table.columns th[scope=row]")), [...names, "Ring Colour"]);
  assert.equal(await species.locator(".prose").innerText(), "Which penguin it is");
  assert.match(await species.locator(".by").innerText(), /^sam, /);
  await open(page, `${penguins}/-/versions`);
  assert.deepEqual(await texts(page.locator(".timeline h2")), ["Version 2", "Version 1"]);
});

/** Sends the form with this button and gives back the status of the answer. */
async function send(page, button) {
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await press(page, button);
  const status = (await answer).status();
  await page.waitForLoadState();
  return status;
}

for (const [mode, options] of MODES) {
  test(`an operator adds a folder as a location, finds it in the list and tries it again, ${mode}`, async () => {
    const [name, folder] = [mode === "with JavaScript" ? "landing" : "landing_2", await directory()];
    const page = await weir.pageOf("admin", options);
    await open(page, "/");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Storage" }).click();
    await main(page).getByRole("link", { name: "Add a location" }).click();
    await field(page, "Name").fill("landing zone");
    await field(page, "URL").fill(`file://${folder}/none`);
    await field(page, "Zone").selectOption("raw");
    await field(page, "Kind").selectOption("s3");
    await field(page, "Id").fill("AKIAEXAMPLE");
    await field(page, "Secret").fill("hush-hush");
    assert.equal(await send(page, "Try and add it"), 422);
    assert.equal(await field(page, "Name").getAttribute("aria-invalid"), "true");
    assert.match(await page.locator("#e-name").innerText(), /letters, digits/);
    assert.equal(await field(page, "Name").inputValue(), "landing zone");
    assert.equal(await field(page, "Zone").inputValue(), "raw");
    assert.equal(await field(page, "Id").inputValue(), "AKIAEXAMPLE");
    assert.equal(await field(page, "Secret").inputValue(), "", "the secret is not kept");
    assert.doesNotMatch(await page.content(), /hush-hush/);

    await field(page, "Name").fill(name);
    await field(page, "Id").fill("");
    assert.equal(await send(page, "Try and add it"), 422);
    assert.match(await page.locator("#e-url").innerText(), /does not exist/);
    await field(page, "URL").fill(`file://${folder}`);
    assert.equal(await send(page, "Try and add it"), 303);
    assert.match(await flash(page).innerText(), /tried and added/);
    const listed = row(page, "locations", name);
    const told = (await listed.innerText()).replace(/\s+/g, " ");
    for (const words of [`file://${folder}`, "Raw", "their own path", "none kept"]) assert.ok(told.includes(words), `${words} in ${told}`);

    await listed.getByRole("link").click();
    await page.waitForURL(weir.href(`/storage/${name}`));
    assert.equal(await send(page, "Try again"), 303);
    assert.match(await flash(page).innerText(), /was tried/);
    await rm(folder, { recursive: true });
    assert.notEqual(await send(page, "Try again"), 303);
    assert.match(await main(page).getByRole("alert").innerText(), /does not exist/);
    assert.equal(await send(page, "Remove the location"), 303);
    assert.match(await flash(page).innerText(), /is removed/);
    assert.equal(await row(page, "locations", name).count(), 0);
    await open(page, "/storage/samples");
    assert.equal(await send(page, "Remove the location"), 409);
    assert.match(await main(page).getByRole("alert").innerText(), /needed by the crawler `samples`/);
  });
}

test("the audit log has every change, by whom, and filters them", async () => {
  const page = await weir.pageOf("admin");
  const rows = async (filter) => {
    await open(page, "/audit");
    for (const [label, value] of Object.entries(filter)) {
      if (label === "Outcome") await field(page, label).selectOption(value);
      else await field(page, label).fill(value);
    }
    await press(page, "Filter");
    await page.waitForURL((url) => url.search !== "");
    for (const [label, value] of Object.entries(filter)) assert.equal(await field(page, label).inputValue(), value, "the filter stays");
    return texts(page.locator("table.audit tbody tr"));
  };
  for (const [who, action, object, outcome] of [
    ["sam", "column.annotate", "lake.samples.customers", "OK"],
    ["admin", "column.annotate", "lake.samples.customers", "OK"],
    ["sam", "table.annotate", "lake.samples.airports", "OK"],
    ["admin", "grant.create", "lake.samples.customers", "OK"],
    ["admin", "grant.revoke", "lake.samples.customers", "OK"],
    ["sam", "crawler.start", "samples", "OK"],
    ["crawler.samples", "table.alter", "lake.samples.penguins", "OK"],
    ["crawler.samples", "table.alter", "lake.samples.flights", "OK"],
    ["admin", "session.sign_out", "", "OK"],
    ["nobody-here", "session.sign_in", "", "Denied"],
  ]) {
    const found = await rows({ Who: who, Action: action, "Object contains": object });
    assert.ok(found.length > 0, `${who} ${action} ${object}`);
    for (const one of found) {
      assert.ok(one.includes(who) && one.includes(action) && one.includes(object) && one.includes(outcome), one);
    }
  }
  const denied = await rows({ Outcome: "denied" });
  assert.ok(denied.length >= 3 && denied.every((one) => one.includes("Denied")), denied.join("\n"));
  const today = new Date().toISOString().slice(0, 10);
  assert.ok((await rows({ "From (UTC)": today, "Until (UTC)": today })).length > 10);
  await rows({ "From (UTC)": "2030-01-01" });
  assert.match(await main(page).innerText(), /Nothing matches/);
});
