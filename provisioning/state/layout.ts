import { join } from "node:path";

/** The version of everything that `sanlab` itself keeps in a state directory. */
export const STATE_FORMAT = 1;

/** What lies where in a state directory. The controller's own files lie beside these. */
export const STATE_FILES = {
  /** Marks the directory as ours: its format, the lab, what the last lab file declared. */
  lab: "lab.json",
  /** The daemons that the supervisor keeps alive. */
  processes: "processes.json",
  /** The image files that were created for the lab. */
  images: "images.json",
  /** The faults and loads of the scenario that runs, so that the next can clear what a killed one left. */
  scenario: "scenario.json",
  supervisorSocket: "supervisor.sock",
  /** Where the controller listens, and the token that it wants. */
  endpoint: "controller.json",
  token: "token",
  /** Another value each time that the lab begins with none of its daemons alive: what hosts lose with the power is lost. */
  power: "power",
  logs: "logs",
  /** Per QEMU host NAME: `NAME.json`, and its run directory `NAME/`. */
  hosts: "hosts",
  /** Per agent NAME: the lock file that the agent holds while it lives. */
  agents: "agents",
} as const;

export const hostRunDirectory = (state: string, host: string): string => join(state, STATE_FILES.hosts, host);
export const hostRecordFile = (state: string, host: string): string => join(state, STATE_FILES.hosts, `${host}.json`);
export const agentLockFile = (state: string, agent: string): string => join(state, STATE_FILES.agents, `${agent}.lock`);
export const logFile = (state: string, name: string): string => join(state, STATE_FILES.logs, `${name}.log`);

/** The names of daemons in `processes.json`, in logs and in `status`. */
export const CONTROLLER_PROCESS = "controller";
export const agentProcess = (agent: string): string => `agent-${agent}`;
export const hostProcessName = (host: string): string => `host-${host}`;
