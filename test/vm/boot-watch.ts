/** What a console says of a start that will not succeed, in the words of kernels and BIOSes as they were seen. */
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BootWatch, VmError } from "@sanlab/vm";
import { noteReset } from "@sanlab/vm/boot-watch.ts";
import { RUN_FILES } from "@sanlab/vm/run-directory.ts";
import test from "ava";
import { temporaryRunDir } from "../helpers/guest.ts";

const BIOS = "SeaBIOS (version 1.16.2-debian-1.16.2-1)\r\n";
const PANIC = "[   12.345678] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n";
const END = `${PANIC.replace("Kernel", "---[ end Kernel").trimEnd()} ]---\r\n`;
const DEADLOCK = "[    0.9] Kernel panic - not syncing: System is deadlocked on memory\r\n";
const UNPACKING = "[    2.268897] Initramfs unpacking failed: write error\r\n";
const UP = "sanlab: user space reached\r\n";
const QUOTED =
  /cannot start: its kernel says 'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block/;
const TOO_LITTLE = /has too little memory to start: its kernel says '.*'; give it more\.$/;

interface Case {
  readonly what: string;
  /** By QEMU, rather than from a disk. */
  readonly isHandedKernel?: true;
  /** Printed before the wait begins, before a reset. */
  readonly beforeReset?: string;
  readonly earlier?: string;
  /** Printed while it is waited for. */
  readonly now?: string;
  readonly says?: RegExp;
}

const CASES: readonly Case[] = [
  { what: "nothing yet" },
  { what: "a panic of a kernel that QEMU loads", isHandedKernel: true, now: PANIC, says: QUOTED },
  { what: "one that came before it was waited for", isHandedKernel: true, earlier: PANIC, says: QUOTED },
  { what: "a panic for want of memory", isHandedKernel: true, now: DEADLOCK, says: TOO_LITTLE },
  { what: "a system that was not unpacked whole", isHandedKernel: true, now: UNPACKING + UP, says: TOO_LITTLE },
  { what: "an old panic of a guest that had been up", isHandedKernel: true, earlier: UP + PANIC },
  { what: "a new panic of a guest that had been up", isHandedKernel: true, earlier: UP, now: PANIC, says: QUOTED },
  { what: "a panic before a reset", isHandedKernel: true, beforeReset: PANIC },
  { what: "words of a program", isHandedKernel: true, now: "grep: Kernel panic - not syncing: no such file\r\n" },
  { what: "a panic after which a system of its own reboots", now: BIOS + PANIC },
  { what: "one after which it has rebooted", now: BIOS + PANIC + BIOS },
  { what: "one after which it stays", now: BIOS + PANIC + END, says: QUOTED },
  { what: "one after which it stayed, before the wait", earlier: BIOS + PANIC + END, says: QUOTED },
  { what: "one after which it stayed until a reset", beforeReset: BIOS + PANIC + END, now: BIOS },
  { what: "a second panic", now: BIOS + PANIC + BIOS + PANIC, says: QUOTED },
  { what: "an archive that a system of its own can do without", now: `${BIOS}${UNPACKING}` },
];

for (const { what, isHandedKernel, beforeReset = "", earlier = "", now = "", says } of CASES) {
  test(`${says === undefined ? "goes on waiting" : "gives up"}: ${what}`, async (t) => {
    const runDir = await temporaryRunDir(t);
    await mkdir(runDir);
    const log = join(runDir, RUN_FILES.consoleLog);
    if (isHandedKernel === true) await writeFile(join(runDir, RUN_FILES.initramfs), "");
    await writeFile(log, beforeReset);
    if (beforeReset !== "") await noteReset(runDir);
    await appendFile(log, earlier);
    const watch = await BootWatch.begin(runDir);
    await appendFile(log, now);
    if (says === undefined) await t.notThrowsAsync(watch.check());
    else await t.throwsAsync(watch.check(), { instanceOf: VmError, code: "GUEST_PANICKED", message: says });
  });
}
