// Finds the programs in the package of the platform.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);

/** The path of `tl` or `tl-probe`. */
export function programPath(name = "tl") {
  const platform = `twelvelabs-cli-${process.platform}-${process.arch}`;
  let manifest;
  try {
    manifest = require.resolve(`${platform}/package.json`);
  } catch {
    throw new Error(
      `the package ${platform} is not installed: there are programs for linux-x64, and they are ` +
        "optional dependencies, which --omit=optional leaves out",
    );
  }
  return path.join(path.dirname(manifest), "bin", name);
}
