/** What `sanlab agent add NAME --remote` wrote for an agent of another machine. */
import { readFileSync } from "node:fs";
import type { JoinDocument } from "@sanlab/controller/api/resources.ts";
import { errorCode } from "../errors.ts";
import { UserError } from "../user-error.ts";

export function readJoinFile(path: string): JoinDocument {
  const document = parsed(path);
  const isWhole = (["agent", "controller", "token", "ca"] as const).every((key) => typeof document[key] === "string");
  if (!isWhole) throw notAJoinFile(path);
  return document as JoinDocument;
}

function parsed(path: string): Partial<JoinDocument> {
  try {
    const value: unknown = JSON.parse(textOf(path));
    return typeof value === "object" && value !== null ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) throw notAJoinFile(path);
    throw error;
  }
}

/** A file that the command line names. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") throw new UserError("USAGE", `There is no file ${path}: name one that exists.`);
    if (errorCode(error) === "EACCES") throw new UserError("USAGE", `${path} may not be read by this user.`);
    throw error;
  }
}

function notAJoinFile(path: string): UserError {
  return new UserError(
    "USAGE",
    `${path} is not what 'sanlab agent add NAME --remote' writes: copy that file here, whole.`,
  );
}
