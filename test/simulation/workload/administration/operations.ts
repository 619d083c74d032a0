/** What the administrator does, by the names that runs are drawn with (`world/config.ts`). */
import type { ControllerCore } from "@sanlab/controller/core.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { type Administration, DISK_SEGMENTS, MOST_DISKS } from "../../world/config.ts";
import type { Administrator } from "../administrator.ts";
import { createDisk, removeDisk, resize, rezone } from "./disks.ts";
import { fail, heal } from "./failures.ts";
import { cancelMove, evacuate, migrate, rebalance } from "./moves.ts";
import { grow, lose, loseForGood, open, remove } from "./storage.ts";
import { unview, view } from "./views.ts";

export interface Occasion {
  readonly administrator: Administrator;
  readonly core: ControllerCore;
  readonly disks: readonly DiskRecord[];
  /** One of them. */
  readonly disk: DiskRecord;
}

export const OPERATIONS: { readonly [A in Administration]: (occasion: Occasion) => Promise<void> } = {
  snapshot: async ({ administrator, core, disks }) => {
    if (disks.length < MOST_DISKS + 2) await administrator.copies.snapshot(core, disks);
  },
  restore: ({ administrator, core, disks, disk }) => administrator.copies.restore(core, disks, disk),
  create: async ({ administrator, core, disks }) => {
    if (disks.length < MOST_DISKS)
      await createDisk(administrator, core, false, administrator.lab.chance.pick(DISK_SEGMENTS));
  },
  thick: async ({ administrator, core, disks }) => {
    if (disks.length < MOST_DISKS) await createDisk(administrator, core, true, 2);
  },
  delete: ({ core, disk }) => removeDisk(core, disk),
  resize,
  view,
  unview,
  grow,
  remove,
  lose,
  loseForGood,
  open,
  zone: (occasion) => rezone(occasion, true),
  unzone: (occasion) => rezone(occasion, false),
  migrate,
  evacuate,
  rebalance,
  cancelMove,
  fail,
  heal,
};
