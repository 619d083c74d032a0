/** The fences that docs/architecture.md draws are ones that the lint run sees. */
import test from "ava";
import { fenceProblem } from "../run/fences.ts";
import { readSourceTree, sourceFile } from "../run/source-tree.ts";
import { structureProblems } from "../run/structure.ts";

const FORBIDDEN = [
  ["target/scsi/server.ts", "../iscsi/session.ts", "SCSI names no transport"],
  ["target/scsi/commands/read.ts", "../../mapping/mapped-device.ts", "SCSI cannot tell a mapped disk from another"],
  ["target/storage/file.ts", "../scsi/sense.ts", "storage knows no SCSI"],
  ["target/wire/layout.ts", "../storage/label.ts", "wire formats stand alone"],
  ["target/mapping/entry.ts", "../agent/core.ts", "nothing imports the agent"],
  ["target/iscsi/session.ts", "../mapping/entry.ts", "iSCSI knows no mapping"],
  ["controller/core.ts", "node-iscsi-target/mapping/mapped-device.ts", "the controller takes messages only"],
  ["controller/core.ts", "node-iscsi-target", "the controller is no target"],
  ["vm/qmp.ts", "sanlab/user-error.ts", "vm imports nothing of ours"],
  ["vm/qmp.ts", "node-iscsi-target/wire/crc32c.ts", "vm imports nothing of ours, by package name either"],
  ["controller/core.ts", "sanlab/cli/main.ts", "the controller knows no command line"],
  ["provisioning/cli/main.ts", "../../test/helpers/lab.ts", "nothing imports tests"],
] as const;

for (const [importer, specifier, rule] of FORBIDDEN) {
  test(`${rule}: ${importer} is refused ${specifier}`, (t) => {
    const problems = structureProblems([sourceFile(importer, `import { x } from "${specifier}";\n`)]);
    t.is(problems.length, 1);
    t.true(problems[0]?.startsWith(`${importer} imports `));
  });
}

test("what the architecture allows is not refused", (t) => {
  t.is(fenceProblem("target/iscsi/session.ts", "target/scsi/transport.ts"), undefined);
  t.is(fenceProblem("target/agent/run.ts", "target/mapping/protocol.ts"), undefined);
  t.is(fenceProblem("controller/faults.ts", "target/mapping/protocol.ts"), undefined);
  t.is(fenceProblem("target/index.ts", "target/iscsi/target.ts"), undefined);
});

test("imports are found however they are written", (t) => {
  const text = [
    'import "./a.ts";',
    'import type { B } from "./b.ts";',
    "import {",
    "  c,",
    '} from "./c.ts";',
    'export * from "./d.ts";',
    'const e = await import("./e.ts");',
    'import { join } from "node:path";',
  ].join("\n");
  const { imports } = sourceFile("vm/file.ts", text);
  t.deepEqual(
    imports.map(({ path, isType }) => [path, isType]),
    [
      ["vm/a.ts", false],
      ["vm/b.ts", true],
      ["vm/c.ts", false],
      ["vm/d.ts", false],
      ["vm/e.ts", false],
    ],
  );
});

test("imports that go in a circle are refused, unless they are of types only", (t) => {
  const circle = [
    sourceFile("vm/a.ts", 'import { b } from "./b.ts";'),
    sourceFile("vm/b.ts", 'import { a } from "./a.ts";'),
  ];
  t.deepEqual(structureProblems(circle), ["imports go in a circle: vm/a.ts → vm/b.ts → vm/a.ts"]);
  const types = [
    sourceFile("vm/a.ts", 'import { b } from "./b.ts";'),
    sourceFile("vm/b.ts", 'import type { A } from "./a.ts";'),
  ];
  t.deepEqual(structureProblems(types), []);
});

test("a source of more than 300 lines is refused", (t) => {
  t.deepEqual(structureProblems([sourceFile("vm/a.ts", "a;\n".repeat(300))]), []);
  t.regex(structureProblems([sourceFile("vm/a.ts", "a;\n".repeat(301))])[0] ?? "", /^vm\/a\.ts has 301 lines/);
});

test("the sources of the project keep to their structure", async (t) => {
  const files = await readSourceTree(new URL("../..", import.meta.url).pathname);
  t.true(files.length > 100);
  t.deepEqual(structureProblems(files), []);
});
