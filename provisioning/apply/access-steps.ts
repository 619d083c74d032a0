import { gatewaysOf } from "../hosts/portals.ts";
import { hostRecord, readHostRecord, removeHostRecord, writeHostRecord } from "../hosts/record.ts";
import { exportPath, parseUnit } from "../lab/unit-name.ts";
import type { StepOf } from "../plan/step.ts";
import type { ApplyContext } from "./context.ts";
import { replacing } from "./fabric-steps.ts";
import { creating, deleteIfThere } from "./remove.ts";

export async function addHost({ host }: StepOf<"add-host">, context: ApplyContext): Promise<void> {
  const { name, iqn, external } = host;
  // The record first: a host that the controller knows is then known here as well, wherever this is cut short.
  if (!external) {
    context.undo.push(`forget host '${name}'`, () => removeHostRecord(context.state, name));
    await writeHostRecord(context.state, hostRecord(host, "stopped"));
  }
  const advertise = external || host.initiator === "qemu" ? {} : { advertise: gatewaysOf(host.nics) };
  await creating(context, `delete host '${name}'`, `/hosts/${name}`, () =>
    context.api.post("/hosts", { name, iqn, ...advertise }),
  );
}

export async function changeHost({ host }: StepOf<"change-host">, context: ApplyContext): Promise<void> {
  const before = await readHostRecord(context.state, host.name);
  if (before !== undefined) {
    context.undo.push(`restore host '${host.name}'`, () => writeHostRecord(context.state, before));
  }
  await writeHostRecord(context.state, hostRecord(host, before?.wanted ?? "stopped"));
}

export async function deleteHost({ host }: StepOf<"delete-host">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, `/hosts/${host}`);
  await removeHostRecord(context.state, host);
}

export async function setZone({ zone, before }: StepOf<"set-zone">, context: ApplyContext): Promise<void> {
  await replacing(context, `zone '${zone.name}'`, "/zones", zone, before);
}

export async function deleteZone({ zone }: StepOf<"delete-zone">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, `/zones/${zone}`);
}

export async function exportDisk({ host, disk }: StepOf<"export-disk">, context: ApplyContext): Promise<void> {
  const shown = parseUnit(disk);
  await creating(context, `hide '${disk}' from host '${host}'`, exportPath(host, shown), () =>
    context.api.post("/exports", { host, ...shown }),
  );
}

export async function unexportDisk({ host, disk }: StepOf<"unexport-disk">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, exportPath(host, parseUnit(disk)));
}
