/** What a device holds that is not ours, as the program blkid finds it. */
import { execFileSync } from "node:child_process";
import { Refusal } from "../user-error.ts";

/** Where it lies is not in every user's PATH. */
const ELSEWHERE = "/usr/sbin:/sbin";
/** blkid(8), RETURN CODE. */
const NOTHING_FOUND = 2;

/** A file system or partition table; undefined where there is none. @throws Refusal where that cannot be found out */
export function signature(path: string): string | undefined {
  try {
    const told = execFileSync("blkid", ["-p", "-o", "export", path], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${process.env.PATH ?? ""}:${ELSEWHERE}` },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [, type] = /^(?:TYPE|PTTYPE)=(.+)$/m.exec(told) ?? [];
    return type === undefined ? "something" : `a ${type} signature`;
  } catch (error) {
    const { status, code } = error as NodeJS.ErrnoException & { status?: number };
    if (status === NOTHING_FOUND) return undefined;
    throw new Refusal(
      "blkid",
      code === "ENOENT"
        ? `${path} is refused, since nothing says whether it is empty: the program blkid is not there; install it (Debian: util-linux), or force it if what the device holds may be lost.`
        : `${path} is refused: blkid cannot say whether it is empty (${(error as Error).message.split("\n")[0]}); force it if what it holds may be lost.`,
    );
  }
}
