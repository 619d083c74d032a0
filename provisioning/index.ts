/** Labs for test code (docs/testing.md). */
export type { Agent, Disk, ExportPath, Fault, MapRow } from "@sanlab/controller/api/resources.ts";
export type { Table, TableRange } from "@sanlab/controller/views/resources.ts";
export type { GuestExecOptions, GuestExecResult } from "@sanlab/vm";
export { LabFileError } from "./lab/load.ts";
export { AgentHandle } from "./testing/agent.ts";
export type {
  AgentDefinition,
  DiskDefinition,
  HostDefinition,
  LabDefinition,
  PoolDefinition,
  Size,
  ZoneDefinition,
} from "./testing/definition.ts";
export { DiskHandle } from "./testing/disk.ts";
export { FaultHandle } from "./testing/fault.ts";
export { HostHandle } from "./testing/host.ts";
export { type LabOptions, lab, RunningTestLab, type UntilOptions } from "./testing/lab.ts";
export { UserError } from "./user-error.ts";
