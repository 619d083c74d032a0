import { connectQmp } from "./qmp.ts";
import { VmError } from "./vm-error.ts";

const TIMEOUT_MS = 2_000;

/** What a sentence about a host needs of it. */
export interface HostFacts {
  /** The beginning of a sentence: its name, or where it runs while QEMU does not answer. */
  readonly called: string;
  readonly memoryMiB?: number;
}

/** As QEMU says: whoever waits for a guest need not know how it was started. */
export async function hostFacts(runDir: string): Promise<HostFacts> {
  try {
    const qmp = await connectQmp(runDir, TIMEOUT_MS);
    try {
      const { name } = (await qmp.execute("query-name")) as { name: string };
      const memory = (await qmp.execute("query-memory-size-summary")) as { "base-memory": number };
      return { called: `Host '${name}'`, memoryMiB: memory["base-memory"] / 2 ** 20 };
    } finally {
      qmp.close();
    }
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    return { called: `The guest in ${runDir}` };
  }
}
