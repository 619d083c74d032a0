/** QEMU hosts: their image, their processes, and how to talk to their guests. */
export { BootWatch } from "./boot-watch.ts";
export { commandLine, nicId, userNetwork } from "./command-line.ts";
export { attachConsole, CONSOLE_ESCAPE, type ConsoleEnd, readConsoleTail } from "./console.ts";
export { durationText } from "./duration.ts";
export { GuestAgent, withGuestAgent } from "./guest-agent.ts";
export { type GuestConfig, type GuestPortal, guestOverlay, hostConf, macAddress } from "./guest-config.ts";
export { type GuestExecOptions, type GuestExecResult, guestExec, MAX_INPUT_BYTES } from "./guest-exec.ts";
export { type PowerOffResult, powerOff, rebootGuest, reset, waitForGuest } from "./guest-power.ts";
export {
  type Accelerator,
  type Boot,
  type HostSpec,
  ISCSI_DEVICES,
  type IscsiDevice,
  type IscsiDiskSpec,
  type NicSpec,
} from "./host-spec.ts";
export { hostTraces } from "./host-traces.ts";
export { growDisk, plugDisk, pluggedDisks, setLink, unplugDisk } from "./hot-plug.ts";
export { ADDITION_NAMES, type Addition } from "./image/additions.ts";
export { type ArchiveEntry, cpioArchive } from "./image/cpio.ts";
export { DISK_IMAGE_BYTES, ensureDiskImage } from "./image/disk-image.ts";
export { ensureGuestImage, type GuestImageOptions } from "./image/guest-image.ts";
export type { GuestImage } from "./image/image-cache.ts";
export { makeOverlay } from "./image/overlay.ts";
export { makeSeedDisk } from "./image/seed-disk.ts";
export { probeKvm } from "./kvm-probe.ts";
export { ADDITION_MEMORY_MIB, MIN_MEMORY_MIB, memoryWantedMiB } from "./memory.ts";
export { killHost, type StartOptions, startHost } from "./process.ts";
export { hostProcess, isAlive, type ProcessIdentity, processIdentity, signalProcess } from "./process-identity.ts";
export { connectQmp, QmpConnection, type QmpEvent, qmpCommand } from "./qmp.ts";
export { RUN_FILES } from "./run-directory.ts";
export { VmError, type VmErrorCode } from "./vm-error.ts";
