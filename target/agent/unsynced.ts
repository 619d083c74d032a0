/**
 * Devices of which a sync has failed: what was lost then is not known, so none succeeds any more
 * (docs/protocol.md, rule 7), also when the device was closed here and is opened again; until
 * somebody has seen to it, and the controller counts the device's openings up.
 */
import type { Ack, AddDevice, Hello, NumberedMessage, UnsyncedDevice } from "../mapping/protocol.ts";
import type { SyncHistory } from "../storage/engine/sync-group.ts";
import type { OpenDevice } from "./devices.ts";

export class UnsyncedDevices {
  readonly #tell: (failed: UnsyncedDevice) => void;
  /** In which opening, by device. */
  readonly #failed = new Map<number, number>();

  constructor(tell: (failed: UnsyncedDevice) => void) {
    this.#tell = tell;
  }

  /** For a device that is opened now. `isUnvouched`: in place of one that could not be opened. */
  history({ device, openings = 0, unsynced = false }: AddDevice, isUnvouched = false): SyncHistory {
    const hasFailed = unsynced || (this.#failed.get(device) ?? -1) >= openings;
    const onFailure = () => {
      this.#failed.set(device, openings);
      this.#tell({ device, openings });
    };
    return { hasFailed, isUnvouched, onFailure };
  }

  /** A controller may not have heard of them. */
  told(): Pick<Hello, "unsynced"> {
    const unsynced = [...this.#failed].map(([device, openings]) => ({ device, openings }));
    return unsynced.length === 0 ? {} : { unsynced };
  }
}

/** What the acknowledgement says of a device that was to be opened. */
export function unvouched(
  { devices }: { readonly devices: ReadonlyMap<number, OpenDevice> },
  message: NumberedMessage,
): Pick<Ack, "unvouched"> {
  const isOver = message.type !== "add_device" || message.unsynced === true;
  const isUnvouched = !isOver && devices.get(message.device)?.syncs.isUnvouched === true;
  return isUnvouched ? { unvouched: true } : {};
}
