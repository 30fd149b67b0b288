// Runs the tests of one family with the official JavaScript client, and prints as JSON which methods
// the client has, which were called, and how many assertions held.
//
// `node suite.cjs FAMILY OPTIONS`: OPTIONS is JSON with the folder of the client, the address of the
// emulator, its API key, its control URL and a video.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const [family, text] = process.argv.slice(2);
const options = JSON.parse(text);
// The client ignores `baseUrl`: it takes its address from the environment only.
process.env.TWELVELABS_BASE_URL = options.base_url;
// Its helpers report on stdout, which is for the result.
console.log = console.error = console.warn = () => {};
const library = createRequire(path.join(options.client, "index.js"))("twelvelabs-js");

const methods = new Set();
const called = new Set();
let assertions = 0;

/** Replaces every method of a client, also of the clients within, by one that notes its call. */
function observe(target, prefix = "") {
  const names = new Set();
  for (let each = target; each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const name of Object.getOwnPropertyNames(each)) names.add(name);
  }
  for (const name of names) {
    // `client` is the generated client, which the wrapper shows again.
    if (name === "constructor" || name === "client" || name.startsWith("_")) continue;
    const value = target[name];
    if (typeof value === "function") {
      const method = prefix + name;
      methods.add(method);
      target[name] = (...words) => {
        called.add(method);
        return value.apply(target, words);
      };
    } else if (value && typeof value === "object") {
      observe(value, `${prefix}${name}.`);
    }
  }
}

/** Compares a part of a value: the members of `expected` only. */
function check(seen, expected) {
  assertions += 1;
  if (expected === null || typeof expected !== "object" || Array.isArray(expected)) assert.deepEqual(seen, expected);
  else for (const [name, value] of Object.entries(expected)) assert.deepEqual(seen[name], value, `\`${name}\``);
}

function holds(condition, message) {
  assertions += 1;
  assert.ok(condition, message);
}

/** Expects an answer of the emulator that refuses the request. */
async function refused(promise, status, code) {
  assertions += 1;
  const error = await promise.then(() => assert.fail(`${status} ${code} is expected`), (error) => error);
  // Errors in the nested form have the code inside.
  assert.deepEqual([error.statusCode, error.body?.code ?? error.body?.error?.code], [status, code], String(error));
}

/** All items of the pages of a list. */
async function all(pages) {
  const items = [];
  for await (const item of await pages) items.push(item);
  return items;
}

/** Asks again until the value is not `processing` or the like. */
async function until(ask, isDone) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await ask();
    if (isDone(value)) return value;
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A request to the page of the emulator, or to its API without the client. */
async function control(method, path, body) {
  const init = { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) };
  const response = await fetch(options.control_url + path, init);
  const text = await response.text();
  return text ? JSON.parse(text) : undefined;
}

async function upload(client, source, filename) {
  const type = filename.endsWith(".png") ? "image/png" : "video/mp4";
  const file = new File([fs.readFileSync(source)], filename, { type });
  const asset = await client.assets.create({ method: "direct", file, filename });
  const ready = await until(() => client.assets.retrieve(asset.id), (asset) => asset.status !== "processing");
  assert.equal(ready.status, "ready");
  return ready.id;
}

(async () => {
  const client = new library.TwelveLabs({ apiKey: options.api_key });
  observe(client);
  const tools = { assert, check, holds, refused, all, until, control, upload, options, library };
  await require(`./${family}.cjs`)(client, tools);
  const result = { methods: [...methods], called: [...called], assertions };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
})().catch((error) => {
  process.stderr.write(`${error.stack}\n${JSON.stringify(error.body ?? null)}\n`, () => process.exit(1));
});
