/** Loaded ahead of an agent (`--import`): it runs without the place where faults are asked for. */
import { registerHooks } from "node:module";

const FILE = "/target/scsi/task-set.ts";
const PLACE = "command.server.injector?.execute(command, dataOut)";

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith(FILE)) return loaded;
    const source = String(loaded.source);
    if (!source.includes(PLACE)) throw new Error(`${FILE} does not ask for faults by '${PLACE}' any more.`);
    return { ...loaded, source: source.replace(PLACE, "undefined") };
  },
});
