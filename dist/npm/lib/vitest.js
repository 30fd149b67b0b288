// Vitest: `globalSetup: "twelvelabs-cli/vitest"` starts an emulator for all tests; `useEmulator`
// starts one for a file and resets it before each test.
import { startEmulator } from "./index.js";

/** Options of `tl emulator`, separated by spaces. */
const args = () => (process.env.TL_EMULATOR_ARGS ?? "").split(" ").filter(Boolean);

/** Sets the two variables for all tests; the returned function stops the emulator. */
export default async function setup() {
  const emulator = await startEmulator({ args: args() });
  Object.assign(process.env, emulator.env);
  return () => emulator.stop();
}

/** In a test file of Vitest or Jest: an object that is the emulator during the tests. */
export function useEmulator(hooks, options = {}) {
  const current = {};
  const before = {};
  hooks.beforeAll(async () => {
    current.emulator = await startEmulator({ args: args(), ...options });
    for (const [name, value] of Object.entries(current.emulator.env)) {
      before[name] = process.env[name];
      process.env[name] = value;
    }
  });
  hooks.beforeEach(() => current.emulator.reset());
  hooks.afterAll(async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = value;
      }
    }
    await current.emulator?.stop();
  });
  return current;
}
