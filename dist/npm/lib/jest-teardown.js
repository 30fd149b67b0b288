// Stops the emulator that `jest.js` started.
export default async function () {
  await globalThis.__tlEmulatorStop?.();
}
