/**
 * Imports go one way (docs/architecture.md): what each folder of the sources may import from
 * other folders. Whatever is not named here is refused, and so is a folder without a row.
 */
export interface Fence {
  readonly folder: string;
  /** Files, or folders that end in a slash. */
  readonly mayImport: readonly string[];
}

/** The first row that fits a file is its own. */
export const FENCES: readonly Fence[] = [
  { folder: "target/wire/", mayImport: [] },
  { folder: "target/storage/", mayImport: ["target/wire/"] },
  { folder: "target/conformance/", mayImport: ["target/storage/"] },
  { folder: "target/mapping/", mayImport: ["target/wire/", "target/storage/", "target/injection/agent-rule.ts"] },
  { folder: "target/scsi/", mayImport: ["target/wire/", "target/storage/"] },
  { folder: "target/injection/", mayImport: ["target/wire/", "target/storage/", "target/scsi/"] },
  { folder: "target/iscsi/", mayImport: ["target/wire/", "target/storage/", "target/scsi/"] },
  {
    folder: "target/agent/",
    mayImport: [
      "target/wire/",
      "target/storage/",
      "target/mapping/",
      "target/scsi/",
      "target/injection/",
      "target/iscsi/",
    ],
  },
  { folder: "target/", mayImport: ["target/"] },
  {
    // The controller speaks to agents in messages; it reads labels and calls the system as storage does.
    folder: "controller/",
    mayImport: [
      "target/wire/",
      "target/mapping/protocol.ts",
      "target/mapping/messages/",
      "target/injection/agent-rule.ts",
      "target/injection/bad-blocks.ts",
      "target/injection/device-rule.ts",
      "target/injection/effects.ts",
      "target/injection/parse.ts",
      "target/injection/rule.ts",
      "target/mapping/frame.ts",
      "target/mapping/entry.ts",
      "target/mapping/mapping-table.ts",
      "target/storage/syscalls/",
      "target/storage/engine/aligned-buffers.ts",
      "target/storage/engine/sync-group.ts",
      "target/storage/label.ts",
      "target/storage/user-error.ts",
    ],
  },
  { folder: "vm/", mayImport: [] },
  { folder: "provisioning/", mayImport: ["target/", "controller/", "vm/"] },
  { folder: "examples/", mayImport: ["provisioning/index.ts"] },
  { folder: "test/", mayImport: ["target/", "controller/", "vm/", "provisioning/"] },
];

/** One sentence where `importer` may not import `imported` (both relative to the root), else undefined. */
export function fenceProblem(importer: string, imported: string): string | undefined {
  const own = FENCES.find(({ folder }) => importer.startsWith(folder));
  if (own === undefined) return `${importer} lies in no folder that test/run/fences.ts knows`;
  const allowed = [own.folder, ...own.mayImport];
  const inside = (place: string) => imported === place || (place.endsWith("/") && imported.startsWith(place));
  if (allowed.some(inside) && !beneath(own.folder, imported)) return undefined;
  return `${importer} imports ${imported}; from ${own.folder} only these may be imported: ${own.mayImport.join(", ") || "nothing"}`;
}

/** Whether `imported` is in a folder with a fence of its own inside `folder`, which a row has to name. */
function beneath(folder: string, imported: string): boolean {
  if (folder === "target/") return false;
  return FENCES.some(
    (other) => other.folder !== folder && other.folder.startsWith(folder) && imported.startsWith(other.folder),
  );
}
