/** Further tables of disks, as `up` makes and deletes them. */
import type { StepOf } from "../plan/step.ts";
import type { ApplyContext } from "./context.ts";
import { creating, deleteIfThere } from "./remove.ts";

export async function createTable({ disk, table }: StepOf<"create-table">, context: ApplyContext): Promise<void> {
  await creating(context, `delete table '${table.name}' of disk '${disk}'`, `/disks/${disk}/tables/${table.name}`, () =>
    context.api.post(`/disks/${disk}/tables`, table),
  );
}

export async function deleteTable({ disk, table }: StepOf<"delete-table">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, `/disks/${disk}/tables/${table}`);
}
