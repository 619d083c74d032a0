import { readdir } from "node:fs/promises";
import test from "ava";
import { EXAMPLE_LAB } from "sanlab/lab/example.ts";
import { LabFileError, loadLab, parseLab } from "sanlab/lab/load.ts";

/** A lab file without an error; each row of the table changes one line of it (lines count from 1). */
const RIGHT = `lab: quickstart
pools:
  main:
    segment: 1MiB
    devices:
      - { path: main-0.img, size: 64MiB }
      - { path: main-1.img, size: 64MiB }
disks:
  data: { pool: main, size: 1GiB }
agents:
  a: { portal: "127.0.0.1:3260" }
  b: { portal: "127.0.0.1:3261" }
hosts:
  web: { disks: [data], memory: 512MiB, initiator: open-iscsi }
  outside: { disks: [data], iqn: "iqn.2026-11.example:outside", external: true }
zones:
  all: { hosts: [web, outside], agents: [a, b], disks: [data] }
`;

interface Wrong {
  readonly what: string;
  readonly line: number;
  readonly text: string;
  /** The whole error, without the file's name; the line is `line` unless it says another. */
  readonly error: string;
}

const WRONG: readonly Wrong[] = [
  {
    what: "a table with segments that its disk does not have",
    line: 9,
    text: "  data: { pool: main, size: 1GiB, tables: { end: [1020-1024] } }",
    error:
      "9: disks.data.tables.end: found ranges that cannot be (Disk 'data' has the segments 0 to 1023, and not all of 1020-1024; name some of those.), expected other ranges",
  },
  {
    what: "a host that is shown a table which the file does not have",
    line: 14,
    text: "  web: { disks: [data/end], memory: 512MiB, initiator: open-iscsi }",
    error: "14: hosts.web.disks[0]: found the unknown table 'data/end', expected a table (the file has none)",
  },
  {
    what: "a fault that the grammar does not know",
    line: 17,
    text: "  all: { hosts: [web, outside], agents: [a, b], disks: [data] }\nfaults:\n  slow: on disk=data when evry 2 do busy",
    error:
      "19: faults.slow: found 'evry' at column 19 of the fault, expected always, or once each every, first, probability, seed, from or until",
  },
  {
    what: "a fault of a disk that the file does not have",
    line: 17,
    text: "  all: { hosts: [web, outside], agents: [a, b], disks: [data] }\nfaults: { slow: on disk=dat do busy }",
    error: "18: faults.slow: found the unknown disk 'dat', expected one of the disks data; did you mean 'data'?",
  },
  {
    what: "a fault of a device that no pool has",
    line: 17,
    text: "  all: { hosts: [web, outside], agents: [a, b], disks: [data] }\nfaults: { lost: on device=main-2.img do device-loss }",
    error:
      "18: faults.lost: found the unknown device 'main-2.img', expected one of the devices main-0.img, main-1.img; did you mean 'main-0.img'?",
  },
  {
    what: "a fault that cuts the power of somebody else's machine",
    line: 17,
    text: "  all: { hosts: [web, outside], agents: [a, b], disks: [data] }\nfaults: { cut: on host=outside do power-cut }",
    error:
      "18: faults.cut: found the external host 'outside', expected a guest of the lab: others' power cannot be cut from here",
  },
  {
    what: "an unknown key",
    line: 9,
    text: "  data: { pool: main, size: 1GiB, thik: true }",
    error:
      "9: disks.data.thik: found the unknown key 'thik', expected one of pool, size, thick, image, tables; did you mean 'thick'?",
  },
  {
    what: "an unknown key at the top",
    line: 10,
    text: "agent:",
    error:
      "10: agent: found the unknown key 'agent', expected one of lab, pools, disks, agents, listen, hosts, zones, aliases, zoneSets, activeZoneSet, faults, timeline; did you mean 'agents'?",
  },
  {
    what: "a decimal unit",
    line: 9,
    text: "  data: { pool: main, size: 1GB }",
    error: "9: disks.data.size: found '1GB', expected a size with its unit, KiB, MiB, GiB or TiB, such as 512MiB",
  },
  {
    what: "a size without a unit",
    line: 9,
    text: "  data: { pool: main, size: 1024 }",
    error: "9: disks.data.size: found 1024, expected a size with its unit, KiB, MiB, GiB or TiB, such as 512MiB",
  },
  {
    what: "no size",
    line: 9,
    text: "  data: { pool: main }",
    error: "9: disks.data: found no key 'size', expected a disk: { pool: main, size: 1GiB }",
  },
  {
    what: "a disk larger than any table allows",
    line: 9,
    text: "  data: { pool: main, size: 65TiB }",
    error:
      "9: disks.data.size: found '65TiB', more than any table can map, expected at most 64TiB with segments of 1MiB",
  },
  {
    what: "an unknown pool",
    line: 9,
    text: "  data: { pool: mian, size: 1GiB }",
    error:
      "9: disks.data.pool: found the unknown pool 'mian', expected one of the file's pools, main; did you mean 'main'?",
  },
  {
    what: "a thick disk larger than its pool",
    line: 9,
    text: "  data: { pool: main, size: 127MiB, thick: true }",
    error: "9: disks.data.size: found '127MiB', expected at most 126MiB, what is left of pool 'main' for thick disks",
  },
  {
    what: "a segment that is no power of two",
    line: 4,
    text: "    segment: 3MiB",
    error: "4: pools.main.segment: found '3MiB', expected a power of two from 64KiB to 256MiB",
  },
  {
    what: "a device too small for a label and a segment",
    line: 7,
    text: "      - { path: main-1.img, size: 1MiB }",
    error:
      "7: pools.main.devices[1].size: found '1MiB', expected at least 2MiB: one segment of 1MiB for the label and one for data",
  },
  {
    what: "a device path used twice",
    line: 7,
    text: "      - { path: ./main-0.img, size: 64MiB }",
    error:
      "7: pools.main.devices[1].path: found './main-0.img', which pool 'main' has already, expected a path of its own for every device",
  },
  {
    what: "two agents on one portal",
    line: 12,
    text: '  b: { portal: "127.0.0.1:3260" }',
    error:
      "12: agents.b.portal: found '127.0.0.1:3260', which agent 'a' has already, expected a portal of its own for every agent (port 0 takes any free one)",
  },
  {
    what: "a port above 65535",
    line: 12,
    text: '  b: { portal: "127.0.0.1:65536" }',
    error:
      "12: agents.b.portal: found '127.0.0.1:65536', expected a numeric address and a port from 0 to 65535, such as 127.0.0.1:3260",
  },
  {
    what: "a portal without a port",
    line: 12,
    text: '  b: { portal: "127.0.0.1" }',
    error:
      "12: agents.b.portal: found '127.0.0.1', expected HOST:PORT with a numeric address, such as 127.0.0.1:3260 or [::1]:3260 (port 0 takes any free one)",
  },
  {
    what: "an agent where its guest cannot reach it",
    line: 12,
    text: '  b: { portal: "127.0.0.2:3260" }',
    error:
      "12: agents.b.portal: found '127.0.0.2:3260', which guest 'web' cannot reach, expected 127.0.0.1 or an address of this machine that is no loopback address",
  },
  {
    what: "a lease beyond what leases may be",
    line: 12,
    text: '  b: { portal: "127.0.0.1:3261", lease: 2m }',
    error: "12: agents.b.lease: found '2m', expected from 1s to 60s",
  },
  {
    what: "an agent of another machine that cannot know where the controller is",
    line: 12,
    text: '  b: { portal: "192.0.2.2:3260", remote: true }',
    error:
      "12: agents.b.remote: found 'true' for agent 'b', expected the key 'listen' in the file, which says where it reaches the controller",
  },
  {
    what: "a controller at an address that is none",
    line: 12,
    text: '  b: { portal: "127.0.0.1:3261" }\nlisten: { address: "300.0.0.1:7443" }',
    error: "13: listen.address: found '300.0.0.1:7443', expected a numeric address with a port, such as 192.0.2.1:7443",
  },
  {
    what: "a controller under a name that is none",
    line: 12,
    text: '  b: { portal: "127.0.0.1:3261" }\nlisten: { address: "192.0.2.1:7443", as: ["a b"] }',
    error: "13: listen.as[0]: found 'a b', expected a host name or an address",
  },
  {
    what: "a name used twice",
    line: 12,
    text: '  a: { portal: "127.0.0.1:3261" }',
    error: "12: agents.a: found 'a' a second time (first in line 11), expected every name once",
  },
  {
    what: "a name in upper case",
    line: 1,
    text: "lab: Quickstart",
    error:
      "1: lab: found 'Quickstart', expected a name of lower-case letters, digits and '-' that begins with a letter, 63 characters at most",
  },
  {
    what: "too little memory",
    line: 14,
    text: "  web: { disks: [data], memory: 64MiB, initiator: open-iscsi }",
    error: "14: hosts.web.memory: found '64MiB', expected whole MiB, at least 192MiB",
  },
  {
    what: "an unknown initiator",
    line: 14,
    text: "  web: { disks: [data], initiator: pxe }",
    error: "14: hosts.web.initiator: found 'pxe', expected open-iscsi, qemu or ipxe",
  },
  {
    what: "an unknown disk",
    line: 14,
    text: "  web: { disks: [data, date] }",
    error:
      "14: hosts.web.disks[1]: found the unknown disk 'date', expected one of the file's disks, data; did you mean 'data'?",
  },
  {
    what: "a disk twice at one host",
    line: 14,
    text: "  web: { disks: [data, data] }",
    error: "14: hosts.web.disks[1]: found 'data' a second time, expected every name once",
  },
  {
    what: "an external host without a name of its own",
    line: 15,
    text: "  outside: { disks: [data], external: true }",
    error: "15: hosts.outside: found no key 'iqn', expected the iSCSI name under which an external host logs in",
  },
  {
    what: "an external host with memory",
    line: 15,
    text: '  outside: { disks: [data], iqn: "iqn.2026-11.example:outside", external: true, memory: 1GiB }',
    error:
      "15: hosts.outside.memory: found '1GiB', expected no 'memory' for a host that is external: it is not started here",
  },
  {
    what: "an iSCSI name that is none",
    line: 15,
    text: '  outside: { disks: [data], iqn: "outside", external: true }',
    error:
      "15: hosts.outside.iqn: found 'outside', expected an iSCSI name such as iqn.2026-11.example:web, in lower case (RFC 7143 4.2.7)",
  },
  {
    what: "a host in no zone",
    line: 17,
    text: "  all: { hosts: [outside], agents: [a, b], disks: [data] }",
    error:
      "14: hosts.web: found host 'web' in no zone, expected every host in a zone, since a host outside the zones sees nothing",
  },
  {
    what: "an agent that the file does not have",
    line: 17,
    text: "  all: { hosts: [web, outside], agents: [a, c], disks: [data] }",
    error:
      "17: zones.all.agents[1]: found the unknown agent 'c', expected one of the file's agents, a, b; did you mean 'a'?",
  },
  {
    what: "YAML that is none",
    line: 17,
    text: "  all: { hosts: [web, outside], agents: [a, b], disks: [data",
    error:
      "18: found Flow sequence in block collection must be sufficiently indented and end with a ], expected YAML or JSON",
  },
];

for (const { what, line, text, error } of WRONG) {
  test(`a lab file with ${what} is refused with line, value and what was expected`, (t) => {
    const lines = RIGHT.split("\n");
    lines[line - 1] = text;
    const refusal = t.throws(() => parseLab(lines.join("\n"), "lab.yaml"), { instanceOf: LabFileError });
    const told = refusal.details.length > 0 ? refusal.details : [refusal.message];
    t.true(told.includes(`lab.yaml:${error}`), told.join("\n"));
  });
}

test("a host that no zone with an agent shows its disk is refused", (t) => {
  const text = RIGHT.replace("disks: [data] }\n", "disks: [] }\n");
  const { details } = t.throws(() => parseLab(text, "lab.yaml"), { instanceOf: LabFileError });
  t.deepEqual(details, [
    "lab.yaml:14: hosts.web.disks[0]: found 'data', which no zone of the host has, expected a zone that has host 'web', disk 'data' and an agent",
    "lab.yaml:15: hosts.outside.disks[0]: found 'data', which no zone of the host has, expected a zone that has host 'outside', disk 'data' and an agent",
  ]);
});

test("all errors of a file are listed by line, and one sentence refuses it as a whole", (t) => {
  const text = RIGHT.replace("segment: 1MiB", "segment: 5MiB")
    .replace("size: 1GiB", "size: 1G")
    .replace("[a, b]", "[a, x]");
  const refusal = t.throws(() => parseLab(text, "lab.yaml"), { instanceOf: LabFileError });
  t.is(refusal.message, "The lab file lab.yaml has 3 errors and was refused as a whole:");
  t.deepEqual(
    refusal.problems.map(({ line }) => line),
    [4, 9, 17],
  );
});

test("an error in a thing does not become a second one where it is used", (t) => {
  const refusal = t.throws(() => parseLab(RIGHT.replace("pool: main, size: 1GiB", "pool: main, size: 1"), "lab.yaml"), {
    instanceOf: LabFileError,
  });
  t.is(refusal.problems.length, 1);
});

test("a lab file is read with its defaults, and its paths are relative to it", (t) => {
  const lab = parseLab(RIGHT.replace("    segment: 1MiB\n", ""), "/somewhere/else/lab.yaml");
  t.is(lab.pools[0]?.segmentBytes, 1024 * 1024);
  t.is(lab.pools[0]?.devices[0]?.path, "/somewhere/else/main-0.img");
  t.deepEqual(lab.disks, [{ name: "data", pool: "main", sizeBytes: 1024 ** 3, thick: false }]);
  t.deepEqual(lab.agents[1], { name: "b", portal: { host: "127.0.0.1", port: 3261 } });
  t.like(lab.hosts[0], {
    name: "web",
    iqn: "iqn.2026-11.io.sanlab:host:quickstart:web",
    external: false,
    memoryMiB: 512,
  });
  t.like(lab.hosts[1], { name: "outside", iqn: "iqn.2026-11.example:outside", external: true });
});

test("JSON is as good as YAML", (t) => {
  t.is(
    parseLab('{"lab": "json", "pools": {"p": {"devices": [{"path": "p.img", "size": "2MiB"}]}}}', "lab.json").name,
    "json",
  );
});

test("a lab file that is not there, or is a directory, is told in a sentence", async (t) => {
  const missing = await t.throwsAsync(loadLab("/no/such/lab.yaml"));
  t.is(
    missing.message,
    "The lab file /no/such/lab.yaml is not there: write one, or let 'sanlab init' write an example.",
  );
  const directory = await t.throwsAsync(loadLab("/tmp"));
  t.is(directory.message, "The lab file /tmp is a directory: name the lab file in it.");
});

test("the example that init writes, and every file in examples/, is right", async (t) => {
  t.is(parseLab(EXAMPLE_LAB, "lab.yaml").name, "example");
  const directory = new URL("../../../examples/", import.meta.url);
  const files = (await readdir(directory)).filter((name) => name.endsWith(".yaml") && name !== "github-actions.yaml");
  t.true(files.includes("quickstart.yaml"));
  for (const name of files) {
    const { pathname } = new URL(name, directory);
    t.is((await loadLab(pathname)).file, pathname);
  }
});
