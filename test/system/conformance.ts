/** libiscsi's conformance suite on a disk of a lab: what every initiator counts on. */
import test from "ava";
import { REQUIRED_FAMILIES, runIscsiTestCu } from "../helpers/iscsi-test-cu.ts";
import { MAPPED_INITIATORS, startMappedDisk } from "../helpers/mapped-disk.ts";

test("a thin disk of a lab passes the families that a disk has to pass whole", async (t) => {
  const disk = await startMappedDisk(64);
  t.teardown(() => disk.close());
  const [initiator, secondInitiator] = MAPPED_INITIATORS;
  const { tests } = await runIscsiTestCu(disk.url, { families: REQUIRED_FAMILIES, initiator, secondInitiator });
  const failed = tests.filter(({ verdict }) => verdict === "failed");
  t.deepEqual(failed, []);
  t.true(tests.filter(({ verdict }) => verdict === "passed").length > 60, "the suite found the disk able to do little");
});
