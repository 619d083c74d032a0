/** The C programs beside this file: compiled when they are first used, kept below node_modules. */
import { mkdir, stat } from "node:fs/promises";
import { execa } from "execa";

const CACHE = new URL("../../../node_modules/.cache/sanlab-bench/", import.meta.url).pathname;

const programs = new Map<string, Promise<string>>();

/** The path of the program; `libraries` as the linker takes them. */
export function compiled(name: string, libraries: readonly string[] = []): Promise<string> {
  const known = programs.get(name);
  if (known !== undefined) return known;
  const program = compile(name, libraries);
  programs.set(name, program);
  return program;
}

async function compile(name: string, libraries: readonly string[]): Promise<string> {
  const source = new URL(`${name}.c`, import.meta.url).pathname;
  const program = `${CACHE}${name}`;
  const [written, built] = await Promise.all([stat(source), stat(program).catch(() => undefined)]);
  if (built !== undefined && built.mtimeMs > written.mtimeMs) return program;
  await mkdir(CACHE, { recursive: true });
  await execa("gcc", ["-O2", "-Wall", "-Werror", "-o", program, source, ...libraries]);
  return program;
}
