// A Weir on the sample lake and a browser to look at it with, for the journeys beside this file.
//
//     const weir = await start();
//     after(() => weir.stop());
//     const page = await weir.page();
//     await weir.signIn(page, "…");

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const POLL_MS = 20;
const READY_MS = 120_000;
const STOP_MS = 15_000;
const AXE_MS = 30_000;
// Target size and whatever else WCAG 2.2 added are left out unless they are named.
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const BROWSER_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts `$WEIR_BIN demo` on a directory of its own, and a browser. `env` is added to the server's environment. */
export async function start({ env = {} } = {}) {
  const dir = await directory();
  const dataDir = join(dir, "data");
  const server = serve(dataDir, { env });
  const undo = async () => {
    await end(server);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const told = await ready(server);
    const browser = await chromium.launch({ executablePath: browserPath(), args: BROWSER_ARGS });
    return new Weir({ ...told, dataDir, lake: join(dataDir, "lake") }, browser, undo);
  } catch (error) {
    await undo();
    throw error;
  }
}

/** A new directory that the server's Postgres can reach: started by root, Weir runs it as another account. */
export async function directory() {
  const dir = await mkdtemp(join(tmpdir(), "weir-"));
  await chmod(dir, 0o711);
  return dir;
}

/** What the server said of itself (`console`, `management`, `principals`, `tables`), where its files lie, and the browser. */
class Weir {
  #undo;
  #cookies = new Map();

  constructor(told, browser, undo) {
    Object.assign(this, told);
    this.browser = browser;
    this.#undo = undo;
  }

  /** A page with cookies of its own. Options are those of a browser context, as `{ javaScriptEnabled: false }`. */
  async page(options = {}) {
    const context = await this.browser.newContext(options);
    context.setDefaultTimeout(10_000);
    return context.newPage();
  }

  /** A page of somebody who is signed in. The session is shared with their other pages: do not sign out of it. */
  async pageOf(name, options = {}) {
    if (!this.#cookies.has(name)) {
      const first = await this.page();
      await this.signIn(first, name);
      this.#cookies.set(name, await first.context().cookies());
      await first.context().close();
    }
    const page = await this.page(options);
    await page.context().addCookies(this.#cookies.get(name));
    return page;
  }

  /** The session of somebody who is signed in, as the header that a browser sends. */
  async cookie(name) {
    const page = await this.pageOf(name);
    const cookies = await page.context().cookies();
    await page.context().close();
    return cookies.map((one) => `${one.name}=${one.value}`).join("; ");
  }

  principal(name) {
    const found = this.principals.find((principal) => principal.name === name);
    assert.ok(found, `no principal ${name} among ${this.principals.map((one) => one.name).join(", ")}`);
    return found;
  }

  /** Signs in through the form, as a person would, and returns once the page after it is there. */
  async signIn(page, name) {
    const { password } = this.principal(name);
    assert.ok(password, `${name} has no password`);
    await page.goto(new URL("/login", this.console).href);
    await page.locator('input[name="name"]').fill(name);
    await page.locator('input[name="password"]').fill(password);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL((url) => url.pathname !== "/login");
  }

  href(path) {
    return new URL(path, this.console).href;
  }

  async stop() {
    try {
      await this.browser.close();
    } finally {
      await this.#undo();
    }
  }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Fails when axe finds anything wrong with the page as it is now. The page must be one with JavaScript: axe waits on timers. */
export async function axe(page) {
  // Evaluated, not added as a script: the console's content security policy allows no foreign script.
  await page.evaluate(axeSource);
  const run = page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), AXE_TAGS);
  const { violations } = await within(AXE_MS, run, "axe did not finish");
  const found = violations.map(
    ({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `    ${node.target}  ${node.html}`).join("\n")}`,
  );
  assert.deepEqual(found, [], `axe on ${page.url()}:\n${found.join("\n")}`);
}

/** Fails when the page scrolls sideways, and names what sticks out. */
export async function expectNoOverflow(page) {
  const wide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const out = [...document.body.querySelectorAll("*")].filter(
      (element) => element.getBoundingClientRect().right + window.scrollX > clientWidth,
    );
    return [`${scrollWidth} > ${clientWidth} px`, ...out.slice(0, 5).map((element) => element.outerHTML.slice(0, 120))];
  });
  assert.deepEqual(wide, [], `${page.url()} is wider than its window`);
}

/** Asks `check` until it gives something other than nothing or `false`, and gives that back. */
export async function until(what, check, limitMs = 20_000) {
  const deadline = Date.now() + limitMs;
  let last;
  while (Date.now() < deadline) {
    try {
      last = undefined;
      const found = await check();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`${what}: not within ${limitMs} ms`, { cause: last });
}

/** A demo on a data directory, as a process to wait for, to stop and to kill. */
export function serve(dataDir, { env = {}, listen = "127.0.0.1:0" } = {}) {
  const program = process.env.WEIR_BIN;
  assert.ok(program, "WEIR_BIN names the weir to test; tests/run.sh sets it");
  const args = ["demo", "--data-dir", dataDir, "--listen", listen, "--print", "json"];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const log = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line) > 200 && log.shift());
  const exited = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(`exit ${code ?? signal}`));
  });
  // Should the test process end early, the server goes with it, and its Postgres with the server.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  if (process.listenerCount("SIGTERM") === 0) process.once("SIGTERM", () => process.exit(143));
  exited.then(() => process.off("exit", kill));
  return { child, exited, log };
}

/** The one line of JSON that says that it serves. */
export async function ready({ child, exited, log }) {
  const line = new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve));
  const ended = exited.then((how) => {
    throw new Error(how);
  });
  try {
    return JSON.parse(await within(READY_MS, Promise.race([line, ended]), "it was not ready in time"));
  } catch (error) {
    throw new Error(`weir did not start: ${error.message}\n${log.join("\n")}`);
  }
}

export async function within(limitMs, work, complaint) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function end({ child, exited }) {
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(timer);
}

function browserPath() {
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(delimiter)];
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  throw new Error("no Chromium or Google Chrome found; tests/run.sh installs one on Debian");
}
