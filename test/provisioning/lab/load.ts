import { readdir } from "node:fs/promises";
import test from "ava";
import { EXAMPLE_LAB } from "sanlab/lab/example.ts";
import { LabFileError, loadLab, parseLab } from "sanlab/lab/load.ts";
import { RIGHT, WRONG } from "./fixtures/wrong-labs.ts";

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
