import type { RodTokens } from "./copy/rod-tokens.ts";
import type { Injector } from "./injector.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import type { Nexus, TargetPort } from "./transport.ts";

/**
 * Which logical units a nexus sees, under which numbers: LUN masking. Asked for every command,
 * so it may change at any time; tell the device server by `inventoryChanged`.
 */
export interface LunInventory {
  /** The unit that `lun` (0 to 16383) names for this nexus. */
  lookup(nexus: Nexus, lun: number): LogicalUnit | undefined;
  /** Every LUN that `lookup` finds a unit for, ascending. */
  list(nexus: Nexus): readonly number[];
}

/** Takes what cannot be told to a host; pino fits. */
export interface BugLogger {
  error(fields: object, message: string): void;
}

/** What commands may need beyond their unit. */
export interface ServerContext {
  readonly inventory: LunInventory;
  readonly logger: BugLogger | undefined;
  /** Absent where no fault is set: a command then pays one look at this. */
  readonly injector: Injector | undefined;
  /** The ROD tokens that it made. */
  readonly tokens: RodTokens;
  /** Every target port of this target device, for REPORT TARGET PORT GROUPS; the nexus' own where the owner names none. */
  targetPorts(nexus: Nexus): readonly TargetPort[];
}

/** One set of logical units for everybody. */
export class FixedInventory implements LunInventory {
  readonly #units: ReadonlyMap<number, LogicalUnit>;
  readonly #luns: readonly number[];

  constructor(units: ReadonlyMap<number, LogicalUnit>) {
    this.#units = units;
    this.#luns = [...units.keys()].sort((a, b) => a - b);
  }

  lookup(_nexus: Nexus, lun: number): LogicalUnit | undefined {
    return this.#units.get(lun);
  }

  list(): readonly number[] {
    return this.#luns;
  }
}
