/** `sanlab target`: a plain iSCSI target without a controller, in the foreground, in place of tgtd. */
import { Command } from "commander";
import {
  type BlockDevice,
  BlockDeviceServer,
  FileReservationStore,
  FixedInventory,
  LogicalUnit,
  type LogicalUnitIdentity,
  type LogicalUnitOptions,
  MemoryDevice,
  openDevice,
  ownIdentity,
  Reservations,
  Target,
  UserError,
} from "node-iscsi-target";
import { parseChap } from "./chap-option.ts";
import { encrypted, refuseSharedKeys } from "./encryption.ts";
import { parseLimits } from "./limit-option.ts";
import { type LunOption, parseLun } from "./lun-option.ts";
import { parsePortal } from "./portal-option.ts";

interface TargetOptions {
  readonly portal: string[];
  readonly name: string;
  readonly lun: string[];
  readonly initiator: string[];
  readonly chap?: string;
  readonly mutualChap?: string;
  readonly limit: string[];
  readonly json?: boolean;
}

const EXAMPLES = `
LUN keys: ro, removable, thin, blocksize=512|4096, cache=writeback|writethrough|none, size= (creates the image), mem (no file),
          encrypted[=KEYFILE] (for SANITIZE CRYPTOGRAPHIC ERASE; the key is in IMAGE.key, or in memory)
Limits:   connections, loginsPerAddress, loginsPerSecond, loginTimeMs, connectionsPerSession, tasksPerSession, pduBytes, textBytes,
          logoutTimeMs, closeTimeMs, deadPeerTimeMs, pingAfterMs, pingAnswerMs

Examples:
  $ sanlab target --portal 127.0.0.1:3260 --name iqn.2026-11.example:disk --lun 0=disk.img,size=1GiB
  $ sanlab target --portal 127.0.0.1:0 --name iqn.2026-11.example:scratch --lun 0=mem,size=64MiB --json
  $ sanlab target --portal [::1]:3260 --name iqn.2026-11.example:ro --lun 1=/dev/vdb,ro --initiator iqn.2026-11.example:web
  $ sanlab target --portal 127.0.0.1:3260 --name iqn.2026-11.example:safe --lun 0=disk.img --chap web:web.secret
  $ sanlab target --portal 0.0.0.0:3260 --name iqn.2026-11.example:open --lun 0=disk.img --limit connections=64 --limit tasksPerSession=32`;

export function targetCommand(): Command {
  const collect = (value: string, all: string[]): string[] => [...all, value];
  return new Command("target")
    .summary("A plain iSCSI target without a controller, in the foreground")
    .description("A plain iSCSI target without a controller, in the foreground. Prints `ready` when it listens.")
    .requiredOption("--portal <host:port>", "where to listen (repeatable); port 0 takes any free one", collect, [])
    .requiredOption("--name <iqn>", "name of the target")
    .requiredOption("--lun <n=path[,key=value…]>", "a disk (repeatable)", collect, [])
    .option("--initiator <iqn>", "lets only these in (repeatable)", collect, [])
    .option("--chap <user:file>", "initiators prove themselves by CHAP; the secret is the file's first line")
    .option("--mutual-chap <user:file>", "and the target proves itself to those that ask")
    .option("--limit <name=number>", "what strangers may use up (repeatable); see the names below", collect, [])
    .option("--json", "prints one JSON document instead of `ready`")
    .addHelpText("after", EXAMPLES)
    .action((options: TargetOptions) => run(options));
}

/** Serves until SIGINT or SIGTERM. @throws UserError */
async function run(options: TargetOptions): Promise<void> {
  const portals = options.portal.map(parsePortal);
  const luns = options.lun.map(parseLun);
  const twice = luns.find((lun, at) => luns.findIndex((other) => other.lun === lun.lun) !== at);
  if (twice) throw new UserError("lun", `--lun ${twice.lun} is given twice; give each LUN a number of its own.`);
  refuseSharedKeys(luns);
  const credentials = parseChap(options.chap, options.mutualChap);
  const limits = parseLimits(options.limit);
  const devices: BlockDevice[] = [];
  const units = new Map<number, LogicalUnit>();
  const inventory = new FixedInventory(units);
  try {
    for (const lun of luns) {
      const opened = deviceOf(lun);
      devices.push(opened);
      const device = await encrypted(opened, lun);
      units.set(lun.lun, new LogicalUnit(device, identity(options.name, lun), await unitOptions(lun)));
    }
    const target = new Target({
      name: options.name,
      access: {
        authorize: (name) => options.initiator.length === 0 || options.initiator.includes(name),
        credentials: () => credentials,
      },
      server: new BlockDeviceServer({ inventory: new FixedInventory(units) }),
      limits,
    });
    target.on("error", (error) => process.stderr.write(`${String(error instanceof Error ? error.stack : error)}\n`));
    try {
      const bound = [];
      for (const portal of portals) bound.push(await target.listen(portal));
      const document = {
        target: options.name,
        portals: bound.map(({ host, port }) => `${host}:${port}`),
        luns: inventory.list(),
      };
      // Heard from before anybody is told that we are there, and may answer with a signal.
      const stopped = stopSignal();
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ ...document, luns: luns.map(({ lun }) => lun) })}\n`
          : `ready ${document.portals.join(" ")}\n`,
      );
      await stopped;
    } finally {
      await target.close();
    }
  } finally {
    for (const device of devices) {
      if (!device.readOnly) await device.flush();
      await device.close();
    }
  }
}

function deviceOf(lun: LunOption): BlockDevice {
  const common = { readOnly: lun.readOnly, blockBytes: lun.blockBytes, thin: lun.thin };
  if (lun.path === undefined) return new MemoryDevice({ ...common, sizeBytes: lun.sizeBytes as number });
  return openDevice(lun.path, {
    ...common,
    cache: lun.cache,
    ...(lun.sizeBytes === undefined ? {} : { sizeBytes: lun.sizeBytes }),
  });
}

function identity(name: string, lun: LunOption): LogicalUnitIdentity {
  return {
    ...ownIdentity(name, lun.lun),
    product: lun.path === undefined ? "MEMORY" : "FILE",
    readOnly: lun.readOnly,
    removable: lun.removable,
  };
}

/**
 * Persistent reservations with APTPL (SPC-4 5.13.5) lie in a file beside the image, while a host
 * asks for that; a device has no such place, and of a disk in memory nothing outlives this process.
 */
async function unitOptions({ path, readOnly }: LunOption): Promise<LogicalUnitOptions> {
  if (path === undefined || readOnly || path.startsWith("/dev/")) return {};
  return { reservations: await Reservations.open(await FileReservationStore.open(`${path}.reservations`)) };
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
