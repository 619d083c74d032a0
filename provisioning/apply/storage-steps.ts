import { rm } from "node:fs/promises";
import type { DeviceRequest, Disk, Pool, PoolRequest } from "@sanlab/controller/api/resources.ts";
import { type ApiClient, ApiError } from "../api/client.ts";
import { fillDisk, sourceImage } from "../images/transfer.ts";
import type { StepOf } from "../plan/step.ts";
import { forgetImages, readImages, recordAbsent } from "../state/images.ts";
import type { ApplyContext } from "./context.ts";
import { creating, deleteIfThere } from "./remove.ts";

export async function createPool({ pool }: StepOf<"create-pool">, context: ApplyContext): Promise<void> {
  const { name, segmentBytes, queueWhenFullMs, devices } = pool;
  const images = await recordAbsent(
    context.state,
    devices.map(({ path }) => path),
  );
  // Taken back after the pool, which holds them, has been deleted.
  context.undo.push(`remove the images of pool '${name}'`, () => removeImages(context.state, images));
  await creating(context, `delete pool '${name}'`, `/pools/${name}`, () =>
    context.api.post("/pools", { name, segmentBytes, queueWhenFullMs, devices }),
  );
}

/** `sanlab pool create`: as `up` does it, for a single pool. */
export async function createPoolWithImages(state: string, api: ApiClient, request: PoolRequest): Promise<Pool> {
  const images = await recordAbsent(
    state,
    request.devices.map(({ path }) => path),
  );
  try {
    return await api.post<Pool>("/pools", request);
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) await forgetImages(state, images);
    throw error;
  }
}

/** A device that joined a pool is not taken out again: its plan comes when all else has succeeded. */
export async function growPool({ pool, device }: StepOf<"grow-pool">, context: ApplyContext): Promise<void> {
  await addDevice(context.state, context.api, pool, device);
}

export async function addDevice(state: string, api: ApiClient, pool: string, device: DeviceRequest): Promise<void> {
  const images = await recordAbsent(state, [device.path]);
  try {
    await api.post(`/pools/${pool}/devices`, device);
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) await forgetImages(state, images);
    throw error;
  }
}

export async function createDisk({ disk }: StepOf<"create-disk">, context: ApplyContext): Promise<void> {
  const { name, sizeBytes, pool, thick } = disk;
  await creating(context, `delete disk '${name}'`, `/disks/${name}`, () =>
    context.api.post("/disks", { name, sizeBytes, pool, thick }),
  );
}

export async function fillNewDisk({ disk, image }: StepOf<"fill-disk">, context: ApplyContext): Promise<void> {
  await fillDisk(context, await context.api.get<Disk>(`/disks/${disk}`), await sourceImage(image, context));
}

export async function resizeDisk({ disk, sizeBytes }: StepOf<"resize-disk">, context: ApplyContext): Promise<void> {
  await context.api.patch(`/disks/${disk}`, { sizeBytes });
}

export async function deleteDisk({ disk }: StepOf<"delete-disk">, context: ApplyContext): Promise<void> {
  await deleteIfThere(context.api, `/disks/${disk}`);
}

export async function deletePool({ pool }: StepOf<"delete-pool">, context: ApplyContext): Promise<void> {
  await deletePoolAndImages(context.state, context.api, pool);
}

/** Deletes a pool, and those of its images that were created for it. */
export async function deletePoolAndImages(state: string, api: ApiClient, pool: string): Promise<void> {
  const { devices } = await api.get<Pool>(`/pools/${pool}`);
  await api.delete(`/pools/${pool}`);
  const created = await readImages(state);
  await removeImages(
    state,
    devices.map(({ path }) => path).filter((path) => created.includes(path)),
  );
}

async function removeImages(state: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true });
  await forgetImages(state, paths);
}
