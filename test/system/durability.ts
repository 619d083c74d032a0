/**
 * Durability by the trace of system calls of the real agent: the medium is synced before FLUSH is
 * answered. Kills alone would not show it, since they lose no page cache.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { eventually, labOf, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

test("SYNCHRONIZE CACHE is answered after fdatasync of every device of the disk has returned", async (t) => {
  const lab = await testLab(t);
  await lab.writeFile({
    ...labOf({ diskSize: "64MiB" }),
    pools: {
      main: {
        segment: "1MiB",
        devices: [
          { path: "main-0.img", size: "64MiB" },
          { path: "main-1.img", size: "64MiB" },
        ],
      },
    },
  });
  await lab.must("up", lab.file);
  const disk = await openDisk(t, await lab.url("data", "a"), "iqn.2026-11.example:outside");
  await disk.write(0, 4096, 0x42);

  const [agent] = await lab.agents();
  const log = join(lab.directory, "trace");
  const calls = "trace=fdatasync,fsync,pwritev2,pwritev,pwrite64,write,writev,sendmsg,sendto";
  const strace = execa("strace", ["-f", "-yy", "-tt", "-s", "8", "-e", calls, "-o", log, "-p", String(agent?.pid)], {
    reject: false,
  });
  try {
    await eventually("strace has attached", async () => /[1-9]/.test(await tracer(agent?.pid as number)));
    await disk.write(0, 4096, 0x43);
    await disk.flush();
  } finally {
    strace.kill("SIGINT");
    await strace;
  }
  const lines = (await readFile(log, "utf8")).split("\n");
  const syncs = (image: string) => lines.findIndex((line) => /f(data)?sync/.test(line) && line.includes(image));
  const returned = lines.findLastIndex((line) => /f(data)?sync.*= 0$/.test(line));
  const answers = lines
    .map((line, at) => (/TCP:.*= \d+$/.test(line) || /TCP:/.test(line) ? at : -1))
    .filter((at) => at >= 0);
  t.true(syncs("main-0.img") >= 0 && syncs("main-1.img") >= 0, "both devices of the disk's pool are synced");
  const flushAnswer = answers.find((at) => at > syncs("main-0.img"));
  t.true(flushAnswer !== undefined && flushAnswer > returned, lines.join("\n"));
});

async function tracer(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return /^TracerPid:\s+(\d+)$/m.exec(status)?.[1] ?? "0";
}
