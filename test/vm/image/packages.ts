import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { packageListsState, parsePackageRecords } from "../../../vm/image/packages.ts";

test("a package's record gives its version and the first of each alternative it depends on", (t) => {
  const text = `Package: open-iscsi
Version: 2.1.8-1+deb12u1
Depends: debconf (>= 0.5) | debconf-2.0, libc6 (>= 2.34), libkmod2:any
Pre-Depends: zlib1g
Description: iSCSI initiator tools
 a line that Depends: on nothing

Package: busybox-static
Version: 1:1.35.0-4
`;
  t.deepEqual(parsePackageRecords(text), [
    { name: "open-iscsi", version: "2.1.8-1+deb12u1", depends: ["zlib1g", "debconf", "libc6", "libkmod2"] },
    { name: "busybox-static", version: "1:1.35.0-4", depends: [] },
  ]);
});

test("the state of apt's lists changes with them, and is none without any", async (t) => {
  const lists = await mkdtemp(join(tmpdir(), "sanlab-lists-"));
  t.teardown(() => rm(lists, { recursive: true }));
  t.is(await packageListsState(lists), "none");
  t.is(await packageListsState(join(lists, "missing")), "none");
  const file = join(lists, "deb.example_dists_bookworm_main_binary-amd64_Packages.lz4");
  await writeFile(file, "one");
  const first = await packageListsState(lists);
  t.is(await packageListsState(lists), first);
  await utimes(file, 1, 1);
  t.not(await packageListsState(lists), first);
});
