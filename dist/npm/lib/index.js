// The emulator as a child process, and its control API.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { programPath } from "./program.js";

export { programPath };

const START_MS = 30_000;
const STOP_MS = 10_000;

/** Starts `tl emulator` on a free port of 127.0.0.1. */
export async function startEmulator({ args = [], program = programPath("tl") } = {}) {
  const child = spawn(program, ["--json", "emulator", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors = [];
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text) => {
    errors.push(text);
    errors.splice(0, errors.length - 100);
  });
  const first = new Promise((resolve, reject) => {
    const failed = (why) => reject(new Error(`tl emulator did not start: ${errors.join("").trim() || why}`));
    const timer = setTimeout(() => failed(`no answer within ${START_MS / 1000} s`), START_MS);
    createInterface({ input: child.stdout }).once("line", (line) => {
      clearTimeout(timer);
      resolve(line);
    });
    child.once("error", (error) => failed(error.message));
    child.once("close", (code) => {
      clearTimeout(timer);
      failed(`exit code ${code}`);
    });
  });
  try {
    const started = JSON.parse(await first);
    // With --json, an error is an object too.
    if (started.error) {
      throw new Error(`tl emulator did not start: ${started.error.message}`);
    }
    const emulator = new Emulator(child, started);
    await emulator.remember();
    return emulator;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

class Emulator {
  #child;
  #mode;
  #plan;

  constructor(child, started) {
    this.#child = child;
    this.baseUrl = started.base_url;
    this.apiKey = started.api_key;
    this.controlUrl = started.pages.replace(/\/$/, "");
    this.env = {
      TWELVELABS_BASE_URL: this.baseUrl,
      TWELVE_LABS_API_KEY: this.apiKey,
    };
  }

  /** Keeps what `reset` restores. */
  async remember() {
    this.#mode = (await this.control("GET", "/clock")).mode;
    this.#plan = (await this.control("GET", "/faults")).plan;
  }

  async control(method, path, body) {
    const response = await fetch(this.controlUrl + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${text}`);
    }
    return text ? JSON.parse(text) : undefined;
  }

  async journal(filters = {}) {
    const query = new URLSearchParams(Object.entries(filters).map(([name, value]) => [name, `${value}`]));
    return (await this.control("GET", `/journal?${query}`)).entries;
  }

  async now() {
    return (await this.control("GET", "/clock")).now;
  }

  async setClock(mode) {
    await this.control("PUT", "/clock", { mode });
  }

  async advance(by) {
    await this.control("POST", "/clock/advance", typeof by === "number" ? { seconds: by } : by);
  }

  async addFault(fault) {
    await this.control("POST", "/faults", fault);
  }

  async clearFaults() {
    await this.control("DELETE", "/faults");
  }

  async seed(seed) {
    return this.control("POST", "/seed", seed);
  }

  async reset() {
    await this.control("POST", "/reset");
    await this.control("PUT", "/faults", this.#plan);
    await this.setClock(this.#mode);
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return;
    }
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(timer);
  }
}
