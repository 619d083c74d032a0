/** An agent inside a virtual machine, which has the lab's storage device as a disk of its own. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { bootAgentGuest } from "../helpers/agent-in-guest.ts";
import { eventually, labOf, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

const IQN = "iqn.2026-11.example:outside";
const PORT = 3260;
const MIB = 1024 * 1024;

test("a disk is one disk through an agent of this machine and through one in a guest, with the device as the guest has it", async (t) => {
  t.timeout(500_000);
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a"], diskSize: "64MiB", deviceSize: "128MiB" }));
  const guest = await bootAgentGuest(t, { image: join(lab.directory, "main-0.img"), port: PORT });
  await lab.must("agent", "listen", "127.0.0.1:0", "--as", "10.0.2.2");
  const joinFile = join(lab.directory, "c.join");
  await lab.must("agent", "add", "c", "--remote", "--portal", `10.0.2.15:${PORT}`, "--join-file", joinFile);
  await lab.must("zone", "create", "elsewhere", "--host", "outside", "--agent", "c", "--disk", "data");
  await guest.startAgent(await readFile(joinFile, "utf8"));
  t.teardown(async () => {
    if (!t.passed) t.log(await guest.log().catch(String));
  });
  const isThere = async () => (await lab.agents()).some(({ name, state }) => name === "c" && state === "connected");
  await eventually("the guest's agent", isThere, 240_000);

  const viaGuest = (await lab.url("data", "c")).replace(`10.0.2.15:${PORT}`, guest.portal);
  const [a, c] = [await openDisk(t, await lab.url("data", "a"), IQN), await openDisk(t, viaGuest, IQN)];
  for (let segment = 0; segment < 4; segment += 1) {
    const offset = segment * MIB + 4096 * segment;
    await c.expectPattern(offset, 4096, 0);
    await a.write(offset, 4096, segment + 1);
    await c.expectPattern(offset, 4096, segment + 1);
    await c.write(offset, 4096, 0xa0 + segment);
    await a.expectPattern(offset, 4096, 0xa0 + segment);
  }
  // What the guest's agent writes first, on segments that no table had.
  await c.write(32 * MIB, MIB, 0x5a);
  await a.expectPattern(32 * MIB, MIB, 0x5a);
  t.is((await lab.run(["check"])).exitCode, 0);
});
