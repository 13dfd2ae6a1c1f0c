// What is left after a power cut in the middle of a crawl, and how a server stops, starts again and refuses to start.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Api, send } from "./client.mjs";
import { directory, end, ready, serve, until, within } from "./harness.mjs";

const FOLDERS = 1500;
const SAMPLE_TABLES = ["airlines", "airports", "customers", "earthquakes", "flights", "movies", "penguins", "weather"];
const SAMPLES = SAMPLE_TABLES.length;
const READY_AGAIN_MS = 5_000;
const EXIT_MS = 15_000;
const TABLES = "/catalogs/lake/namespaces/samples/tables";
const RUNS = "/crawlers/samples/runs";
const isOver = ({ state }) => !/queued|running/.test(state);

let dir;
let dataDir;
let port;
let server;
let told;

before(async () => {
  dir = await directory();
  dataDir = join(dir, "data");
  port = await freePort();
  await boot();
});
after(async () => {
  if (server) await end(server);
  if (dir) await rm(dir, { recursive: true, force: true });
});

async function boot() {
  server = serve(dataDir, { listen: `127.0.0.1:${port}` });
  told = await ready(server);
}

/** Starts the server again and gives back how long it took until it said of itself that it is ready, in ms. */
async function bootAgain() {
  const begun = Date.now();
  server = serve(dataDir, { listen: `127.0.0.1:${port}` });
  const isReady = async () => (await send(`http://127.0.0.1:${port}/readyz`)).status === 200;
  await Promise.race([until("it is ready", isReady, 60_000), server.exited.then((how) => assert.fail(`${how}\n${server.log.join("\n")}`))]);
  const took = Date.now() - begun;
  told = await ready(server);
  return took;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}

async function postmaster() {
  return Number((await readFile(join(dataDir, "postgres", "postmaster.pid"), "utf8")).split("\n")[0]);
}

/** The processes that live in the data directory's cluster: the postmaster and its children. */
async function postgresProcesses() {
  const found = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    if (cwd === join(dataDir, "postgres")) found.push(Number(pid));
  }
  return found;
}

const kill = (pid) => {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
};

/** A second process that should refuse to start: how it ended, and what it said. */
async function refused(other, listen) {
  const second = serve(other, { listen });
  try {
    const how = await within(EXIT_MS, second.exited, "it did not give up");
    return { how, said: second.log.join("\n") };
  } finally {
    await end(second);
  }
}

/** Every table as it is told of one by one, and what is wrong with any. */
async function tables(api) {
  const listed = await api.all(TABLES);
  const wrong = [];
  const look = async (table) => {
    const whole = await api.get(`${TABLES}/${table.name}`);
    const { items: versions } = await api.get(`${TABLES}/${table.name}/versions`);
    const paths = whole.columns.map(({ path }) => path);
    const expected = /^crash-(\d+)$/.exec(table.name);
    const own = expected && paths.join() === `id,name_${expected[1]}` && table.files === 1 && table.bytes > 0;
    const asExpected = own || SAMPLE_TABLES.includes(table.name);
    const versioned = versions.length === 1 && versions[0].number === 1 && versions[0].schema.fields.length > 0;
    if (whole.version !== 1 || paths.length === 0 || !asExpected || !versioned) wrong.push(JSON.stringify(whole));
  };
  for (let at = 0; at < listed.length; at += 16) await Promise.all(listed.slice(at, at + 16).map(look));
  return { names: listed.map(({ name }) => name), wrong };
}

describe("kill -9 of the server and of all of its Postgres in the middle of a crawl", () => {
  let api;
  let run;
  let half;

  before(async () => {
    const folder = (at) => join(dataDir, "lake", `crash-${String(at).padStart(4, "0")}`);
    for (let at = 0; at < FOLDERS; at += 1) {
      const name = String(at).padStart(4, "0");
      await mkdir(folder(at));
      await writeFile(join(folder(at), "part.csv"), `id,name_${name}\n1,a\n2,b\n`);
    }
    api = await Api.signIn(told, "admin");
    // A person's word, written just before.
    const written = await api.call("PATCH", `${TABLES}/airlines`, { version: 0, definition: "Written before the power went" });
    assert.equal(written.status, 200);
    run = (await api.call("POST", RUNS)).body.id;
    await until("some tables are made and not all", async () => (await api.all(TABLES)).length > SAMPLES + 100, 60_000);
    const processes = await postgresProcesses();
    assert.ok(processes.includes(await postmaster()) && processes.length > 3, processes.join());
    kill(server.child.pid);
    for (const pid of processes) kill(pid);
    await server.exited;
  });

  test("it is ready again within 5 s", async () => {
    const took = await bootAgain();
    assert.ok(took <= READY_AGAIN_MS, `${took} ms`);
    api = await Api.signIn(told, "admin");
    half = (await api.all(TABLES)).length;
    assert.ok(half >= SAMPLES + 100, `${half} tables: what was there is there`);
  });

  test("the run is interrupted, and another one completes it", async () => {
    assert.equal((await api.get(`${RUNS}/${run}`)).state, "interrupted");
    const retry = await until("the retry is over", async () => {
      const [newest] = await api.all(RUNS);
      return newest.id !== run && isOver(newest) ? newest : undefined;
    }, 120_000);
    assert.equal(retry.state, "finished_with_problems", "the sample lake has two files that cannot be used");
    assert.equal(retry.trigger, "retry");
    assert.equal(retry.counts.tables, SAMPLES + FOLDERS);
    assert.ok(retry.counts.tables_created > 0, "the kill came in the middle of the crawl");
    assert.ok(retry.counts.tables_created <= FOLDERS - (half - SAMPLES) + 100, "what was made is not made again");
    const interrupted = await api.get(`${RUNS}/${run}`);
    assert.ok(interrupted.finished_at, "it has an end");
  });

  test("every folder is one table with one version and its own columns, and none is half-written", async () => {
    const { names, wrong } = await tables(api);
    assert.deepEqual(wrong.slice(0, 3), []);
    assert.equal(names.length, SAMPLES + FOLDERS);
    assert.equal(new Set(names).size, names.length);
  });

  test("each table's making is in the audit log once", async () => {
    const made = new Map();
    let after = "";
    do {
      const page = await api.get(`/audit?action=table.create&limit=1000${after && `&after=${encodeURIComponent(after)}`}`);
      for (const { object } of page.items) made.set(object, (made.get(object) ?? 0) + 1);
      after = page.next;
    } while (after);
    assert.equal(made.size, SAMPLES + FOLDERS);
    assert.deepEqual([...made].filter(([, times]) => times !== 1), []);
  });

  test("what people wrote before is still there", async () => {
    const { business } = await api.get(`${TABLES}/airlines`);
    assert.equal(business.definition.value, "Written before the power went");
  });

  test("one more crawl changes nothing", async () => {
    const id = (await api.call("POST", RUNS)).body.id;
    const report = await until("it is over", async () => {
      const now = await api.get(`${RUNS}/${id}`);
      return isOver(now) ? now : undefined;
    }, 60_000);
    const { tables_created, versions, partitions_added, partitions_changed, partitions_removed } = report.counts;
    assert.deepEqual([tables_created, versions, partitions_added, partitions_changed, partitions_removed], [0, 0, 0, 0, 0]);
    assert.deepEqual(report.changes, []);
  });
});

test("kill -9 of the server alone takes its Postgres along, and a restart works", async () => {
  const was = await postmaster();
  kill(server.child.pid);
  await server.exited;
  const took = await bootAgain();
  assert.ok(took <= READY_AGAIN_MS, `${took} ms`);
  assert.notEqual(await postmaster(), was);
  assert.ok(!(await postgresProcesses()).includes(was), "the old one is gone");
  const api = await Api.signIn(told, "admin");
  assert.equal((await api.all(TABLES)).length, SAMPLES + FOLDERS);
});

test("kill -9 of Postgres alone ends the server with the reason, and a restart works", async () => {
  kill(await postmaster());
  const how = await within(EXIT_MS, server.exited, "the server did not end");
  assert.equal(how, "exit 1");
  assert.match(server.log.join("\n"), /The embedded Postgres ended/);
  await bootAgain();
  const api = await Api.signIn(told, "admin");
  assert.equal((await api.all(TABLES)).length, SAMPLES + FOLDERS);
});

test("a second server on the same data directory is refused in plain words, and does not disturb the first", async () => {
  const { how, said } = await refused(dataDir, "127.0.0.1:0");
  assert.equal(how, "exit 1");
  assert.match(said, /Another weir runs on this data directory: \S+\. Stop it, or choose another one\./);
  assert.doesNotMatch(said, /panicked|RUST_BACKTRACE|Error \{/);
  assert.equal((await send(`${told.console}/readyz`)).status, 200);
});

test("a port that is in use is refused in plain words, and leaves no Postgres behind", async () => {
  const other = join(dir, "other");
  const { how, said } = await refused(other, `127.0.0.1:${port}`);
  assert.equal(how, "exit 1");
  assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port} cannot be listened on: .*in use.*--listen`));
  assert.doesNotMatch(said, /panicked|RUST_BACKTRACE|Error \{/);
  const left = await readFile(join(other, "postgres", "postmaster.pid"), "utf8").catch(() => "");
  await until("its Postgres is gone", async () => !left || !(await readlink(`/proc/${left.split("\n")[0]}/cwd`).catch(() => "")));
});

test("a data directory that cannot be written is refused in plain words", async () => {
  const file = join(dir, "a-file");
  await writeFile(file, "");
  const { how, said } = await refused(join(file, "data"), "127.0.0.1:0");
  assert.equal(how, "exit 1");
  assert.match(said, /a-file.*(Not a directory|cannot be written)/);
  assert.doesNotMatch(said, /panicked|RUST_BACKTRACE|Error \{/);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  test(`${signal} in the middle of a crawl stops everything in order, and the next start takes the crawl up again`, async () => {
    const api = await Api.signIn(told, "admin");
    // Every folder gets a file more, so that the crawl has something to do.
    for (let at = 0; at < 300; at += 1) {
      const name = String(at).padStart(4, "0");
      await writeFile(join(dataDir, "lake", `crash-${name}`, `more-${signal}.csv`), `id,name_${name}\n3,c\n`);
    }
    const run = (await api.call("POST", RUNS)).body.id;
    await until("the crawl has begun", async () => (await api.get(`${RUNS}/${run}`)).state === "running");
    server.child.kill(signal);
    assert.equal(await within(EXIT_MS, server.exited, "it did not stop"), "exit 0");
    assert.deepEqual(await postgresProcesses(), []);
    await assert.rejects(readFile(join(dataDir, "postgres", "postmaster.pid")), { code: "ENOENT" }, "an orderly stop of Postgres");
    await bootAgain();
    const next = await Api.signIn(told, "admin");
    const newest = await until("a run is over", async () => {
      const [first] = await next.all(RUNS);
      return isOver(first) ? first : undefined;
    }, 60_000);
    const { state } = await next.get(`${RUNS}/${run}`);
    if (newest.id === run) assert.equal(state, "finished_with_problems", "it was done before the signal came");
    else assert.deepEqual([state, newest.state, newest.trigger], ["interrupted", "finished_with_problems", "retry"]);
    const { files } = await next.get(`${TABLES}/crash-0299`);
    assert.equal(files, signal === "SIGTERM" ? 2 : 3);
    assert.equal((await next.all(TABLES)).length, SAMPLES + FOLDERS);
  });
}
