import { agentLockFile, agentProcess, CONTROLLER_PROCESS } from "../state/layout.ts";
import type { DaemonSpec } from "./records.ts";

/** How the lab's daemons are called: `sanlab controller …` and `sanlab agent …`. */
export function controllerDaemon(state: string, lab: string): DaemonSpec {
  return { name: CONTROLLER_PROCESS, args: ["controller", "--state", state, "--name", lab] };
}

/** `fence`: how the controller goes on without it. */
export function agentDaemon(state: string, agent: string, fence: "kill" | "lease"): DaemonSpec {
  const args = ["agent", "--name", agent, "--state", state, "--lock", agentLockFile(state, agent)];
  if (fence === "lease") args.push("--fence", "lease");
  return { name: agentProcess(agent), args };
}
