/** Who opens a device is told of no sync that failed before: what lies there is shown to hosts once others have vouched for it (rule 7). */
import type { PublishedUnit } from "node-iscsi-target/mapping/protocol.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SimDevice } from "../world/sim-device.ts";

/** A process is told to show a unit. @throws Violation */
export function checkVouchedFor({ name, core }: SimProcess, { id, table }: PublishedUnit): void {
  for (const device of core.pools.devicesOf(table, core.devices.values()))
    if (device instanceof SimDevice && device.isUninformed)
      throw new Violation(
        "rule 7",
        `${name} is to show ${id}, and has not heard that a sync had failed before it opened ${device.path}`,
      );
}
