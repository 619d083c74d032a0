/** What a test run can leave in the kernel that ends with no process: network namespaces, loop devices, mounts. */
import { readdirSync, readFileSync } from "node:fs";

/** Named network namespaces (ip-netns(8)). */
const NAMESPACES = "/run/netns";
const BLOCK_DEVICES = "/sys/block";

/** A phrase for each; what a run left is what was not there before it. */
export function kernelObjects(): string[] {
  return [
    ...namesIn(NAMESPACES).map((name) => `network namespace ${name}`),
    ...namesIn(BLOCK_DEVICES).flatMap(attachedLoop),
    ...mounts(),
  ];
}

/** A loop device has a backing file as long as it is attached (loop(4)). */
function attachedLoop(name: string): string[] {
  if (!name.startsWith("loop")) return [];
  const file = read(`${BLOCK_DEVICES}/${name}/loop/backing_file`).trim();
  return file === "" ? [] : [`loop device /dev/${name} over ${file}`];
}

/** proc(5), /proc/PID/mountinfo: "ID PARENT MAJOR:MINOR ROOT MOUNT-POINT …"; those of namespaces are told above. */
function mounts(): string[] {
  const lines = read("/proc/self/mountinfo").split("\n");
  const points = lines.map((line) => line.split(" ")[4] ?? "");
  return points.filter((point) => point !== "" && !point.startsWith(NAMESPACES)).map((point) => `mount at ${point}`);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** A device may go while it is looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
