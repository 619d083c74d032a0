/** What agents have under way at storage devices, and for whom. */
import type { SimProcess } from "../world/sim-agent.ts";

/** What a host's I/O is about, found again at the device by the buffer or the options that came along. */
export interface IoContext {
  readonly table: string;
  /** The logical unit that it goes to. */
  readonly unit: string;
  /** Virtual blocks in the order of the buffer. */
  readonly blocks: readonly number[];
  /** Who writes, where reservations count. */
  readonly initiator?: string;
}

/** Whose table it is of a system call that carries nothing that says so. */
export const NOBODY = "nobody";

/** System calls of an agent on a storage device. */
export interface DeviceIo {
  readonly kind: "read" | "write" | "zero";
  readonly process: SimProcess;
  readonly path: string;
  /** Blocks of the device. */
  readonly first: number;
  readonly count: number;
  /** Virtual block that the first one is; undefined for zeros, which carry no buffer. */
  readonly context: Pick<IoContext, "table" | "unit" | "initiator"> & { readonly block: number | undefined };
}

export function name({ kind, process, path, first, count, context }: DeviceIo): string {
  return `${kind} of blocks ${first}+${count} of ${path} by ${process.name} for ${context.table}`;
}
