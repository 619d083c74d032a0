/** The value of --lun: `N=PATH[,key=value…]`, or `N=mem,size=…`. */
import { type CacheMode, UserError } from "node-iscsi-target";
import { parseSize, SIZE_FORMAT } from "../lab/size.ts";

export interface LunOption {
  readonly lun: number;
  /** undefined: in memory. */
  readonly path: string | undefined;
  readonly sizeBytes?: number;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly thin: boolean;
  readonly blockBytes: 512 | 4096;
  readonly cache: CacheMode;
  /** Where the key is that it is encrypted with: a file, or memory; undefined: it is not encrypted. */
  readonly key?: { readonly path: string } | "memory";
}

const CACHE_MODES: readonly CacheMode[] = ["writeback", "writethrough", "none"];

type Settings = { -readonly [K in keyof LunOption]: LunOption[K] } & { encrypted?: string | true };
type Key = (settings: Settings, value: string | undefined) => boolean;

/** Each sets what it means, and answers whether its value is one it takes. */
const KEYS: Readonly<Record<string, Key>> = {
  ro: (s, v) => {
    s.readOnly = true;
    return v === undefined;
  },
  removable: (s, v) => {
    s.removable = true;
    return v === undefined;
  },
  thin: (s, v) => {
    s.thin = true;
    return v === undefined;
  },
  blocksize: (s, v) => {
    s.blockBytes = v === "4096" ? 4096 : 512;
    return v === "512" || v === "4096";
  },
  cache: (s, v) => {
    s.cache = CACHE_MODES.find((mode) => mode === v) ?? "writeback";
    return v === s.cache;
  },
  encrypted: (s, v) => {
    s.encrypted = v ?? true;
    return v !== "";
  },
  size: (s, v) => {
    const bytes = parseSize(v ?? "");
    if (bytes !== undefined) s.sizeBytes = bytes;
    return bytes !== undefined;
  },
};

const EXPECTED: Readonly<Record<string, string>> = {
  blocksize: "512 or 4096",
  cache: "writeback, writethrough or none",
  encrypted: "the file of the key, or no value",
  size: SIZE_FORMAT,
};

/** @throws UserError with the part that is wrong and what was expected. */
export function parseLun(text: string): LunOption {
  const [, number, rest] = /^(\d+)=(.+)$/.exec(text) ?? [];
  if (number === undefined || rest === undefined || Number(number) > 16383) {
    throw new UserError("lun", `--lun ${text}: expected N=PATH with N from 0 to 16383, such as 0=disk.img,size=1GiB.`);
  }
  const [place, ...items] = rest.split(",") as [string, ...string[]];
  const settings: Settings = {
    lun: Number(number),
    path: place === "mem" ? undefined : place,
    readOnly: false,
    removable: false,
    thin: false,
    blockBytes: 512,
    cache: "writeback",
  };
  for (const item of items) apply(settings, item, text);
  if (settings.path === undefined && settings.sizeBytes === undefined) {
    throw new UserError("lun", `--lun ${text}: a disk in memory needs its size, such as ${number}=mem,size=64MiB.`);
  }
  const { encrypted, ...lun } = settings;
  return encrypted === undefined ? lun : { ...lun, key: keyOf(lun, encrypted, text) };
}

/** Beside the image unless it is said where: a device has no such place, and in memory is no file at all. */
function keyOf({ path }: LunOption, encrypted: string | true, text: string): { readonly path: string } | "memory" {
  if (encrypted !== true) return { path: encrypted };
  if (path === undefined) return "memory";
  if (!path.startsWith("/dev/")) return { path: `${path}.key` };
  throw new UserError("lun", `--lun ${text}: beside a device is no place for its key; say where, as encrypted=FILE.`);
}

function apply(settings: Settings, item: string, text: string): void {
  const at = item.indexOf("=");
  const name = at < 0 ? item : item.slice(0, at);
  const key = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
  if (key === undefined) {
    throw new UserError(
      "lun",
      `--lun ${text}: "${name}" is no key of a LUN; expected one of ${Object.keys(KEYS).join(", ")}.`,
    );
  }
  const value = at < 0 ? undefined : item.slice(at + 1);
  if (!key(settings, value)) {
    throw new UserError(
      "lun",
      `--lun ${text}: "${item}" is wrong; expected ${name}${EXPECTED[name] ? `= ${EXPECTED[name]}` : " without a value"}.`,
    );
  }
}
