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

const READY_MS = 120_000;
const STOP_MS = 15_000;
const AXE_MS = 30_000;
const BROWSER_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts `$WEIR_BIN demo` on a directory of its own, and a browser. */
export async function start() {
  const dir = await mkdtemp(join(tmpdir(), "weir-"));
  // Started by root, Weir runs Postgres as another account, which must pass through here.
  await chmod(dir, 0o711);
  const server = serve(join(dir, "data"));
  const undo = async () => {
    await end(server);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const told = await ready(server);
    const browser = await chromium.launch({ executablePath: browserPath(), args: BROWSER_ARGS });
    return new Weir(told, browser, undo);
  } catch (error) {
    await undo();
    throw error;
  }
}

/** What the server said of itself (`console`, `management`, `principals`, `tables`), and the browser. */
class Weir {
  #undo;

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
  const { violations } = await within(AXE_MS, page.evaluate(() => globalThis.axe.run()), "axe did not finish");
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

function serve(dataDir) {
  const program = process.env.WEIR_BIN;
  assert.ok(program, "WEIR_BIN names the weir to test; tests/run.sh sets it");
  const args = ["demo", "--data-dir", dataDir, "--listen", "127.0.0.1:0", "--print", "json"];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const log = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line) > 200 && log.shift());
  const exited = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(`exit ${code ?? signal}`));
  });
  // Should the test process end early, the server goes with it, and its Postgres with the server.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  process.once("SIGTERM", () => process.exit(143));
  exited.then(() => process.off("exit", kill));
  return { child, exited, log };
}

/** The one line of JSON that says that it serves. */
async function ready({ child, exited, log }) {
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

async function within(limitMs, work, complaint) {
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

async function end({ child, exited }) {
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
