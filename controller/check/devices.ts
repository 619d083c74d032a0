/** Storage devices: as large as they must be, no two of one name, and what is on record of them. */
import { MAX_DEVICE_SEGMENT } from "node-iscsi-target/mapping/entry.ts";
import type { DeviceRecord } from "../records.ts";
import { usedKey } from "../tables/layout.ts";
import { FROM_A_COPY } from "./kept.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

export function devices(stored: Stored, findings: Findings): void {
  twins(stored, findings);
  sizes(stored, findings);
  unsynced(stored, findings);
}

/** Two of one label or path are one device, of which each would use what the other does: none of the two, where only one is used at all. */
function twins(stored: Stored, findings: Findings): void {
  const { devices: all } = stored.records;
  const taken = new Map<string, DeviceRecord>();
  for (const record of all.values()) {
    const { device, path, uuid } = record;
    const other = taken.get(`uuid ${uuid}`) ?? taken.get(`path ${path}`);
    if (other === undefined) {
      taken.set(`uuid ${uuid}`, record).set(`path ${path}`, record);
      continue;
    }
    const says = `Devices ${other.device} and ${device} are said to be one (${path}, ${uuid})`;
    const [unused] = [record, other].filter((one) => !isUsed(stored, one));
    if (unused === undefined) findings.add("device", `${says}; ${FROM_A_COPY}.`, null);
    else {
      findings.add("device", `${says}.`, `Device ${unused.device}, of which nothing is used, is removed.`);
      stored.drop(all, String(unused.device));
    }
  }
}

/** From when it is added on, the segment of its label counts as used. */
function isUsed({ used }: Stored, { device }: DeviceRecord): boolean {
  return used.has(usedKey(device, 0));
}

function unsynced(stored: Stored, findings: Findings): void {
  const { records } = stored;
  for (const { device } of records.unsynced.values()) {
    if (records.devices.has(String(device))) continue;
    findings.add(
      "device",
      `A sync of device ${device} is said to have failed, and there is no such device.`,
      "Removed.",
    );
    stored.drop(records.unsynced, String(device));
  }
}

/** A device has as many segments as fit on it. */
function sizes({ records }: Stored, findings: Findings): void {
  for (const { path, pool, sizeBytes, segments } of records.devices.values()) {
    const { segmentBytes } = records.pools.get(pool) ?? { segmentBytes: 0 };
    if (segmentBytes === 0 || segments === Math.min(Math.floor(sizeBytes / segmentBytes), MAX_DEVICE_SEGMENT + 1))
      continue;
    const has = `${path} is said to have ${sizeBytes} bytes and ${segments} segments of ${segmentBytes} bytes`;
    findings.add("device", `${has}, which cannot be; ${FROM_A_COPY}.`, null);
  }
}
