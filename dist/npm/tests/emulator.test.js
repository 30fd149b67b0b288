// What the npm package promises, with fetch as the client.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { programPath, startEmulator } from "twelvelabs-cli";
import setup, { useEmulator } from "twelvelabs-cli/vitest";

const tl = useEmulator({ beforeAll, beforeEach, afterAll });

async function call(method, path, body) {
  const response = await fetch(process.env.TWELVELABS_BASE_URL + path, {
    method,
    body: body && JSON.stringify(body),
    headers: { "x-api-key": process.env.TWELVE_LABS_API_KEY, "content-type": "application/json" },
  });
  return { status: response.status, body: await response.json() };
}

test("clients read the environment", async () => {
  const models = [{ model_name: "marengo3.0", model_options: ["visual"] }];
  const created = await call("POST", "/indexes", { index_name: "films", models });
  expect(created.status).toBe(201);
  expect((await call("GET", "/indexes")).body.data).toHaveLength(1);
});

test("each test starts without data, and faults are injected", async () => {
  expect((await call("GET", "/indexes")).body.data).toEqual([]);
  await tl.emulator.addFault("indexes.list nth=1 status=503");
  expect((await call("GET", "/indexes")).status).toBe(503);
  expect(await tl.emulator.journal({ status: 503 })).toHaveLength(1);
});

test("the clock moves on request", async () => {
  await tl.emulator.setClock("manual");
  const before = await tl.emulator.now();
  await tl.emulator.advance(3600);
  await tl.emulator.advance({ until: "idle" });
  expect((await tl.emulator.now()) > before).toBe(true);
});

test("a global setup starts an emulator and stops it", async () => {
  const stop = await setup();
  const url = process.env.TWELVELABS_BASE_URL;
  expect((await call("GET", "/indexes")).status).toBe(200);
  await stop();
  await expect(fetch(url)).rejects.toThrow();
  Object.assign(process.env, tl.emulator.env);
});

test("the command uses the emulator, and a bad option is an error with its reason", async () => {
  const { stdout } = await promisify(execFile)(programPath(), ["--json", "index", "list"]);
  expect(JSON.parse(stdout)).toEqual([]);
  await expect(startEmulator({ args: ["--plan", "none-such"] })).rejects.toThrow("--plan");
});
