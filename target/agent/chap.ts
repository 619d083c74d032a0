/** What hosts must prove by CHAP (RFC 7143 12.1): the secret comes from a file, so that no message, record or argument has it. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ChapCredentials } from "../iscsi/chap.ts";

export interface ChapSetting {
  readonly credentials: ChapCredentials | undefined;
  /** A sentence where the secret cannot be had. */
  readonly problem?: string;
}

export const NO_CHAP: ChapSetting = { credentials: undefined };

/** Without its secret an agent lets nobody in, rather than everybody. */
export function readChap({ user, secretFile }: { readonly user: string; readonly secretFile: string }): ChapSetting {
  const nobody = { user, secret: randomBytes(32).toString("hex") };
  try {
    const [line = ""] = readFileSync(secretFile, "utf8").split("\n", 1);
    const secret = line.replace(/\r$/, "");
    if (secret.trim() !== "") return { credentials: { user, secret } };
    return {
      credentials: nobody,
      problem: `The first line of ${secretFile} should be the CHAP secret of '${user}', and is empty.`,
    };
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return {
      credentials: nobody,
      problem: `The CHAP secret of '${user}' cannot be read from ${secretFile} (${String(error.code)}).`,
    };
  }
}
