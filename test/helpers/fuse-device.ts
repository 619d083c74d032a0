/** A file that a process of ours serves through FUSE: stop the process, and the file system stalls as a dead server's does. */
import { access, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { execa } from "execa";
import { eventually } from "./lab.ts";

export interface FuseDevice {
  readonly path: string;
  /** From now on every system call on the file waits. */
  stall(): void;
  resume(): void;
}

export async function fuseDevice(t: ExecutionContext, sizeBytes: number): Promise<FuseDevice> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-fuse-"));
  const [image, path, pidFile] = ["image", "disk", "pid"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(image, "");
  await truncate(image, sizeBytes);
  await writeFile(path, "");
  const file = `driver=file,filename=${image},node-name=file`;
  const fuse = `type=fuse,id=disk,node-name=file,mountpoint=${path},writable=on`;
  const server = execa("qemu-storage-daemon", ["--blockdev", file, "--export", fuse, "--pidfile", pidFile], {
    reject: false,
  });
  t.teardown(async () => {
    server.kill("SIGCONT");
    server.kill("SIGTERM");
    await server;
    await rm(directory, { recursive: true, force: true });
  });
  // The file is mounted before the daemon says that it runs.
  await eventually("the file is served", () =>
    access(pidFile).then(
      () => true,
      () => false,
    ),
  );
  return { path, stall: () => void server.kill("SIGSTOP"), resume: () => void server.kill("SIGCONT") };
}
