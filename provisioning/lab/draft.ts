import { isAbsolute, resolve } from "node:path";
import { ADDITION_NAMES, type Addition } from "@sanlab/vm/image/additions.ts";
import { memoryWantedMiB } from "@sanlab/vm/memory.ts";
import type { Path } from "./document.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import {
  BUILT_IN,
  DEFAULT_MEMORY_MIB,
  DEFAULT_PATIENCE_MS,
  DEFAULT_PORTAL,
  DEFAULT_SEGMENT_BYTES,
  defaultIqn,
} from "./lab.ts";
import { parseSize } from "./size.ts";

/** Sections of named texts. */
export type TextSection = "faults";
export type Section = "pools" | "disks" | "agents" | "hosts" | "zones";

/** One named thing of a section, possibly wrong: what is not of the right kind reads as undefined or as nothing. */
export class DraftEntry {
  readonly name: string;
  readonly path: Path;
  readonly #record: Readonly<Record<string, unknown>>;

  constructor(name: string, path: Path, record: Readonly<Record<string, unknown>>) {
    this.name = name;
    this.path = path;
    this.#record = record;
  }

  get keys(): readonly string[] {
    return Object.keys(this.#record);
  }

  has(key: string): boolean {
    return this.#record[key] !== undefined;
  }

  text(key: string): string | undefined {
    const value = this.#record[key];
    return typeof value === "string" ? value : undefined;
  }

  flag(key: string): boolean {
    return this.#record[key] === true;
  }

  count(key: string): number | undefined {
    const value = this.#record[key];
    return typeof value === "number" ? value : undefined;
  }

  /** The mapping under a key. */
  child(key: string): DraftEntry | undefined {
    const value = this.#record[key];
    return isRecord(value) ? new DraftEntry(key, [...this.path, key], value) : undefined;
  }

  size(key: string): number | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : parseSize(text);
  }

  list(key: string): readonly { readonly value: string; readonly path: Path }[] {
    const value = this.#record[key];
    if (!Array.isArray(value)) return [];
    return value.flatMap((item: unknown, index) =>
      typeof item === "string" ? [{ value: item, path: [...this.path, key, index] }] : [],
    );
  }

  entries(key: string): DraftEntry[] {
    const value = this.#record[key];
    if (!Array.isArray(value)) return [];
    return value.flatMap((item: unknown, index) =>
      isRecord(item) ? [new DraftEntry(String(index), [...this.path, key, index], item)] : [],
    );
  }
}

/** A lab file as far as it can be read, for the rules that the schema cannot state. */
export class Draft {
  readonly name: string;
  readonly directory: string;
  readonly #value: Readonly<Record<string, unknown>>;

  constructor(value: unknown, directory: string) {
    this.#value = isRecord(value) ? value : {};
    this.directory = directory;
    this.name = typeof this.#value.lab === "string" ? this.#value.lab : "";
  }

  /** All names of a section, those of wrong entries too, so that an error in one does not become a second one elsewhere. */
  names(section: Section): readonly string[] {
    const value = this.#value[section];
    return isRecord(value) ? Object.keys(value) : [];
  }

  entries(section: Section): DraftEntry[] {
    const value = this.#value[section];
    if (!isRecord(value)) return [];
    return Object.entries(value).flatMap(([name, entry]) =>
      isRecord(entry) ? [new DraftEntry(name, [section, name], entry)] : [],
    );
  }

  texts(section: TextSection): { readonly name: string; readonly path: Path; readonly text: string }[] {
    const value = this.#value[section];
    if (!isRecord(value)) return [];
    return Object.entries(value).flatMap(([name, text]) =>
      typeof text === "string" ? [{ name, path: [section, name], text }] : [],
    );
  }

  /** Sections of named lists of texts. */
  lists(section: "aliases" | "zoneSets") {
    const value = this.#value[section];
    if (!isRecord(value)) return [];
    return Object.entries(value).map(([name, list]) => ({
      name,
      items: new DraftEntry(section, [], { [name]: list })
        .list(name)
        .map((item) => ({ ...item, path: [section, ...item.path] })),
    }));
  }

  get activeZoneSet(): string | undefined {
    const name = this.#value.activeZoneSet;
    return typeof name === "string" ? name : undefined;
  }

  /** Where the controller listens for other machines. */
  get listen(): DraftEntry | undefined {
    const value = this.#value.listen;
    return isRecord(value) ? new DraftEntry("listen", ["listen"], value) : undefined;
  }

  entry(section: Section, name: string | undefined): DraftEntry | undefined {
    return this.entries(section).find((entry) => entry.name === name);
  }

  segmentBytes(pool: DraftEntry): number | undefined {
    return pool.has("segment") ? pool.size("segment") : DEFAULT_SEGMENT_BYTES;
  }

  portal(agent: DraftEntry): Endpoint | undefined {
    return agent.has("portal") ? parseEndpoint(agent.text("portal") ?? "") : DEFAULT_PORTAL;
  }

  /** Those that there are. */
  additions(host: DraftEntry): readonly Addition[] {
    const names = host.list("additions").map(({ value }) => value);
    return ADDITION_NAMES.filter((name) => names.includes(name));
  }

  memoryMiB(host: DraftEntry): number | undefined {
    if (!host.has("memory")) return Math.max(DEFAULT_MEMORY_MIB, memoryWantedMiB(this.additions(host)));
    const bytes = host.size("memory");
    return bytes === undefined ? undefined : bytes / 1024 ** 2;
  }

  iqn(host: DraftEntry): string | undefined {
    return host.has("iqn") ? host.text("iqn") : defaultIqn(this.name, host.name);
  }

  devicePath(device: DraftEntry): string | undefined {
    return this.filePath(device, "path");
  }

  /** A path, made absolute: paths are relative to the lab file. */
  filePath(entry: DraftEntry, key: string): string | undefined {
    const path = entry.text(key);
    if (path === undefined || path === "") return undefined;
    return isAbsolute(path) ? resolve(path) : resolve(this.directory, path);
  }

  /** An image's path, or `BUILT_IN` as it is. */
  imagePath(entry: DraftEntry): string | undefined {
    return entry.text("image") === BUILT_IN ? BUILT_IN : this.filePath(entry, "image");
  }

  patienceMs(host: DraftEntry): number {
    const [, digits = "", unit = ""] = /^([0-9]+)(s|min)$/.exec(host.text("patience") ?? "") ?? [];
    return digits === "" ? DEFAULT_PATIENCE_MS : Number(digits) * (unit === "min" ? 60_000 : 1_000);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
