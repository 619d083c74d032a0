import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmError } from "../vm-error.ts";
import type { StagedRoot } from "./staged-root.ts";

/** Index files that depmod reads, beside the modules themselves. */
const DEPMOD_INPUTS = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/**
 * Copies `names` and the modules they depend on out of the kernel package's tree into `destination`, a root of
 * their own with fresh indexes. Returns the kernel's version.
 */
export async function selectModules(root: StagedRoot, names: readonly string[], destination: string): Promise<string> {
  const [version] = await readdir(join(root.directory, "usr/lib/modules"));
  if (version === undefined) throw new VmError("IMAGE_BUILD_FAILED", "The Debian kernel package has no modules.");
  // The package has no modules.dep: installation makes it.
  await root.run("usr/sbin/depmod", ["-b", root.directory, version]);
  const source = join(root.directory, "usr/lib/modules", version);
  const dependencies = parseModulesDep(await readFile(join(source, "modules.dep"), "utf8"));
  const builtIn = new Set((await readFile(join(source, "modules.builtin"), "utf8")).split("\n").map(moduleName));
  const target = join(destination, "lib/modules", version);
  for (const path of [...moduleClosure(dependencies, builtIn, names), ...DEPMOD_INPUTS]) {
    await mkdir(join(target, dirname(path)), { recursive: true });
    await cp(join(source, path), join(target, path));
  }
  await root.run("usr/sbin/depmod", ["-b", destination, version]);
  return version;
}

/** modules.dep (depmod(8)): a line per module, `path: path…`, all that must be loaded before it. By module name. */
export function parseModulesDep(text: string): Map<string, readonly string[]> {
  const modules = new Map<string, readonly string[]>();
  for (const line of text.split("\n")) {
    const [path, rest] = line.split(":");
    if (path === undefined || rest === undefined) continue;
    modules.set(moduleName(path), [path, ...rest.split(" ").filter((part) => part !== "")]);
  }
  return modules;
}

/** The files of `names` and of what they need, each once. Throws IMAGE_BUILD_FAILED for a name that no kernel module has. */
export function moduleClosure(
  dependencies: ReadonlyMap<string, readonly string[]>,
  builtIn: ReadonlySet<string>,
  names: readonly string[],
): string[] {
  const files = new Set<string>();
  for (const name of names.map(moduleName)) {
    const paths = dependencies.get(name);
    if (paths === undefined && !builtIn.has(name)) {
      throw new VmError("IMAGE_BUILD_FAILED", `The Debian kernel has no module '${name}', which guests need.`);
    }
    for (const path of paths ?? []) files.add(path);
  }
  return [...files].sort();
}

/** The kernel takes '-' and '_' in module names for the same; files may be compressed. */
function moduleName(path: string): string {
  return (path.split("/").at(-1) ?? path).replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
}
