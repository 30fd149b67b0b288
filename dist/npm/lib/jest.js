// Jest: `globalSetup: "twelvelabs-cli/jest"` and `globalTeardown: "twelvelabs-cli/jest-teardown"`.
import setup from "./vitest.js";

export default async function () {
  globalThis.__tlEmulatorStop = await setup();
}
