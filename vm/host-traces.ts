import { join } from "node:path";
import { readConsoleTail, tailLines } from "./console.ts";
import { RUN_FILES } from "./run-directory.ts";

const TRACE_LINES = 15;

/** What a host left behind that may explain its end: the console's last lines, then QEMU's own. */
export async function hostTraces(runDir: string): Promise<string[]> {
  const [consoleLines, qemuLines] = await Promise.all([
    readConsoleTail(runDir, TRACE_LINES),
    tailLines(join(runDir, RUN_FILES.qemuLog), TRACE_LINES),
  ]);
  return [...consoleLines.map((line) => `console: ${line}`), ...qemuLines.map((line) => `qemu: ${line}`)];
}
