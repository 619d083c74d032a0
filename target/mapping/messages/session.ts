/** Who speaks: identity, hello and welcome, acknowledgements. */
import type { UnsyncedDevice } from "./devices.ts";

export interface Envelope {
  readonly cluster: string;
  readonly incarnation: number;
  readonly epoch: number;
}

/** Agent → controller, first on every connection. `incarnation` and `epoch` are 0 in a fresh process. */
export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  readonly agent: string;
  /** Of the lab; absent in a fresh process. */
  readonly cluster?: string;
  readonly incarnation: number;
  readonly epoch: number;
  /** The highest `seq` applied under that epoch. */
  readonly applied: number;
  /** Null where the agent is not on the controller's machine: it asks for a lease then. */
  readonly process: AgentProcess | null;
  /** Devices of which a sync has failed in this process. */
  readonly unsynced?: readonly UnsyncedDevice[];
}

/** How an agent on the controller's machine can be fenced by kill: it is dead when `lockFile` can be locked (flock). */
export interface AgentProcess {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks: tells a pid from its reuse. */
  readonly startTime: number;
  readonly lockFile: string;
  /** It serves under leases all the same, as one of another machine does, and is fenced as such. */
  readonly leased?: true;
}

/** Controller → agent: the answer to hello. Not numbered. */
export interface Welcome extends Envelope {
  readonly type: "welcome";
  readonly targetName: string;
  readonly relativePortId: number;
  readonly portGroup: number;
  readonly portal: PortalSetting;
  /** How long its leases run; absent where it is fenced by kill and needs none. */
  readonly lease?: { readonly durationMs: number };
}

/** Where to listen. `port` 0: any free one; `sticky` is the port that was bound last, to be taken again where it is free, since hosts know it. */
export interface PortalSetting {
  readonly host: string;
  readonly port: number;
  readonly sticky?: number;
  /** What hosts are told in SendTargets instead of the address listened on. */
  readonly advertise?: { readonly host: string; readonly port?: number };
}

/** Controller → agent: this hello is not accepted; `reason` is a sentence for people. `fatal`: the process is to end (its incarnation was fenced, its name is unknown). `anew`: it is to drop all it has, and come back as a new incarnation (it was fenced by lease, which ends no process). */
export interface Refused {
  readonly type: "refused";
  readonly reason: string;
  readonly fatal: boolean;
  readonly anew?: boolean;
}

/** Agent → controller: the portal is bound (or why it is not). */
export interface Listening extends Envelope {
  readonly type: "listening";
  readonly host: string;
  readonly port: number;
  readonly error?: string;
}

/** Controller → agent, applied in order and once each. */
export interface Numbered extends Envelope {
  readonly seq: number;
}

export interface Ack extends Envelope {
  readonly type: "ack";
  readonly seq: number;
  /** A sentence, where the message could not be carried out (a device that cannot be opened). */
  readonly error?: string;
  /** A device was opened in place of one that could not be opened, and no flush of it succeeds until the agent is told that others have synced it (`vouched`). */
  readonly unvouched?: boolean;
}
