import { DISK_IMAGE_BYTES } from "@sanlab/vm/image/disk-image.ts";
import { memoryWantedMiB } from "@sanlab/vm/memory.ts";
import type { Draft, DraftEntry } from "./draft.ts";
import { BUILT_IN } from "./lab.ts";
import type { Report, Rule } from "./rules.ts";
import { formatSize } from "./size.ts";

/** Rules about how hosts are started, and what their disks begin with. */
export const HOST_RULES: readonly Rule[] = [
  memoryIsEnough,
  externalHostIsNotStarted,
  settingsFitTheInitiator,
  ipxeHasADisk,
  seedHasAReader,
  additionsAreOfOurSystem,
  imageHasAnAgent,
  diskHoldsTheBuiltIn,
];

/** What only a host that is started here can have. */
const GUEST_KEYS = [
  "memory",
  "initiator",
  "nics",
  "device",
  "additions",
  "image",
  "seed",
  "guestAgent",
  "patience",
] as const;

function memoryIsEnough(draft: Draft, report: Report): void {
  for (const host of draft.entries("hosts")) {
    const mebibytes = draft.memoryMiB(host);
    if (mebibytes === undefined) continue;
    const additions = draft.additions(host);
    const leastMiB = memoryWantedMiB(additions);
    if (Number.isInteger(mebibytes) && mebibytes >= leastMiB) continue;
    const what = additions.length === 0 ? "" : ` with ${additions.join(" and ")}`;
    report([...host.path, "memory"], `'${host.text("memory")}'`, `whole MiB, at least ${leastMiB}MiB${what}`);
  }
}

function externalHostIsNotStarted(draft: Draft, report: Report): void {
  for (const host of draft.entries("hosts")) {
    if (!host.flag("external")) continue;
    for (const key of GUEST_KEYS) {
      const expected = `no '${key}' for a host that is external: it is not started here`;
      if (host.has(key)) report([...host.path, key], `'${shown(host, key)}'`, expected);
    }
    if (!host.has("iqn")) report(host.path, "no key 'iqn'", "the iSCSI name under which an external host logs in");
  }
}

function shown(host: DraftEntry, key: string): string {
  const items = host.list(key).map(({ value }) => value);
  return String(items.length > 0 ? items.join(", ") : (host.text(key) ?? host.count(key) ?? host.flag(key)));
}

function settingsFitTheInitiator(draft: Draft, report: Report): void {
  for (const host of draft.entries("hosts")) {
    const initiator = host.text("initiator") ?? "open-iscsi";
    if (host.has("device") && initiator !== "qemu") {
      const expected = `no 'device' with initiator ${initiator}: it is for disks of QEMU's own initiator (initiator: qemu)`;
      report([...host.path, "device"], `'${host.text("device")}'`, expected);
    }
    if (host.has("image") && initiator === "ipxe") {
      const expected = "no 'image' for a host that boots from the SAN: give its first disk the image";
      report([...host.path, "image"], `'${host.text("image")}'`, expected);
    }
  }
}

function ipxeHasADisk(draft: Draft, report: Report): void {
  for (const host of draft.entries("hosts")) {
    if (host.text("initiator") !== "ipxe" || host.list("disks").length > 0) continue;
    report([...host.path, "initiator"], "'ipxe' for a host without disks", "a disk that the host boots from");
  }
}

/** The built-in system is told what it is in another way; one that boots from the SAN brings its own settings. */
function seedHasAReader(draft: Draft, report: Report): void {
  for (const host of draft.entries("hosts")) {
    const image = host.text("image");
    if (!host.has("seed") || (image !== undefined && image !== BUILT_IN)) continue;
    report(
      [...host.path, "seed"],
      `'${host.text("seed")}'`,
      "an 'image' of one's own with cloud-init in it, which reads the seed",
    );
  }
}

/** What is added goes into the system that a guest has in memory. */
function additionsAreOfOurSystem(draft: Draft, report: Report): void {
  for (const host of draft.entries("hosts")) {
    const own = host.has("image")
      ? "an image of its own"
      : host.text("initiator") === "ipxe"
        ? "a boot from the SAN"
        : "";
    if (own === "") continue;
    for (const { value, path } of host.list("additions"))
      report(path, `'${value}' with ${own}`, "no additions there: install what is needed in that system");
  }
}

function diskHoldsTheBuiltIn(draft: Draft, report: Report): void {
  for (const disk of draft.entries("disks")) {
    const bytes = disk.size("size");
    if (disk.text("image") !== BUILT_IN || bytes === undefined || bytes >= DISK_IMAGE_BYTES) continue;
    report(
      [...disk.path, "size"],
      `'${disk.text("size")}'`,
      `at least ${formatSize(DISK_IMAGE_BYTES)}, which the built-in system has`,
    );
  }
}

/** An image is written to a disk as a host writes: through an agent. */
function imageHasAnAgent(draft: Draft, report: Report): void {
  if (draft.names("agents").length > 0) return;
  for (const disk of draft.entries("disks")) {
    if (disk.has("image"))
      report(
        [...disk.path, "image"],
        `'${disk.text("image")}'`,
        "an agent in the file, through which the disk is filled",
      );
  }
}
