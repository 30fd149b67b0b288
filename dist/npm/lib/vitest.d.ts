import type { Emulator, EmulatorOptions } from "./index.js";

/** Sets the two variables for all tests; the returned function stops the emulator. */
export default function setup(): Promise<() => Promise<void>>;

type Hook = (run: () => Promise<void>) => unknown;

/**
 * In a test file of Vitest or Jest: starts an emulator for the file, sets the two variables, and
 * resets it before each test.
 *
 *     import { beforeAll, beforeEach, afterAll, test } from "vitest";
 *     const tl = useEmulator({ beforeAll, beforeEach, afterAll });
 *     test("…", async () => { await tl.emulator.addFault("tasks.create nth=1 lose_answer"); });
 */
export function useEmulator(
  hooks: { beforeAll: Hook; beforeEach: Hook; afterAll: Hook },
  options?: EmulatorOptions,
): { readonly emulator: Emulator };
