import type { StepOf } from "../plan/step.ts";
import type { ApplyContext } from "./context.ts";
import { creating, deleteIfThere } from "./remove.ts";

export async function setAlias({ alias, before }: StepOf<"set-alias">, context: ApplyContext): Promise<void> {
  await replacing(context, `alias '${alias.name}'`, "/aliases", alias, before);
}

export async function setZoneSet({ zoneSet, before }: StepOf<"set-zone-set">, context: ApplyContext): Promise<void> {
  await replacing(context, `zone set '${zoneSet.name}'`, "/zonesets", zoneSet, before);
}

export async function activateZoneSet(
  { zoneSet, before }: StepOf<"activate-zone-set">,
  context: ApplyContext,
): Promise<void> {
  context.undo.push(`switch back to ${before === null ? "all zones" : `zone set '${before}'`}`, async () => {
    await context.undoApi.put("/fabric", { zoneSet: before });
  });
  await context.api.put("/fabric", { zoneSet });
}

export async function deleteAlias({ alias }: StepOf<"delete-alias">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, `/aliases/${alias}`);
}

export async function deleteZoneSet({ zoneSet }: StepOf<"delete-zone-set">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, `/zonesets/${zoneSet}`);
}

/** Creates or replaces a named thing of a collection, and registers how that is taken back. */
export async function replacing<Spec extends { readonly name: string }>(
  context: ApplyContext,
  what: string,
  collection: string,
  wanted: Spec,
  before: Spec | null,
): Promise<void> {
  const path = `${collection}/${wanted.name}`;
  if (before === null) {
    await creating(context, `delete ${what}`, path, () => context.api.post(collection, wanted));
    return;
  }
  context.undo.push(`restore ${what}`, async () => {
    await context.undoApi.put(path, before);
  });
  await context.api.put(path, wanted);
}
