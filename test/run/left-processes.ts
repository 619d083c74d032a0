/** Processes that a test run left behind: those which carry its mark in their environment. */
import { readdirSync, readFileSync } from "node:fs";

export function leftProcesses(run: string): string[] {
  const left: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const environment = read(`/proc/${pid}/environ`);
    if (Number(pid) !== process.pid && environment.includes(`SANLAB_TEST_RUN=${run}`)) {
      left.push(`process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim()}`);
    }
  }
  return left;
}

/** A process may end, or be somebody else's, while we look at it. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
