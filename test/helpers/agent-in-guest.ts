/**
 * A guest that runs an agent of the lab: it has the project and this machine's libraries by 9p, read-only, and a
 * storage device of the lab as a disk of its own, which QEMU opens past the page cache (O_DIRECT).
 */

import { createReadStream, createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { commandLine, guestExec, guestOverlay, hostProcess, macAddress, userNetwork, waitForGuest } from "@sanlab/vm";
import { execa } from "execa";
import { countGuestBoot, guestImage, type Owner, temporaryRunDir } from "./guest.ts";
import { eventually } from "./lab.ts";

const PROJECT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const LIBRARIES = "/run/libraries";
const AGENT_LOG = "/run/agent.log";
/** A guest in software starts Node in 20 s on an idle machine; others use this one as well. */
const BOOT_TIMEOUT_MS = 180_000;

export interface AgentGuest {
  /** Where hosts of this machine reach the port at which the agent is to listen. */
  readonly portal: string;
  /** `sanlab agent --join` with this join file. */
  startAgent(joinFile: string): Promise<void>;
  log(): Promise<string>;
}

export interface AgentGuestOptions {
  /** Image file of a storage device of the lab. */
  readonly image: string;
  /** Of the agent's portal, in the guest. */
  readonly port: number;
}

export async function bootAgentGuest(owner: Owner, { image, port }: AgentGuestOptions): Promise<AgentGuest> {
  const runDir = await temporaryRunDir(owner);
  await mkdir(runDir, { recursive: true });
  const { kernel, initramfs } = await guestImage();
  const mac = macAddress(runDir, 0);
  const { guestAddress, hostAddress } = userNetwork(0);
  const nics = [{ mac, address: guestAddress, gateway: hostAddress }];
  await pipeline(
    async function* () {
      yield* createReadStream(initramfs);
      yield guestOverlay({ hostname: "elsewhere", nics, portals: [] });
    },
    createWriteStream(join(runDir, "initramfs")),
  );
  const forwarded = await freePort();
  const boot = { kind: "kernel", kernel, initramfs: "initramfs" } as const;
  const args = commandLine({ name: "elsewhere", memoryMiB: 768, boot, nics: [{ mac }] })
    .map((arg) => (arg.startsWith("user,") ? `${arg},hostfwd=tcp:127.0.0.1:${forwarded}-:${port}` : arg))
    // Node's code is far more than other guests run: translated once, it should stay so.
    .map((arg) => arg.replace("tb-size=32", "tb-size=512"));
  const disk = `driver=raw,node-name=shared,file.driver=file,file.filename=${image},file.locking=off,cache.direct=on,discard=unmap`;
  const libraries = dirname(await libraryOf("libstdc++.so.6"));
  await countGuestBoot();
  const qemu = execa(
    "qemu-system-x86_64",
    [
      ...args,
      "-blockdev",
      disk,
      "-device",
      "virtio-blk-pci,drive=shared",
      ...share("project", PROJECT),
      ...share("libraries", libraries),
    ],
    { cwd: runDir, reject: false, all: true, cleanup: false },
  );
  owner.teardown(async () => {
    qemu.kill("SIGKILL");
    await qemu;
  });
  const ended = qemu.then(({ all }) => {
    throw new Error(`QEMU has ended: ${all}`);
  });
  ended.catch(() => undefined);
  await Promise.race([eventually("QEMU's pid file", async () => (await hostProcess(runDir)) !== undefined), ended]);
  await Promise.race([waitForGuest(runDir, { timeoutMs: BOOT_TIMEOUT_MS }), ended]);
  const run = async (script: string, input = "") => {
    const result = await guestExec(runDir, ["sh", "-c", script], { input, timeoutMs: BOOT_TIMEOUT_MS });
    if (result.exitCode !== 0) throw new Error(`in the guest: ${script}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  await run(`${mount("project", PROJECT)} && ${mount("libraries", LIBRARIES)}`);
  return {
    portal: `127.0.0.1:${forwarded}`,
    startAgent: async (joinFile) => {
      const command = `sanlab.js agent --join /run/c.join --device /dev/vda`.replace(
        "sanlab.js",
        join(PROJECT, "provisioning/bin/sanlab.js"),
      );
      const node = `${LIBRARIES}/ld-linux-x86-64.so.2 --library-path ${LIBRARIES} ${join(PROJECT, "node_modules/node/bin/node")}`;
      await run(`cat >/run/c.join; HOME=/run setsid ${node} ${command} >${AGENT_LOG} 2>&1 </dev/null &`, joinFile);
    },
    log: () => run(`tail -n 30 ${AGENT_LOG}`),
  };
}

function share(tag: string, path: string): string[] {
  return [
    "-fsdev",
    `local,id=${tag},path=${path},security_model=none,readonly=on`,
    "-device",
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
}

function mount(tag: string, path: string): string {
  return `mkdir -p ${path} && mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 ${tag} ${path}`;
}

/** Where this machine's dynamic linker finds a library of Node's. */
async function libraryOf(name: string): Promise<string> {
  const { stdout } = await execa("ldd", [join(PROJECT, "node_modules/node/bin/node")]);
  const [, path] = new RegExp(`${name.replaceAll("+", "\\+")} => (\\S+)`).exec(stdout) ?? [];
  if (path === undefined) throw new Error(`Node does not need ${name}`);
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
