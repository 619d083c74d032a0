import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { errorCode } from "../errors.ts";
import { secretProblem } from "../hosts/secret.ts";
import type { Path } from "./document.ts";
import type { Draft, DraftEntry } from "./draft.ts";
import { BUILT_IN } from "./lab.ts";
import type { Report, Rule } from "./rules.ts";

/** Rules about the files that a lab file names: what would fail later is told with its line, before anything is done. */
export const FILE_RULES: readonly Rule[] = [imagesCanBeRead, seedsAreUserData, secretsAreThere];

function imagesCanBeRead(draft: Draft, report: Report): void {
  for (const section of ["disks", "hosts"] as const) {
    for (const entry of draft.entries(section)) {
      const path = draft.imagePath(entry);
      if (path !== undefined && path !== BUILT_IN)
        reportUnreadable(path, place(entry, "image"), report, "an image, raw or qcow2, or built-in");
    }
  }
}

/** cloud-init takes a part by its first line (https://cloudinit.readthedocs.io/en/latest/explanation/format.html). */
function seedsAreUserData(draft: Draft, report: Report): void {
  for (const host of draft.entries("hosts")) {
    const path = draft.filePath(host, "seed");
    if (path === undefined || reportUnreadable(path, place(host, "seed"), report, "a file of user data for cloud-init"))
      continue;
    const [first = ""] = readFileSync(path, "utf8").split("\n", 1);
    if (/^(#cloud-config|#!|#include|#cloud-boothook|## template: jinja)/.test(first)) continue;
    report(
      place(host, "seed"),
      `'${host.text("seed")}', which begins with '${first.slice(0, 40)}'`,
      "user data for cloud-init, beginning with #cloud-config or #!",
    );
  }
}

function secretsAreThere(draft: Draft, report: Report): void {
  for (const agent of draft.entries("agents")) {
    const chap = agent.child("chap");
    const path = chap === undefined ? undefined : draft.filePath(chap, "secretFile");
    if (chap === undefined || path === undefined) continue;
    const at = place(chap, "secretFile");
    if (reportUnreadable(path, at, report, "a file whose first line is the secret")) continue;
    const problem = secretProblem(readFileSync(path, "utf8"));
    if (problem !== undefined)
      report(
        at,
        `'${chap.text("secretFile")}', whose first line ${problem}`,
        "a secret of 12 to 255 characters without spaces, quotes or backslashes",
      );
  }
}

function place(entry: DraftEntry, key: string): Path {
  return [...entry.path, key];
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "which is not there",
  ENOTDIR: "which is not there",
  EACCES: "which may not be read by this user",
};

/** @returns whether there was something to report */
function reportUnreadable(path: string, at: Path, report: Report, expected: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    if (!statSync(path).isDirectory()) return false;
    report(at, `'${path}', which is a directory`, expected);
  } catch (error) {
    const reason = REASONS[errorCode(error)];
    if (reason === undefined) throw error;
    report(at, `'${path}', ${reason}`, expected);
  }
  return true;
}
