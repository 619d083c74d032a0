import type { ApiClient } from "../api/client.ts";
import type { SupervisorClient } from "../supervisor/client.ts";
import type { UndoStack } from "./undo-stack.ts";

/** All that steps are done with. */
export interface ApplyContext {
  /** Absolute path of the state directory. */
  readonly state: string;
  readonly lab: string;
  /** Its requests end when the user interrupts. */
  readonly api: ApiClient;
  /** For taking back, which an interrupt does not stop. */
  readonly undoApi: ApiClient;
  readonly supervisor: SupervisorClient;
  readonly cacheDir: string;
  readonly undo: UndoStack;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** A sentence about what a long step is at. */
  readonly say: (message: string) => void;
}
