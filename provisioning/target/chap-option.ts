/** The values of --chap and --mutual-chap: USER:FILE, the secret being FILE's first line. Secrets never stand on a command line, where everybody sees them. */
import { readFileSync } from "node:fs";
import { type ChapCredentials, UserError } from "node-iscsi-target";

/** @throws UserError where a file cannot be read, holds no secret, or both directions have the same one */
export function parseChap(chap: string | undefined, mutual: string | undefined): ChapCredentials | undefined {
  if (chap === undefined) {
    if (mutual === undefined) return undefined;
    throw new UserError(
      "chap",
      "--mutual-chap is given without --chap: a target proves itself only to initiators that do.",
    );
  }
  const initiator = parseSecret("--chap", chap);
  if (mutual === undefined) return initiator;
  const target = parseSecret("--mutual-chap", mutual);
  if (target.secret === initiator.secret) {
    throw new UserError(
      "chap",
      "--chap and --mutual-chap have the same secret: give each direction its own (RFC 7143 9.2.1).",
    );
  }
  return { ...initiator, mutual: target };
}

function parseSecret(option: string, text: string): { readonly user: string; readonly secret: string } {
  const at = text.indexOf(":");
  const [user, file] = [text.slice(0, at), text.slice(at + 1)];
  if (at <= 0 || file === "") {
    throw new UserError("chap", `${option} ${text}: expected USER:FILE, the secret being the first line of FILE.`);
  }
  const [secret = ""] = contentOf(option, file).split("\n", 1);
  if (secret.trim() === "") {
    throw new UserError("chap", `${option}: the first line of ${file} is empty, and should be the secret of ${user}.`);
  }
  return { user, secret: secret.replace(/\r$/, "") };
}

function contentOf(option: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "is not there" : "cannot be read";
    throw new UserError("chap", `${option}: the file ${file} ${reason}; name one whose first line is the secret.`, {
      cause: error,
    });
  }
}
