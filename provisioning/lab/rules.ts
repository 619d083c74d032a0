import { MAX_TABLE_SEGMENTS } from "node-iscsi-target/mapping/entry.ts";
import { AGENT_RULES } from "./agent-rules.ts";
import type { Path } from "./document.ts";
import type { Draft, DraftEntry } from "./draft.ts";
import { formatEndpoint } from "./endpoint.ts";
import { fabricNamesExist } from "./fabric-rules.ts";
import { faultIsOne } from "./fault-rule.ts";
import { HOST_RULES } from "./host-rules.ts";
import { REFERENCE_RULES } from "./reference-rules.ts";
import { formatSize } from "./size.ts";
import { tablesHaveWhatTheirDiskHas } from "./table-rules.ts";

/** Takes a problem: where it is, what was found there, what was expected. */
export type Report = (path: Path, found: string, expected: string) => void;
/** What must hold in a lab file beyond its schema. A rule passes over what is malformed: the schema has told that. */
export type Rule = (draft: Draft, report: Report) => void;

/** The smallest and largest segment, bytes; sizes between are powers of two. */
export const SEGMENT_BYTES = { min: 64 * 1024, max: 256 * 1024 * 1024 } as const;

export const RULES: readonly Rule[] = [
  segmentIsPowerOfTwo,
  deviceHoldsASegment,
  devicePathIsUsedOnce,
  diskFitsATable,
  thickDisksFitTheirPool,
  portalIsAnAddress,
  portalIsUsedOnce,
  initiatorNameIsUsedOnce,
  tablesHaveWhatTheirDiskHas,
  ...AGENT_RULES,
  ...HOST_RULES,
  ...REFERENCE_RULES,
  fabricNamesExist,
  faultIsOne,
];

function segmentIsPowerOfTwo(draft: Draft, report: Report): void {
  for (const pool of draft.entries("pools")) {
    const bytes = draft.segmentBytes(pool);
    if (bytes === undefined) continue;
    const isPower = Number.isInteger(Math.log2(bytes));
    if (isPower && bytes >= SEGMENT_BYTES.min && bytes <= SEGMENT_BYTES.max) continue;
    const range = `from ${formatSize(SEGMENT_BYTES.min)} to ${formatSize(SEGMENT_BYTES.max)}`;
    report([...pool.path, "segment"], `'${pool.text("segment")}'`, `a power of two ${range}`);
  }
}

function deviceHoldsASegment(draft: Draft, report: Report): void {
  for (const pool of draft.entries("pools")) {
    const segmentBytes = draft.segmentBytes(pool);
    for (const device of pool.entries("devices")) {
      const bytes = device.size("size");
      if (segmentBytes === undefined || bytes === undefined || bytes >= 2 * segmentBytes) continue;
      const least = `at least ${formatSize(2 * segmentBytes)}: one segment of ${formatSize(segmentBytes)} for the label and one for data`;
      report([...device.path, "size"], `'${device.text("size")}'`, least);
    }
  }
}

function devicePathIsUsedOnce(draft: Draft, report: Report): void {
  const devices = draft.entries("pools").flatMap((pool) => pool.entries("devices"));
  const pathOf = (device: DraftEntry) => draft.devicePath(device);
  for (const { entry, earlier } of repeated(devices, pathOf)) {
    const pool = String(earlier.path[1]);
    report(
      [...entry.path, "path"],
      `'${entry.text("path")}', which pool '${pool}' has already`,
      "a path of its own for every device",
    );
  }
}

function diskFitsATable(draft: Draft, report: Report): void {
  for (const disk of draft.entries("disks")) {
    const pool = draft.entry("pools", disk.text("pool"));
    const bytes = disk.size("size");
    const segmentBytes = pool === undefined ? undefined : draft.segmentBytes(pool);
    if (bytes === undefined || segmentBytes === undefined || bytes / segmentBytes <= MAX_TABLE_SEGMENTS) continue;
    const most = `at most ${formatSize(MAX_TABLE_SEGMENTS * segmentBytes)} with segments of ${formatSize(segmentBytes)}`;
    report([...disk.path, "size"], `'${disk.text("size")}', more than any table can map`, most);
  }
}

function thickDisksFitTheirPool(draft: Draft, report: Report): void {
  for (const pool of draft.entries("pools")) {
    const segmentBytes = draft.segmentBytes(pool);
    const sizes = pool.entries("devices").map((device) => device.size("size"));
    // A device without a size is as large as it is: only the controller will see.
    if (segmentBytes === undefined || sizes.some((size) => size === undefined)) continue;
    // Segment 0 of every device holds its label.
    let left = sizes.reduce<number>((sum, size) => sum + Math.floor((size ?? 0) / segmentBytes) - 1, 0);
    for (const disk of draft.entries("disks")) {
      const bytes = disk.size("size");
      if (disk.text("pool") !== pool.name || !disk.flag("thick") || bytes === undefined) continue;
      const needed = Math.ceil(bytes / segmentBytes);
      if (needed > left) {
        const room = `at most ${formatSize(Math.max(0, left) * segmentBytes)}, what is left of pool '${pool.name}' for thick disks`;
        report([...disk.path, "size"], `'${disk.text("size")}'`, room);
      }
      left -= needed;
    }
  }
}

function portalIsAnAddress(draft: Draft, report: Report): void {
  for (const agent of draft.entries("agents")) {
    const text = agent.text("portal");
    if (text === undefined || !/:[0-9]+$/.test(text) || draft.portal(agent) !== undefined) continue;
    report(
      [...agent.path, "portal"],
      `'${text}'`,
      "a numeric address and a port from 0 to 65535, such as 127.0.0.1:3260",
    );
  }
}

function portalIsUsedOnce(draft: Draft, report: Report): void {
  const portalOf = (agent: DraftEntry) => {
    const portal = draft.portal(agent);
    return portal === undefined || portal.port === 0 ? undefined : formatEndpoint(portal);
  };
  for (const { entry, earlier } of repeated(draft.entries("agents"), portalOf)) {
    const found = `'${entry.text("portal")}', which agent '${earlier.name}' has already`;
    report([...entry.path, "portal"], found, "a portal of its own for every agent (port 0 takes any free one)");
  }
}

function initiatorNameIsUsedOnce(draft: Draft, report: Report): void {
  for (const { entry, earlier } of repeated(draft.entries("hosts"), (host) => draft.iqn(host))) {
    const place = entry.has("iqn") ? [...entry.path, "iqn"] : entry.path;
    report(
      place,
      `'${draft.iqn(entry)}', which host '${earlier.name}' has already`,
      "an iSCSI name of its own for every host",
    );
  }
}

/** Entries whose key an earlier one has as well. */
function repeated(
  entries: readonly DraftEntry[],
  keyOf: (entry: DraftEntry) => string | undefined,
): { entry: DraftEntry; earlier: DraftEntry }[] {
  const first = new Map<string, DraftEntry>();
  return entries.flatMap((entry) => {
    const key = keyOf(entry);
    if (key === undefined) return [];
    const earlier = first.get(key);
    if (earlier !== undefined) return [{ entry, earlier }];
    first.set(key, entry);
    return [];
  });
}
