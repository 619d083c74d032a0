import { hostProcess } from "@sanlab/vm";
import { readHostRecords } from "../hosts/record.ts";
import { hostRunDirectory } from "../state/layout.ts";

/**
 * Looks after QEMU hosts: says in the log when one ended by itself. Nobody restarts it, since what ran in it may not
 * want that; `sanlab status` shows it as died, and `sanlab up` starts it again.
 */
export function watchHosts(state: string, log: (message: string, details: object) => void) {
  const died = new Set<string>();
  return {
    async look(): Promise<void> {
      for (const { name, wanted } of await readHostRecords(state)) {
        const isRunning = (await hostProcess(hostRunDirectory(state, name))) !== undefined;
        if (isRunning || wanted === "stopped") died.delete(name);
        else if (!died.has(name)) {
          died.add(name);
          log("a QEMU host ended by itself", { host: name });
        }
      }
    },
  };
}
