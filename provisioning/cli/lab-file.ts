import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { readLabRecord } from "../state/lab-record.ts";
import { UserError } from "../user-error.ts";

const DEFAULT_FILE = "lab.yaml";

/** The named file; without a name that of the last `up`, else lab.yaml in the working directory. */
export async function findLabFile(state: string, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const recorded = (await readLabRecord(state))?.file;
  if (recorded !== undefined && recorded !== null) return recorded;
  const isThere = await stat(DEFAULT_FILE).then(
    () => true,
    () => false,
  );
  if (isThere) return DEFAULT_FILE;
  throw new UserError(
    "LAB_FILE",
    `There is no ${resolve(DEFAULT_FILE)}: name a lab file ('sanlab up FILE'), or let 'sanlab init' write an example.`,
  );
}
