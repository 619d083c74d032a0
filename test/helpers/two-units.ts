/** Two units of one target, between which hosts copy. */
import { BlockDeviceServer, type DeviceServerOptions } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { ScriptedDevice } from "./scripted-device.ts";
import { anotherHost, IDENTITY, type ScsiHost } from "./scsi-host.ts";

/** NAA of the unit that is LUN 1. */
export const SECOND = "6001405aabbccdd00112233445566780";

export interface TwoUnits {
  readonly devices: readonly [ScriptedDevice, ScriptedDevice];
  readonly units: readonly [LogicalUnit, LogicalUnit];
  readonly server: BlockDeviceServer;
  /** Has taken the unit attentions of both. */
  readonly host: ScsiHost;
}

interface TwoUnitsOptions extends Pick<DeviceServerOptions, "now"> {
  readonly thin?: boolean;
  /** LUNs that nobody sees, as it stands when somebody looks. */
  readonly hidden?: ReadonlySet<number>;
}

/** LUN 0 of 512-byte blocks, all of them mapped unless it is to be thin; LUN 1 of 4096-byte blocks, thin. */
export async function twoUnits(options: TwoUnitsOptions = {}): Promise<TwoUnits> {
  const { thin = false, hidden = new Set(), ...clock } = options;
  const devices = [new ScriptedDevice({ thin }), new ScriptedDevice({ blockBytes: 4096, blocks: 256 })] as const;
  const units = [
    new LogicalUnit(devices[0], IDENTITY),
    new LogicalUnit(devices[1], { ...IDENTITY, naa: SECOND }),
  ] as const;
  const all = new FixedInventory(new Map(units.map((unit, lun) => [lun, unit])));
  const server = new BlockDeviceServer({
    inventory: {
      lookup: (nexus, lun) => (hidden.has(lun) ? undefined : all.lookup(nexus, lun)),
      list: () => all.list().filter((lun) => !hidden.has(lun)),
    },
    ...clock,
  });
  const host = await anotherHost(server);
  await host.attentions(1);
  return { devices, units, server, host };
}
