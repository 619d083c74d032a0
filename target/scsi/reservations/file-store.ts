/**
 * Reservations that outlive their process (APTPL, SPC-4 5.13.5): a small file, there only while
 * hosts ask for that. It is replaced whole, so that a loss of power leaves the old state or the new one.
 */
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError } from "../../storage/user-error.ts";
import {
  isReservationType,
  NO_RESERVATIONS,
  type Registration,
  type ReservationState,
  registrationOf,
} from "./state.ts";
import type { ReservationStore } from "./store.ts";

const VERSION = 1;

/** What is in the file; keys are in hexadecimal, since JSON has no numbers of 64 bits. */
interface StoredState {
  readonly version: typeof VERSION;
  readonly registrations: readonly (Omit<Registration, "key"> & { readonly key: string })[];
  readonly reservation?: ReservationState["reservation"];
}

export class FileReservationStore implements ReservationStore {
  readonly persistent = true;
  readonly #path: string;
  #state: ReservationState;

  private constructor(path: string, state: ReservationState) {
    this.#path = path;
    this.#state = state;
  }

  /** @throws UserError where the file is there and cannot be read as what this writes */
  static async open(path: string): Promise<FileReservationStore> {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return new FileReservationStore(path, NO_RESERVATIONS);
      throw new UserError("reservations", `The reservations in ${path} cannot be read (${String(error)}): mend that.`);
    }
    return new FileReservationStore(path, parse(path, text));
  }

  load(): ReservationState {
    return this.#state;
  }

  async replace(expected: number, next: ReservationState): Promise<boolean> {
    if (this.#state.revision !== expected) return false;
    if (next.persistent) await write(this.#path, format(next));
    else if (this.#state.persistent) await remove(this.#path);
    this.#state = next;
    return true;
  }
}

function format({ registrations, reservation }: ReservationState): string {
  const stored: StoredState = {
    version: VERSION,
    registrations: registrations.map(({ key, ...names }) => ({ ...names, key: key.toString(16) })),
    ...(reservation ? { reservation } : {}),
  };
  return `${JSON.stringify(stored, undefined, 2)}\n`;
}

function parse(path: string, text: string): ReservationState {
  try {
    const { version, registrations, reservation } = JSON.parse(text) as StoredState;
    if (version !== VERSION) throw new Error(`its version is ${String(version)}, not ${VERSION}`);
    const registered = registrations.map(({ initiatorPort, relativePortId, key }) => {
      if (typeof initiatorPort !== "string" || !Number.isInteger(relativePortId)) throw new Error("a name is missing");
      return { initiatorPort, relativePortId, key: BigInt(`0x${key}`) };
    });
    // PRGENERATION begins anew with the power (SPC-4 6.15.2).
    const state = { ...NO_RESERVATIONS, persistent: true, registrations: registered, reservation };
    const held = reservation && isReservationType(reservation.type) && registrationOf(state, reservation.holder);
    if (reservation && !held) throw new Error("its holder is not registered");
    return state;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const remedy = "remove the file, and the hosts register again";
    throw new UserError("reservations", `${path} holds no reservations of this program (${reason}): ${remedy}.`);
  }
}

async function write(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  const file = await open(fresh, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  await syncDirectory(path);
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(path);
}

/** A name is on the medium only when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
