/** `up` in this process, so that a test can fail any of its steps; what it leaves on the machine is looked at from outside. */
import { randomUUID } from "node:crypto";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ApplyHooks } from "sanlab/apply/apply.ts";
import { down } from "sanlab/apply/down.ts";
import { listeningPorts } from "sanlab/apply/listening.ts";
import { up } from "sanlab/apply/up.ts";
import type { Plan } from "sanlab/plan/plan.ts";
import { stringify } from "yaml";
import { guestCacheDir, type Owner } from "./guest.ts";
import { processesWith, temporaryDirectory } from "./state-directory.ts";

/** What there is of a lab on the machine. */
export interface Sight {
  /** Every file, socket and directory, with its size. */
  readonly files: readonly string[];
  /** Those of the lab, not this one. */
  readonly processes: readonly number[];
  /** The TCP ports at which these processes listen. */
  readonly ports: readonly number[];
}

export interface LabUpOptions {
  readonly hooks?: ApplyHooks;
  readonly signal?: AbortSignal;
  readonly prune?: boolean;
  readonly onPlan?: (plan: Plan) => void;
}

/** A directory for one lab, and a mark that all processes bear which are started for it. */
export interface UpSite {
  readonly directory: string;
  readonly state: string;
  readonly labFile: string;
  up(lab: object, options?: LabUpOptions): Promise<Plan>;
  look(): Promise<Sight>;
}

export async function upSite(owner: Owner): Promise<UpSite> {
  const directory = await temporaryDirectory(owner);
  const [state, labFile] = [join(directory, "state"), join(directory, "lab.yaml")];
  // Every process that is started from here on inherits this process's environment, its own mark among it.
  const mark = `SANLAB_TEST_SITE_${randomUUID().replaceAll("-", "")}`;
  process.env[mark] = "1";
  owner.teardown(async () => {
    await down({ state, destroy: true });
    delete process.env[mark];
  });
  return {
    directory,
    state,
    labFile,
    async up(lab, options = {}) {
      await writeFile(labFile, stringify(lab));
      const signal = options.signal ?? new AbortController().signal;
      return up({ ...options, state, labFile, signal, cacheDir: guestCacheDir() });
    },
    async look() {
      const marked = (await processesWith(mark)).filter((pid) => pid !== process.pid);
      // Not those of this process, in which other test files may listen.
      const ports = await Promise.all(marked.map(listeningPorts));
      return {
        files: await filesBelow(directory),
        processes: marked,
        ports: ports.flatMap((own) => [...own]).sort(),
      };
    },
  };
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.map((entry) => join(entry.parentPath, entry.name));
  const sized = await Promise.all(files.map(async (file) => `${file} ${(await stat(file)).size}`));
  return sized.sort();
}
