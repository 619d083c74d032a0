/** Which disks a host is shown, while it runs: it is given what comes, and lets go of a disk before that goes. */
import type { ExportPath, ExportRequest } from "@sanlab/controller/api/resources.ts";
import { hostProcess } from "@sanlab/vm";
import { readHostRecord } from "../hosts/record.ts";
import { exportPath, type ShownUnit } from "../lab/unit-name.ts";
import { hostRunDirectory } from "../state/layout.ts";
import type { ApplyContext } from "./context.ts";
import { settleRecordedHost } from "./host-steps.ts";
import { alone, type SingleOptions } from "./single.ts";

/** `sanlab export create`: returns when the host, where it is a guest that runs, sees the disk. */
export async function showDiskWith(options: SingleOptions, request: ExportRequest): Promise<void> {
  await alone(options, async (context) => {
    await context.api.post("/exports", request);
    context.undo.push(`hide disk '${request.disk}' from host '${request.host}'`, () =>
      context.undoApi.delete(exportPath(request.host, request)),
    );
    await settleIfRunning(request.host, context);
  });
}

/** `sanlab export delete`: the host lets go of the disk, where it is a guest that runs and does not use it. */
export async function hideDiskWith(
  options: SingleOptions,
  { host, ...shown }: ShownUnit & { readonly host: string },
): Promise<void> {
  await alone(options, async (context) => {
    await context.api.delete(exportPath(host, shown));
    await settleIfRunning(host, context);
  });
}

/** `sanlab host rescan`, and what follows a disk's resize: every guest that runs looks at its disks anew. */
export async function settleHostsWith(options: SingleOptions, hosts: readonly string[]): Promise<void> {
  await alone(options, async (context) => {
    for (const host of hosts) await settleIfRunning(host, context);
  });
}

/** Those that are shown the disk. */
export async function settleDiskWith(options: SingleOptions, disk: string): Promise<void> {
  await alone(options, async (context) => {
    const paths = (await context.api.get<ExportPath[]>("/exports")).filter((path) => path.disk === disk);
    for (const host of new Set(paths.map(({ host }) => host))) await settleIfRunning(host, context);
  });
}

export async function settleIfRunning(host: string, context: ApplyContext): Promise<void> {
  const record = await readHostRecord(context.state, host);
  if (record === undefined || (await hostProcess(hostRunDirectory(context.state, host))) === undefined) return;
  await settleRecordedHost(record, context);
}
