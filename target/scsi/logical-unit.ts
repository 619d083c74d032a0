/**
 * A logical unit (SAM-5 4.6.5): a block device with an identity, as all its hosts see it.
 *
 * It may be known by different LUNs to different nexuses; unit attentions, mode parameters and the
 * task set are its own.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { BlockDevice } from "../storage/block-device.ts";
import { AccessStates } from "./access-states.ts";
import { Attention } from "./attention.ts";
import { checkCondition } from "./command.ts";
import { Condition } from "./condition.ts";
import { ItlNexus } from "./itl-nexus.ts";
import { MAX_TRANSFER_BYTES } from "./limits.ts";
import type { MediumOperation } from "./medium-operation.ts";
import { ModeParameters } from "./mode/parameters.ts";
import { Reservations } from "./reservations/reservations.ts";
import { type Registrant, sameRegistrant } from "./reservations/state.ts";
import type { BugLogger } from "./server-context.ts";
import { UnitStatistics } from "./statistics.ts";
import { TaskSet } from "./task-set.ts";
import type { Nexus, TargetPort } from "./transport.ts";
import { UnitChanges, type UnitKeeper } from "./unit-change.ts";

export interface LogicalUnitIdentity {
  /** NAA designator (SPC-4 7.8.6.6): 16 hex digits, or 32 for NAA IEEE registered extended. Unique in the world. */
  readonly naa: string;
  /** Unit serial number (VPD 80h), ASCII. */
  readonly serial: string;
  /** ASCII, at most 8, 16 and 4 characters (SPC-4 6.4.2). */
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  /** Refuses writes even where the device would take them. */
  readonly readOnly?: boolean;
  readonly removable?: boolean;
  readonly rotational?: boolean;
}

export interface LogicalUnitOptions {
  /** Who may use it; kept in memory, for as long as the unit lives, where nothing else is given. */
  readonly reservations?: Reservations;
  /**
   * Other device servers serve the same blocks, and this one does not see their commands. What could
   * not be kept is then not offered: reservations and access states where there is no keeper,
   * commands that must be atomic against all others where the device excludes nobody.
   */
  readonly servedElsewhere?: boolean;
  /** Keeps what the unit is for all device servers that present it. */
  readonly keeper?: UnitKeeper;
}

/** A port through which the unit is reached (SPC-4 6.37). */
export type UnitPort = Pick<TargetPort, "relativePortId" | "portGroup">;

const TASK_SET_LIMIT = 4096;
/** How long the end of a nexus waits until what it had reserved is known to be free. */
const RELEASE_WAIT_MS = 2000;

export class LogicalUnit {
  readonly device: BlockDevice;
  readonly identity: LogicalUnitIdentity;
  readonly blockBytes: number;
  readonly maxTransferBlocks: number;
  /** The longest WRITE ATOMIC; 0 where the device promises nothing of the kind. */
  readonly maxAtomicBlocks: number;
  readonly mode = new ModeParameters();
  /** Absent where nobody could keep them. */
  readonly reservations: Reservations | undefined;
  readonly servedElsewhere: boolean;
  /** Commands can be atomic against those on every other path: there is none, or the device keeps it off. */
  readonly excludesOthers: boolean;
  /** SET TARGET PORT GROUPS counts on every path. */
  readonly settableAccess: boolean;
  readonly changes: UnitChanges;
  /** Every port that presents the unit, where the target's own are not all of them. */
  ports: readonly UnitPort[] | undefined = undefined;
  readonly tasks = new TaskSet(TASK_SET_LIMIT);
  /** The medium of a removable unit is out (START STOP UNIT with LOEJ, SBC-4 5.31). */
  ejected = false;
  readonly accessStates = new AccessStates();
  readonly statistics = new UnitStatistics();
  /** Of READ and WRITE BUFFER, once somebody has written to it. */
  buffer: Buffer | undefined = undefined;
  /** FORMAT UNIT or SANITIZE at work. */
  operation: MediumOperation | undefined = undefined;
  /** The latest SANITIZE did not come to its end (SBC-4 4.11.4). */
  sanitizeFailure: { readonly mayExit: boolean } | undefined = undefined;
  #retired = false;
  readonly #nexuses = new Map<Nexus, ItlNexus>();
  /** Work that commands with IMMED left behind. */
  readonly #background = new Set<Promise<void>>();

  /** Takes over `device.onChange`. @throws RangeError where the identity cannot be told in INQUIRY data. */
  constructor(device: BlockDevice, identity: LogicalUnitIdentity, options: LogicalUnitOptions = {}) {
    checkIdentity(identity);
    this.device = device;
    this.identity = identity;
    this.blockBytes = device.blockBytes;
    this.maxTransferBlocks = MAX_TRANSFER_BYTES / device.blockBytes;
    this.maxAtomicBlocks = (device.atomicWriteBytes ?? 0) / device.blockBytes;
    const { keeper, reservations, servedElsewhere = false } = options;
    this.servedElsewhere = servedElsewhere;
    this.excludesOthers = !servedElsewhere || device.exclude !== undefined;
    this.settableAccess = keeper !== undefined || !servedElsewhere;
    this.changes = new UnitChanges(this, keeper);
    this.reservations = reservations ?? reservationsFor(keeper, servedElsewhere);
    device.onChange = () => {
      // What was cut off, and may come back as zeros, has changed.
      this.tasks.writes.tell({ lba: 0, blocks: Number.POSITIVE_INFINITY });
      this.tell(Attention.CAPACITY_DATA_HAS_CHANGED);
    };
  }

  /** The capacity in blocks, now. */
  get blocks(): number {
    return this.device.sizeBytes / this.blockBytes;
  }

  get readOnly(): boolean {
    return this.device.readOnly || this.identity.readOnly === true;
  }

  /** WP of the mode parameter header: as it is, or because a host asked for it (SWP). */
  get writeProtected(): boolean {
    return this.readOnly || this.mode.softwareWriteProtect;
  }

  /** Why no command may reach the medium now. */
  get notReady(): Condition | undefined {
    if (this.#retired) return Condition.LOGICAL_UNIT_NOT_SUPPORTED;
    if (this.operation) return this.operation.condition;
    if (this.sanitizeFailure) return Condition.SANITIZE_COMMAND_FAILED;
    return this.ejected ? Condition.MEDIUM_NOT_PRESENT : undefined;
  }

  /** Threshold sets of VPD page B2h hold 2 to this many blocks: at least what the device allocates at once (SBC-4 4.7.3.8). */
  get thresholdExponent(): number {
    return Math.ceil(Math.log2(Math.max(1, this.device.allocationBytes / this.blockBytes)));
  }

  /** PROGRESS INDICATION of what makes the unit not ready. */
  get progress(): { readonly progress: number } | undefined {
    return this.operation && { progress: this.operation.progress };
  }

  get removalPrevented(): boolean {
    for (const itl of this.#nexuses.values()) if (itl.preventsRemoval) return true;
    return false;
  }

  itlNexus(nexus: Nexus): ItlNexus | undefined {
    return this.#nexuses.get(nexus);
  }

  /** First contact. */
  meet(nexus: Nexus): ItlNexus {
    const itl = new ItlNexus(nexus);
    this.#nexuses.set(nexus, itl);
    return itl;
  }

  /** The nexus has ended, or no longer sees this unit: its tasks are aborted, and waited for. */
  async part(nexus: Nexus): Promise<void> {
    const itl = this.#nexuses.get(nexus);
    this.#nexuses.delete(nexus);
    // What RESERVE made ends with its nexus (SPC-2 5.5.1), also what it is still making.
    const holds = () => itl !== undefined && this.reservations?.reserver === itl;
    const released = this.changes.make(() => (holds() ? { reserver: null } : undefined));
    // A keeper may be long in saying so; the nexus is not kept from beginning anew for that.
    if (holds()) await Promise.race([released, sleep(RELEASE_WAIT_MS, undefined, { ref: false })]);
    await this.tasks.abortAll((command) =>
      command.task.nexus === nexus ? { kind: "aborted", reportStatus: false } : undefined,
    );
  }

  /** Establishes a unit attention for every nexus that knows the unit, but the one that caused it. */
  tell(attention: Attention, except?: Nexus): void {
    for (const itl of this.#nexuses.values()) if (itl.nexus !== except) itl.attentions.establish(attention);
  }

  /** Establishes a unit attention for the nexus of these names, where it lives. */
  tellRegistrant(registrant: Registrant, attention: Attention): void {
    for (const itl of this.#nexuses.values()) {
      if (sameRegistrant(itl.registrant, registrant)) itl.attentions.establish(attention);
    }
  }

  /** Every nexus of an initiator device that knows the unit. */
  registrantsOf(initiatorName: string): Registrant[] {
    const known = [...this.#nexuses.values()];
    return known
      .filter(({ nexus }) => nexus.initiatorName.toLowerCase() === initiatorName)
      .map(({ registrant }) => registrant);
  }

  /** As if each of them had allowed it by PREVENT ALLOW MEDIUM REMOVAL. */
  allowRemoval(registrants: readonly Registrant[]): void {
    for (const itl of this.#nexuses.values()) {
      if (registrants.some((registrant) => sameRegistrant(registrant, itl.registrant))) itl.preventsRemoval = false;
    }
  }

  /** What a reset takes from each nexus: what PREVENT ALLOW MEDIUM REMOVAL asked for (SPC-4 6.18), how its copies went (6.24). */
  resetNexuses(): void {
    for (const itl of this.#nexuses.values()) {
      itl.preventsRemoval = false;
      itl.copies.discardAll();
    }
  }

  /** Lets work go on after its command has ended; `retire` waits for it. */
  inBackground(work: Promise<unknown>, logger: BugLogger | undefined): void {
    const tracked = work
      .catch((bug: unknown) =>
        logger?.error({ err: bug }, "Work that a SCSI command left behind failed through a bug."),
      )
      .then(() => void this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  /** The unit goes away: commands that are still here end with LOGICAL UNIT NOT SUPPORTED. Resolved when none holds anything; the device is not closed. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.device.onChange = undefined;
    const gone = checkCondition(Condition.LOGICAL_UNIT_NOT_SUPPORTED, this.mode.descriptorSense);
    await this.tasks.abortAll(() => gone);
    await Promise.all(this.#background);
  }
}

function reservationsFor(keeper: UnitKeeper | undefined, servedElsewhere: boolean): Reservations | undefined {
  if (keeper !== undefined) return Reservations.kept(keeper.persistent);
  return servedElsewhere ? undefined : Reservations.inMemory();
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

function checkIdentity(identity: LogicalUnitIdentity): void {
  if (!/^([235][0-9a-f]{15}|6[0-9a-f]{31})$/i.test(identity.naa)) {
    throw new RangeError(`"${identity.naa}" is no NAA designator of 16 (NAA 2, 3, 5) or 32 (NAA 6) hex digits.`);
  }
  const limits = { vendor: 8, product: 16, revision: 4, serial: 64 } as const;
  for (const [name, limit] of Object.entries(limits)) {
    const value = identity[name as keyof typeof limits];
    if (value.length > limit || !PRINTABLE_ASCII.test(value)) {
      throw new RangeError(`The unit's ${name} "${value}" is not printable ASCII of at most ${limit} characters.`);
    }
  }
}
