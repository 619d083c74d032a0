import type { Fault } from "@sanlab/controller/api/resources.ts";
import type { StepOf } from "../plan/step.ts";
import type { ApplyContext } from "./context.ts";
import { deleteIfThere } from "./remove.ts";

/** Returns when every agent has the fault. One of this name with another text is cleared first, and begins anew. */
export async function setFault({ fault, before }: StepOf<"set-fault">, context: ApplyContext): Promise<void> {
  const path = `/faults/${fault.name}`;
  if (before !== null) {
    context.undo.push(`restore fault '${fault.name}'`, async () => {
      await context.undoApi.post<Fault>("/faults", { name: fault.name, text: before });
    });
    await deleteIfThere(context.api, path);
  }
  context.undo.push(`clear fault '${fault.name}'`, () => deleteIfThere(context.undoApi, path));
  await context.api.post<Fault>("/faults", fault);
}

export async function clearFault({ fault }: StepOf<"clear-fault">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, `/faults/${fault}`);
}
