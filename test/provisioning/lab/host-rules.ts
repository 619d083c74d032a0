/** What a lab file can say wrongly about hosts, secrets and images: each is told with its line, before anything is done. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { AgentDefinition, DiskDefinition, HostDefinition } from "sanlab";
import { LabFileError, loadLab, parseLab } from "sanlab/lab/load.ts";

import { temporaryDirectory } from "../../helpers/state-directory.ts";

const RIGHT = `lab: hosts
pools: { main: { devices: [{ path: main.img, size: 2GiB }] } }
disks:
  root: { pool: main, size: 1GiB, image: built-in }
  data: { pool: main, size: 64MiB, image: data.qcow2 }
agents:
  a: { chap: { user: lab, secretFile: lab.secret } }
hosts:
  diskless: { disks: [root], initiator: ipxe, nics: 2, patience: 90s }
  own: { disks: [data], image: data.qcow2, seed: seed.yaml, guestAgent: false }
  direct: { disks: [data], initiator: qemu, device: virtio-blk }
zones:
  all: { hosts: [diskless, own, direct], agents: [a], disks: [root, data] }
`;

interface Wrong {
  readonly line: number;
  readonly text: string;
  /** What is told of that line, as a part of it. */
  readonly told: string;
}

const WRONG: readonly Wrong[] = [
  {
    line: 4,
    text: "  root: { pool: main, size: 256MiB, image: built-in }",
    told: "disks.root.size: found '256MiB', expected at least 512MiB",
  },
  {
    line: 5,
    text: "  data: { pool: main, size: 64MiB, image: none.img }",
    told: "none.img', which is not there, expected an image, raw or qcow2",
  },
  { line: 5, text: "  data: { pool: main, size: 64MiB, image: . }", told: "which is a directory" },
  { line: 7, text: "  a: { chap: { user: lab, secretFile: none } }", told: "agents.a.chap.secretFile: found" },
  {
    line: 7,
    text: "  a: { chap: { user: lab, secretFile: short } }",
    told: "whose first line is too short, expected a secret of 12 to 255 characters",
  },
  { line: 7, text: "  a: { chap: { user: lab, secretFile: spaced } }", told: "whose first line has a space" },
  {
    line: 7,
    text: '  a: { chap: { user: "a b", secretFile: lab.secret } }',
    told: "agents.a.chap.user: found 'a b', expected a name",
  },
  {
    line: 7,
    text: "  a: { chap: { user: lab, secret: abc } }",
    told: "agents.a.chap.secret: found the unknown key 'secret', expected one of user, secretFile",
  },
  {
    line: 9,
    text: "  diskless: { disks: [root], initiator: ipxe, nics: 9 }",
    told: "hosts.diskless.nics: found 9, expected the number of network cards, 1 to 8",
  },
  {
    line: 9,
    text: "  diskless: { disks: [root], initiator: ipxe, patience: 90 }",
    told: "hosts.diskless.patience: found 90, expected how long its start may take, such as 90s",
  },
  { line: 9, text: "  diskless: { initiator: ipxe }", told: "'ipxe' for a host without disks" },
  {
    line: 9,
    text: "  diskless: { disks: [root], initiator: ipxe, image: built-in }",
    told: "expected no 'image' for a host that boots from the SAN",
  },
  {
    line: 10,
    text: "  own: { disks: [data], seed: seed.yaml }",
    told: "expected an 'image' of one's own with cloud-init in it",
  },
  {
    line: 10,
    text: "  own: { disks: [data], image: data.qcow2, seed: lab.secret }",
    told: "expected user data for cloud-init, beginning with #cloud-config or #!",
  },
  { line: 10, text: '  own: { disks: [data], image: "data.qcow2\\n-drive x" }', told: "hosts.own.image: found" },
  {
    line: 11,
    text: "  direct: { disks: [data], device: virtio-blk }",
    told: "expected no 'device' with initiator open-iscsi",
  },
  {
    line: 11,
    text: "  direct: { disks: [data], initiator: qemu, device: floppy }",
    told: "expected what QEMU's initiator shows the guest",
  },
  {
    line: 11,
    text: '  direct: { external: true, iqn: "iqn.2026-11.example:x", nics: 2 }',
    told: "hosts.direct.nics: found '2', expected no 'nics' for a host that is external",
  },
  {
    line: 11,
    text: '  direct: { external: true, iqn: "iqn.2026-11.example:x", additions: [fence-agents] }',
    told: "hosts.direct.additions: found 'fence-agents', expected no 'additions' for a host that is external",
  },
  {
    line: 11,
    text: "  direct: { disks: [data], additions: [fence-agent] }",
    told: "hosts.direct.additions[0]: found 'fence-agent', expected fence-agents or fio",
  },
  {
    line: 10,
    text: "  own: { disks: [data], image: data.qcow2, additions: [fence-agents] }",
    told: "found 'fence-agents' with an image of its own, expected no additions there",
  },
  {
    line: 11,
    text: "  direct: { disks: [data], additions: [fio], memory: 192MiB }",
    told: "hosts.direct.memory: found '192MiB', expected whole MiB, at least 448MiB with fio",
  },
  {
    line: 11,
    text: "  direct: { disks: [data], additions: [fio, fence-agents], memory: 512MiB }",
    told: "hosts.direct.memory: found '512MiB', expected whole MiB, at least 560MiB with fence-agents and fio",
  },
];

async function site(owner: Parameters<typeof temporaryDirectory>[0]): Promise<string> {
  const directory = await temporaryDirectory(owner);
  const files = {
    "lab.secret": "a-long-enough-secret\nand more\n",
    short: "short\n",
    spaced: "a secret with spaces\n",
    "data.qcow2": "",
    "seed.yaml": "#cloud-config\npackages: []\n",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  return directory;
}

test("a lab file with all that hosts can be told is right", async (t) => {
  const directory = await site(t);
  const file = join(directory, "lab.yaml");
  await writeFile(file, RIGHT);
  const { agents, disks, hosts } = await loadLab(file);
  t.deepEqual(agents[0]?.chap, { user: "lab", secretFile: join(directory, "lab.secret") });
  t.deepEqual(
    disks.map(({ image }) => image),
    ["built-in", join(directory, "data.qcow2")],
  );
  const [diskless, own, direct] = hosts;
  t.like(diskless, { initiator: "ipxe", nics: 2, patienceMs: 90_000, guestAgent: true });
  t.like(own, { image: join(directory, "data.qcow2"), seed: join(directory, "seed.yaml"), guestAgent: false });
  t.like(direct, { device: "virtio-blk", nics: 1 });
});

for (const [additions, memory] of [
  ["", 256],
  ["additions: [fence-agents]", 320],
  ["additions: [fio]", 448],
  ["additions: [fio, fence-agents]", 560],
  ["additions: [fio], memory: 1GiB", 1024],
  ["additions: [fio], memory: 448MiB", 448],
] as const) {
  test(`a guest with { ${additions} } has ${memory} MiB`, (t) => {
    const text = RIGHT.replace("device: virtio-blk", additions === "" ? "nics: 1" : additions);
    const { hosts } = parseLab(text, "lab.yaml");
    t.is(hosts.find(({ name }) => name === "direct")?.memoryMiB, memory);
  });
}

for (const { line, text, told } of WRONG) {
  test(`refused with its line: ${text.trim()}`, async (t) => {
    const directory = await site(t);
    const file = join(directory, "lab.yaml");
    const lines = RIGHT.split("\n");
    lines[line - 1] = text;
    await writeFile(file, lines.join("\n"));
    const { message, details } = await t.throwsAsync(loadLab(file), { instanceOf: LabFileError });
    const all = details.length > 0 ? details : [message];
    t.true(
      all.some((one) => one.startsWith(`${file}:${line}: `) && one.includes(told)),
      all.join("\n"),
    );
  });
}

test("the types of the TypeScript API have the keys of the schema", async (t) => {
  const { $defs } = JSON.parse(
    await readFile(new URL("../../../provisioning/lab.schema.json", import.meta.url), "utf8"),
  ) as {
    $defs: Record<string, { properties?: Record<string, unknown> }>;
  };
  const keys = (name: string) => Object.keys($defs[name]?.properties ?? {}).sort();
  const host: Record<keyof HostDefinition, true> = {
    disks: true,
    iqn: true,
    external: true,
    memory: true,
    initiator: true,
    nics: true,
    device: true,
    image: true,
    additions: true,
    seed: true,
    guestAgent: true,
    patience: true,
  };
  const disk: Record<keyof DiskDefinition, true> = {
    pool: true,
    size: true,
    thick: true,
    image: true,
    tables: true,
  };
  const agent: Record<keyof AgentDefinition, true> = {
    portal: true,
    advertise: true,
    chap: true,
    remote: true,
    lease: true,
  };
  t.deepEqual(keys("host"), Object.keys(host).sort());
  t.deepEqual(keys("disk"), Object.keys(disk).sort());
  t.deepEqual(keys("agent"), Object.keys(agent).sort());
});
