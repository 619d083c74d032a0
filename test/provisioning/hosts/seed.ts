/** The seed that cloud-init reads in an image of one's own: cloud-init itself says whether it is right. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeSeedDisk } from "@sanlab/vm";
import test from "ava";
import { execa } from "execa";
import type { HostPath } from "sanlab/hosts/portals.ts";
import type { HostRecord } from "sanlab/hosts/record.ts";
import { seedFiles } from "sanlab/hosts/seed.ts";
import { parse } from "yaml";
import { temporaryDirectory } from "../../helpers/state-directory.ts";

const RECORD: HostRecord = {
  format: 1,
  wanted: "running",
  name: "web",
  iqn: "iqn.2026-11.example:web",
  memoryMiB: 512,
  initiator: "open-iscsi",
  nics: 2,
  device: "scsi-block",
  image: "/images/debian.qcow2",
  guestAgent: true,
  patienceMs: 1000,
};

function path(agent: string, portal: string, chap?: HostPath["chap"]): HostPath {
  const target = `iqn.2026-11.io.sanlab:test.${agent}`;
  return { disk: "data", agent, portal, target, lun: 0, ...(chap === undefined ? {} : { chap }) };
}

interface UserData {
  readonly write_files: readonly { readonly path: string; readonly permissions: string; readonly content: string }[];
  readonly runcmd: readonly string[][];
}

async function schema(t: { true(value: boolean, message?: string): void }, file: string): Promise<void> {
  const { exitCode, all } = await execa("cloud-init", ["schema", "--config-file", file], { all: true, reject: false });
  t.true(exitCode === 0, all);
}

test("the seed sets name, logins with their secrets, and multipath, and cloud-init takes it", async (t) => {
  const directory = await temporaryDirectory(t);
  const secretFile = join(directory, "secret");
  await writeFile(secretFile, "a-long-enough-secret\n");
  const paths = [path("a", "10.0.2.2:3260", { user: "lab", secretFile }), path("b", "10.0.3.2:3261")];
  const files = await seedFiles(RECORD, paths);
  await writeFile(join(directory, "user-data"), files["user-data"] ?? "");
  await schema(t, join(directory, "user-data"));
  const { write_files, runcmd } = parse(files["user-data"] ?? "") as UserData;
  const content = (name: string) => write_files.find((file) => file.path === name);
  t.is(content("/etc/iscsi/initiatorname.iscsi")?.content, "InitiatorName=iqn.2026-11.example:web\n");
  t.like(content("/etc/sanlab/chap/a"), { content: "a-long-enough-secret", permissions: "0600" });
  t.regex(content("/etc/multipath.conf")?.content ?? "", /vendor +"SANLAB"/);
  const script = content("/usr/local/sbin/sanlab-disks")?.content ?? "";
  t.true(script.includes("log_in_to 'iqn.2026-11.io.sanlab:test.a' '10.0.2.2:3260' 'lab' '/etc/sanlab/chap/a'"));
  t.true(script.includes("log_in_to 'iqn.2026-11.io.sanlab:test.b' '10.0.3.2:3261'\n"));
  t.false(script.includes("a-long-enough-secret"));
  await execa("bash", ["-n"], { input: script });
  t.deepEqual(runcmd.at(-1), ["/usr/local/sbin/sanlab-disks", "login"]);
  const cards = Object.values((parse(files["network-config"] ?? "") as { ethernets: object }).ethernets);
  t.is(cards.length, 2);
  t.is((parse(files["meta-data"] ?? "") as Record<string, string>)["local-hostname"], "web");
});

test("a user's own data comes first, whole, and ours is added to it", async (t) => {
  const directory = await temporaryDirectory(t);
  const seed = join(directory, "mine.yaml");
  await writeFile(seed, "#cloud-config\nruncmd:\n  - [touch, /mine]\n");
  const files = await seedFiles({ ...RECORD, seed, nics: 1 }, [path("a", "10.0.2.2:3260")]);
  const { stdout } = await execa("/usr/bin/python3", ["-c", MERGE], { input: files["user-data"] ?? "" });
  const merged = JSON.parse(stdout) as UserData;
  t.deepEqual(merged.runcmd[0], ["touch", "/mine"]);
  t.deepEqual(merged.runcmd.at(-1), ["/usr/local/sbin/sanlab-disks", "login"]);
});

/** What cloud-init makes of several parts: its own parser and its own merging. */
const MERGE = `
import sys, json, email, yaml, importlib.util
from cloudinit import mergers
merged = {}
for part in email.message_from_string(sys.stdin.read()).walk():
    if part.is_multipart(): continue
    data = yaml.safe_load(part.get_payload(decode=True))
    how = mergers.dict_extract_mergers(data) or mergers.default_mergers()
    merged = mergers.construct(how).merge(merged, data)
print(json.dumps(merged))
`;

test("the seed's disk is what NoCloud looks for: a file system labelled CIDATA with the files in it, for root only", async (t) => {
  const directory = await temporaryDirectory(t);
  const disk = join(directory, "seed.img");
  await makeSeedDisk(disk, { "user-data": "#cloud-config\n", "meta-data": "instance-id: x\n" });
  t.is((await execa("blkid", ["-p", "-s", "LABEL", "-o", "value", disk])).stdout, "CIDATA");
  t.is((await execa("mtype", ["-i", disk, "::/meta-data"])).stdout, "instance-id: x");
  t.is((await execa("stat", ["-c", "%a", disk])).stdout, "600");
});
