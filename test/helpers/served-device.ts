/** A device served in this process, as programs that use the library do it. */
import {
  type BlockDevice,
  BlockDeviceServer,
  FixedInventory,
  LogicalUnit,
  type LogicalUnitOptions,
  Target,
} from "node-iscsi-target";
import { IDENTITY } from "./scsi-host.ts";
import type { ServedDisk } from "./tgt.ts";

/** Serves it as LUN 0 to everybody; closing closes the device as well. */
export async function serveDevice(device: BlockDevice, options: LogicalUnitOptions = {}): Promise<ServedDisk> {
  const name = "iqn.2026-11.example:library";
  const inventory = new FixedInventory(new Map([[0, new LogicalUnit(device, IDENTITY, options)]]));
  const target = new Target({ name, access: { authorize: () => true }, server: new BlockDeviceServer({ inventory }) });
  const { host, port } = await target.listen({ host: "127.0.0.1", port: 0 });
  const close = async (): Promise<void> => {
    await target.close();
    await device.close();
  };
  return { url: `iscsi://${host}:${port}/${name}/0`, close };
}
