/**
 * CRC32C by Intel's ISA-L, where the machine has it (Debian: libisal2). It is quicker than the npm library: 10 µs instead of
 * 20 for 256 KiB, and it needs no tables, which the data of the reads before has always pushed out of the caches.
 */
import { readFileSync } from "node:fs";
import koffi from "koffi";

const LIBRARY = "libisal.so.2";
/** What the processor must have for `crc32_iscsi_01`. */
const X64_FLAGS = ["sse4_2", "pclmulqdq"];

/** `crc` (0 to begin) carried on over `bytes`, of which there is at least one. */
export type Crc32cUpdate = (crc: number, bytes: Uint8Array) => number;

/** Undefined where the machine has no such library, or this processor does not do what it asks for. */
export function crc32cByIsaL(): Crc32cUpdate | undefined {
  const name = functionFor(process.arch);
  if (name === undefined) return undefined;
  const digest = found(name);
  return digest && ((crc, bytes) => ~digest(bytes, bytes.length, ~crc >>> 0) >>> 0);
}

/** A function of its C interface, the state of the digest in and out. */
function found(name: string): ReturnType<ReturnType<typeof koffi.load>["func"]> | undefined {
  try {
    return koffi.load(LIBRARY).func(`uint32_t ${name}(const uint8_t *bytes, int length, uint32_t state)`);
  } catch {
    // The library is not there, or has no such function: it is done without.
    return undefined;
  }
}

/**
 * `crc32_iscsi` itself would take a version for AVX-512 where there is one. That leaves the upper halves of the vector
 * registers in use (it lacks `vzeroupper`), which slows down all that runs after it: a read with digests then takes as long as
 * with the npm library, 8.3 µs, and 6.5 with this one.
 */
function functionFor(architecture: string): string | undefined {
  if (architecture !== "x64") return "crc32_iscsi";
  const flags = processorFlags();
  return X64_FLAGS.every((flag) => flags.has(flag)) ? "crc32_iscsi_01" : undefined;
}

function processorFlags(): ReadonlySet<string> {
  const line = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  return new Set(line.trim().split(" "));
}
