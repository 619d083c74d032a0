import { type ApiClient, ApiError } from "../api/client.ts";
import type { ApplyContext } from "./context.ts";

/** Deletes what may be gone already. */
export async function deleteIfThere(api: ApiClient, path: string): Promise<void> {
  try {
    await api.delete(path);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}

/**
 * Creates something at the controller and registers its deletion, which stands also when the answer never came.
 * Where the controller refused, there is nothing to take back, and what has this name is somebody else's.
 */
export async function creating(
  context: ApplyContext,
  undoText: string,
  path: string,
  create: () => Promise<unknown>,
): Promise<void> {
  const forget = context.undo.push(undoText, () => deleteIfThere(context.undoApi, path));
  try {
    await create();
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) forget();
    throw error;
  }
}
