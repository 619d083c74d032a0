/** Two initiators on two agents of one thin disk (docs/protocol.md, First write; rule 8). */
import test from "ava";
import { labOf, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

test("what one initiator writes first through one agent, another reads at once through the other", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a", "b"], diskSize: "64MiB" }));
  const iqn = "iqn.2026-11.example:outside";
  const throughA = await openDisk(t, await lab.url("data", "a"), iqn);
  const throughB = await openDisk(t, await lab.url("data", "b"), iqn);

  for (let segment = 0; segment < 16; segment += 1) {
    const offset = segment * 1024 * 1024 + 4096 * segment;
    // B has cached that the segment is zero before A writes it: the copy that must not live on.
    await throughB.expectPattern(offset, 4096, 0);
    await throughA.write(offset, 4096, segment + 1);
    await throughB.expectPattern(offset, 4096, segment + 1);
    await throughB.write(offset, 4096, 0xa0 + segment);
    await throughA.expectPattern(offset, 4096, 0xa0 + segment);
  }
  const [disk] = await lab.disks();
  t.is(disk?.mappedSegments, 16);
});
