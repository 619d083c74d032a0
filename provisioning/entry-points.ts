import { extname, join } from "node:path";

/** Sources run as they are; in npm's package they are compiled. */
const EXTENSION = extname(import.meta.filename);

/** What runs in processes of its own. */
export const SUPERVISOR = join(import.meta.dirname, `supervisor/main${EXTENSION}`);
export const CLI = join(import.meta.dirname, `cli/main${EXTENSION}`);
