/** iPXE, the initiator of machines that boot from a SAN, in the firmware of a virtual machine. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { MemoryDevice, Target, type TargetAccess } from "node-iscsi-target";

const TARGET = "iqn.2026-11.example:boot";
const GREETING = "This machine runs what it read from the SAN.";
const BOUND_MS = 90_000;

test("iPXE logs in, reads the boot sector and runs it", async (t) => {
  const { console, sessions } = await boot(t, "");
  t.true(console.includes(GREETING), console);
  t.true(sessions >= 1);
});

test("iPXE proves itself by CHAP, and makes the target prove itself", async (t) => {
  const access: TargetAccess = {
    authorize: () => true,
    credentials: () => ({
      user: "machine",
      secret: "secret-of-the-machine",
      mutual: { user: "san", secret: "secret-of-the-target" },
    }),
  };
  const login =
    "set username machine\nset password secret-of-the-machine\nset reverse-username san\nset reverse-password secret-of-the-target\n";
  const { console } = await boot(t, login, access);
  t.true(console.includes(GREETING), console);
});

test("iPXE says why it is not let in", async (t) => {
  const { console } = await boot(t, "", { authorize: () => false });
  t.false(console.includes(GREETING));
  t.regex(console, /Could not open SAN device|Operation not permitted|No such file|Permission denied/i);
});

/** Boots a machine that has nothing but a network card, with an iPXE script; its console until it has greeted or given up. */
async function boot(
  t: ExecutionContext,
  settings: string,
  access?: TargetAccess,
): Promise<{ console: string; sessions: number }> {
  t.timeout(BOUND_MS * 2);
  // Smaller than a cylinder of 255 heads and 63 sectors, and the BIOS finds nothing on it.
  const disk = new MemoryDevice({ sizeBytes: 64 * 1024 * 1024 });
  disk.write(0, [bootSector(GREETING)]);
  const target = new Target({ name: TARGET, luns: { 0: disk }, ...(access === undefined ? {} : { access }) });
  t.teardown(() => target.close());
  let sessions = 0;
  target.on("login", () => {
    sessions += 1;
  });
  const { port } = await target.listen({ host: "127.0.0.1", port: 0 });
  const directory = await mkdtemp(join(tmpdir(), "sanlab-ipxe-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const uri = `iscsi:10.0.2.2::${port}:0:${TARGET}`;
  await writeFile(join(directory, "boot.ipxe"), `#!ipxe\n${settings}sanboot ${uri} || echo GAVE UP\n`);
  return { console: await machine(t, directory), sessions };
}

async function machine(t: ExecutionContext, directory: string): Promise<string> {
  const network = `user,id=net,tftp=${directory},bootfile=boot.ipxe`;
  const options = [
    "-machine",
    "pc,graphics=off",
    "-m",
    "64",
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "stdio",
  ];
  const card = ["-netdev", network, "-device", "virtio-net-pci,netdev=net,bootindex=1", "-no-reboot"];
  const qemu = execa("qemu-system-x86_64", [...options, ...card], { stdin: "ignore", reject: false, buffer: false });
  t.teardown(async () => {
    qemu.kill("SIGKILL");
    await qemu;
  });
  let console = "";
  const ended = new Promise<void>((resolve) => {
    qemu.stdout.on("data", (chunk: Buffer) => {
      console += String(chunk);
      if (console.includes(GREETING) || console.includes("GAVE UP")) resolve();
    });
    qemu.stdout.on("close", resolve);
  });
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, BOUND_MS).unref())]);
  return console;
}

/** A master boot record that writes a text by the BIOS (INT 10h, AH = 0Eh) and halts. */
function bootSector(text: string): Buffer {
  const sector = Buffer.alloc(512);
  const code = Buffer.from("be117cac84c07406b40ecd10ebf5f4ebfd", "hex");
  code.copy(sector);
  sector.write(text, code.length);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
