/** Segments of a disk that fail because somebody says so. */
import type { ErrorRequest } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { describe, foundDisk } from "../disks.ts";
import { chunkOf } from "../tables/layout.ts";
import { Refusal } from "../user-error.ts";
import { clearErrors, everyoneKnows, type Failing, setErrors } from "./errors.ts";
import type { Family } from "./family.ts";
import { SOURCE_UNREADABLE } from "./senses.ts";

export async function failSegments(
  core: ControllerCore,
  name: string,
  request: ErrorRequest,
): Promise<{ changed: number }> {
  const { family, failing } = rangeOf(core, name, request);
  const changed = await setErrors(core, family, failing, request.sense ?? SOURCE_UNREADABLE);
  await everyoneKnows(core, failing.tables);
  return { changed };
}

export async function healSegments(
  core: ControllerCore,
  name: string,
  range: Pick<ErrorRequest, "first" | "count">,
): Promise<{ changed: number }> {
  const { family, failing } = rangeOf(core, name, range);
  const changed = await clearErrors(core, family, failing);
  await everyoneKnows(core, failing.tables);
  return { changed };
}

function rangeOf(
  core: ControllerCore,
  name: string,
  { first, count }: Pick<ErrorRequest, "first" | "count">,
): { family: Family; failing: Failing & { readonly tables: readonly string[] } } {
  const disk = foundDisk(core, name);
  const { segments } = describe(core, disk);
  if (!(first >= 0 && count > 0 && first + count <= segments)) {
    throw new Refusal("range", `Disk '${name}' has the segments 0 to ${segments - 1}; choose some of those.`, 400);
  }
  const failing = {
    tables: [disk.table],
    chunks: [chunkOf(first), chunkOf(first + count - 1)] as const,
    entry: (segment: number) => segment >= first && segment < first + count,
  };
  return { family: core.families.of(disk.table) as Family, failing };
}
