import { isChange, type Plan } from "../plan/plan.ts";
import { type Step, sentence } from "../plan/step.ts";

/** The plan for people: what will be done, and what is left alone. */
export function planText(plan: Plan): string {
  const changes = plan.steps.filter(isChange);
  const lines = changes.length === 0 ? ["Nothing to change."] : ["To do:", ...changes.map(line)];
  if (plan.leftAlone.length > 0) {
    lines.push("Left alone, although the file does not have it any more (--prune would):", ...plan.leftAlone.map(line));
  }
  return lines.join("\n");
}

export function planJson(plan: Plan) {
  const rows = (steps: readonly Step[]) =>
    steps.filter(isChange).map((step) => ({ kind: step.kind, text: sentence(step) }));
  return { steps: rows(plan.steps), leftAlone: rows(plan.leftAlone) };
}

function line(step: Step): string {
  return `  - ${sentence(step)}`;
}
