import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import {
  attachConsole,
  connectQmp,
  guestExec,
  hostProcess,
  isAlive,
  powerOff,
  qmpCommand,
  readConsoleTail,
  rebootGuest,
  reset,
  startHost,
  VmError,
  waitForGuest,
} from "@sanlab/vm";
import anyTest, { type TestFn } from "ava";
import { execa } from "execa";
import { bootGuest, GUEST_TIMEOUT_MS, guestImage, type TestGuest } from "../helpers/guest.ts";
import { eventually } from "../helpers/lab.ts";

/**
 * One guest for all tests of this file, in order: a boot costs seconds, and what is tested is one life of a guest,
 * from its start to its end.
 */
const test = anyTest.serial as TestFn;
const ends: (() => Promise<void>)[] = [];
let guest: TestGuest;

test.before(async () => {
  const files = [
    { kind: "file", path: "etc/probe", mode: 0o640, content: Buffer.from("mine\n") },
    { kind: "symlink", path: "etc/probe-link", target: "probe" },
  ] as const;
  const owner = { teardown: (end: () => Promise<void>) => void ends.unshift(end) };
  guest = await bootGuest(owner, { config: { hostname: "web", files } });
});

test.after.always(async () => {
  for (const end of ends) await end();
});

/** Runs a command in the guest and returns its output; throws when it fails. */
async function output(...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await guestExec(guest.runDir, argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")} exited with ${exitCode}: ${stderr}`);
  return stdout.trim();
}

test("a guest is reached in a directory whose path is too long for a socket's name", async (t) => {
  t.true(join(guest.runDir, "qmp.sock").length > 108);
  t.deepEqual(await hostProcess(guest.runDir), guest.identity);
  t.deepEqual(await qmpCommand(guest.runDir, "query-status"), { status: "running", singlestep: false, running: true });
});

test("the guest has its name, its address and its own files", async (t) => {
  t.is(await output("hostname"), "web");
  t.regex(await output("ip", "-brief", "address", "show", "eth0"), /UP\s+10\.0\.2\.15\/24/);
  t.is(await output("stat", "-c", "%a %F", "/etc/probe", "/etc/probe-link"), "640 regular file\n777 symbolic link");
  t.is(await output("cat", "/etc/probe-link"), "mine");
});

test("the programs that a SAN's host needs are there, with all their libraries", async (t) => {
  const programs = [
    ..."iscsiadm iscsid multipath multipathd dmsetup udevadm sg_inq sg_persist mkfs.ext4 e2fsck resize2fs".split(" "),
    ..."lsblk blockdev findmnt modprobe ip bash dd /usr/lib/udev/scsi_id".split(" "),
  ];
  const missing =
    'for program; do path=$(command -v "$program") && list=$(/lib64/ld-linux-x86-64.so.2 --list "$path") || echo "$program: $list"; done';
  t.is(await output("sh", "-c", missing, "sh", ...programs), "");
  t.is(
    await output("modprobe", "--dry-run", "--all", "iscsi_tcp", "dm-multipath", "xfs", "fcoe", "nvme-tcp", "sch_netem"),
    "",
  );
});

test("the kernel has nothing to complain about", async (t) => {
  const log = await output("dmesg", "--level", "emerg,alert,crit,err", "--notime");
  // Emulated timers on a busy machine are not exact enough to measure the processor by.
  t.deepEqual(
    log.split("\n").filter((line) => line !== "" && !line.startsWith("tsc: Unable to calibrate against")),
    [],
  );
});

test("a command's exit code, output and error output come back apart", async (t) => {
  const result = await guestExec(guest.runDir, ["sh", "-c", "echo out; echo err >&2; exit 3"]);
  t.deepEqual(result, { exitCode: 3, stdout: "out\n", stderr: "err\n" });
});

test("arguments reach the command as they are, through no shell", async (t) => {
  const args = ["a b", "$HOME", "*", "'\"", "", "-x", "ä\n;reboot"];
  t.is((await guestExec(guest.runDir, ["printf", "%s|", ...args])).stdout, args.map((arg) => `${arg}|`).join(""));
});

test("exit codes are a shell's: 127 for no such command, 128 and the signal for one that was killed", async (t) => {
  t.is((await guestExec(guest.runDir, ["no-such-command"])).exitCode, 127);
  t.is((await guestExec(guest.runDir, ["sh", "-c", "kill -KILL $$"])).exitCode, 137);
});

test("input of any bytes reaches the command", async (t) => {
  const input = randomBytes(100_000);
  const { stdout } = await guestExec(guest.runDir, ["sha256sum"], { input });
  t.is(stdout.split(" ")[0], createHash("sha256").update(input).digest("hex"));
});

test("output of several megabytes comes whole, and while the command runs", async (t) => {
  const hash = createHash("sha256");
  let chunks = 0;
  const onStdout = (chunk: Buffer) => {
    hash.update(chunk);
    chunks += 1;
  };
  const command = [
    "sh",
    "-c",
    "dd if=/dev/urandom of=/tmp/big bs=1M count=5 2>/dev/null; cat /tmp/big; sleep 0.3; cat /tmp/big",
  ];
  const { stdout } = await guestExec(guest.runDir, command, { onStdout });
  t.is(stdout, "");
  t.true(chunks > 1);
  const [expected] = (await output("sh", "-c", "cat /tmp/big /tmp/big | sha256sum; rm /tmp/big")).split(" ");
  t.is(hash.digest("hex"), `${expected}`);
});

test("commands from several processes at once do not disturb each other", async (t) => {
  const script = `
    import { guestExec } from ${JSON.stringify(import.meta.resolve("@sanlab/vm"))};
    const [runDir, name] = process.argv.slice(1);
    const runs = [1, 2, 3].map((number) =>
      guestExec(runDir, ["sh", "-c", 'sleep 0.$2; seq 1 20000; echo "$1 $2"', "sh", name, String(number)]));
    const results = await Promise.all(runs);
    console.log(JSON.stringify(results.map(({ exitCode, stdout }) => [exitCode, stdout.length, stdout.trim().split("\\n").at(-1)])));
  `;
  const names = ["first", "second"];
  const runs = names.map((name) =>
    execa(process.execPath, ["--input-type=module", "--eval", script, guest.runDir, name]),
  );
  const results = (await Promise.all(runs)).map(({ stdout }) => JSON.parse(stdout));
  t.deepEqual(
    results,
    names.map((name) => [1, 2, 3].map((number) => [0, 108_894 + name.length + 3, `${name} ${number}`])),
  );
});

test("a command that takes too long is killed with all it started", async (t) => {
  const run = guestExec(guest.runDir, ["sh", "-c", "sleep 4321 & sleep 4321"], { timeoutMs: 1_000 });
  const error = await t.throwsAsync(run, { instanceOf: VmError });
  t.is(error.code, "GUEST_TIMEOUT");
  t.is((await guestExec(guest.runDir, ["pgrep", "-f", "sleep 432[1]"])).stdout, "");
});

test("a command that never stops printing is killed in time", async (t) => {
  let printedBytes = 0;
  const onStdout = (chunk: Buffer) => {
    printedBytes += chunk.length;
  };
  const run = guestExec(guest.runDir, ["sh", "-c", "while :; do seq 1 4321; done"], { timeoutMs: 2_000, onStdout });
  const error = await t.throwsAsync(run, { instanceOf: VmError, message: /was killed/ });
  t.is(error.code, "GUEST_TIMEOUT");
  t.true(printedBytes > 0);
  t.is((await guestExec(guest.runDir, ["pgrep", "-f", "seq 1 432[1]"])).stdout, "");
});

test("a command can be stopped from outside", async (t) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 300);
  const run = guestExec(guest.runDir, ["sleep", "60"], { signal: controller.signal });
  const error = await t.throwsAsync(run, { instanceOf: VmError });
  t.is(error.code, "ABORTED");
});

test("nothing of finished commands stays in the guest", async (t) => {
  t.is(await output("find", "/run", "-name", "sanlab-exec-*"), "");
  t.is(await output("sh", "-c", "ls -l /proc/$(pidof qemu-ga)/fd | grep -c deleted || true"), "2");
});

test("the console is a root shell, until Ctrl-] is typed", async (t) => {
  const [input, out] = [new PassThrough(), new PassThrough()];
  let seen = "";
  const answered = new Promise<void>((resolve) => {
    out.on("data", (chunk: Buffer) => {
      seen += chunk;
      if (seen.includes("uid=0(root)") && seen.includes("answer 42")) resolve();
    });
  });
  const attached = attachConsole(guest.runDir, input, out);
  input.write("id; echo answer $((6 * 7))\n");
  await answered;
  const busy = await t.throwsAsync(attachConsole(guest.runDir, new PassThrough(), new PassThrough()), {
    instanceOf: VmError,
  });
  t.is(busy.code, "CONSOLE_BUSY");
  input.write(Buffer.from("\x1dafterwards\n"));
  t.is(await attached, "escaped");
  // QEMU writes to its log after it wrote to the socket.
  await eventually("the answer is in the console's log", async () => {
    const lines = await readConsoleTail(guest.runDir, 50);
    return lines.some((line) => line.includes("answer 42"));
  });
});

test("a second host cannot be started in the same directory", async (t) => {
  const { kernel, initramfs } = await guestImage();
  const second = startHost(
    { name: "second", memoryMiB: 256, boot: { kind: "kernel", kernel, initramfs }, nics: [] },
    guest.runDir,
  );
  const error = await t.throwsAsync(second, { instanceOf: VmError });
  t.is(error.code, "HOST_ALREADY_RUNNING");
  t.true(await isAlive(guest.identity));
});

test("a guest reboots in the same QEMU process, and has forgotten what was in its memory", async (t) => {
  await output("touch", "/root/mark");
  await rebootGuest(guest.runDir, { timeoutMs: GUEST_TIMEOUT_MS });
  t.deepEqual(await hostProcess(guest.runDir), guest.identity);
  t.is((await guestExec(guest.runDir, ["test", "-e", "/root/mark"])).exitCode, 1);
  t.is(await output("hostname"), "web");
});

test("a reset starts the guest anew at once", async (t) => {
  const before = await output("cat", "/proc/sys/kernel/random/boot_id");
  await reset(guest.runDir);
  await waitForGuest(guest.runDir, { timeoutMs: GUEST_TIMEOUT_MS });
  t.not(await output("cat", "/proc/sys/kernel/random/boot_id"), before);
});

test("a guest that has panicked since it was up starts anew, and is waited for", async (t) => {
  const before = await output("cat", "/proc/sys/kernel/random/boot_id");
  await guestExec(guest.runDir, ["sh", "-c", "(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &"]);
  await eventually("the kernel has panicked", async () => {
    const lines = await readConsoleTail(guest.runDir, 100);
    return lines.some((line) => line.includes("Kernel panic - not syncing: sysrq triggered crash"));
  });
  await waitForGuest(guest.runDir, { timeoutMs: GUEST_TIMEOUT_MS });
  t.not(await output("cat", "/proc/sys/kernel/random/boot_id"), before);
});

test("QEMU's events are heard, and its refusals are errors", async (t) => {
  const qmp = await connectQmp(guest.runDir);
  try {
    await qmp.execute("stop");
    await qmp.execute("cont");
    t.is((await qmp.event("RESUME", 5_000))?.name, "RESUME");
    t.is((await qmp.event("STOP", 5_000))?.name, "STOP");
    t.is(await qmp.event("NEVER", 50), undefined);
    const error = await t.throwsAsync(qmp.execute("device_del", { id: "nothing" }), { instanceOf: VmError });
    t.is(error.code, "QMP_ERROR");
  } finally {
    qmp.close();
  }
});

test("the guest powers itself off, and QEMU ends with it", async (t) => {
  t.is(await powerOff(guest.runDir, { timeoutMs: GUEST_TIMEOUT_MS }), "guest");
  t.false(await isAlive(guest.identity));
  t.is(await hostProcess(guest.runDir), undefined);
  t.true((await readConsoleTail(guest.runDir, 5)).some((line) => line.includes("sanlab: stopped")));
});

test("what is not running cannot be talked to, and needs no stopping", async (t) => {
  t.is(await powerOff(guest.runDir, { timeoutMs: 1_000 }), "not-running");
  const error = await t.throwsAsync(guestExec(guest.runDir, ["true"]), { instanceOf: VmError });
  t.is(error.code, "HOST_NOT_RUNNING");
});
