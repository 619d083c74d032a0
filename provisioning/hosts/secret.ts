/** Secrets of CHAP: a file's first line, read where it is used and nowhere else kept. */
import { readFile } from "node:fs/promises";
import { errorCode } from "../errors.ts";
import { UserError } from "../user-error.ts";

/** What is wrong with a file's first line as a secret; undefined: nothing. RFC 7143 9.2.1 asks for 96 bits. */
export function secretProblem(content: string): string | undefined {
  const secret = firstLine(content);
  if (secret === "") return "is empty";
  if (secret.length < 12) return "is too short";
  if (secret.length > 255) return "is too long";
  // Open-iscsi's records, host settings and boot scripts are made of words.
  return /^[\x21-\x7e]+$/.test(secret) && !/["'\\]/.test(secret)
    ? undefined
    : "has a space, a quote, a backslash or a character that is not ASCII";
}

/** @throws UserError where the file cannot be read, or holds no secret */
export async function readSecret(file: string): Promise<string> {
  const content = await contentOf(file);
  const problem = secretProblem(content);
  if (problem === undefined) return firstLine(content);
  throw new UserError(
    "HOST",
    `The first line of ${file} should be a CHAP secret, and ${problem}: 12 to 255 characters are expected.`,
  );
}

function firstLine(content: string): string {
  return (content.split("\n", 1)[0] ?? "").replace(/\r$/, "");
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "") throw error;
    throw new UserError(
      "HOST",
      `The CHAP secret cannot be read from ${file} (${errorCode(error)}): put it there, as its first line.`,
      { cause: error },
    );
  }
}
