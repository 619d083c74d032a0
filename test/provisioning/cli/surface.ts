import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Command } from "commander";
import { execa } from "execa";
import { buildProgram } from "sanlab/cli/program.ts";
import { temporaryDirectory } from "../../helpers/state-directory.ts";
import { verbsOfThePage } from "../../helpers/verbs.ts";

const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;

async function sanlab(t: ExecutionContext, args: readonly string[], cwd?: string) {
  const directory = cwd ?? (await temporaryDirectory(t));
  const env = { SANLAB_STATE: join(directory, "state") };
  return execa(process.execPath, [BIN, ...args], { cwd: directory, reject: false, stdin: "ignore", env });
}

/** The verbs that users and scripts may rely on. */
const PROMISED = [
  ..."init,validate,plan,up,down,status,logs,check,guest-image".split(","),
  ..."create,list,show,grow,delete".split(",").map((verb) => `pool ${verb}`),
  ..."list,add,evacuate,remove".split(",").map((verb) => `device ${verb}`),
  ..."list,wait,cancel".split(",").map((verb) => `operation ${verb}`),
  ..."create,list,show,resize,delete,map,snapshot,clone,restore,migrate,rebalance,set-error,clear-error,import,export"
    .split(",")
    .map((verb) => `disk ${verb}`),
  ..."list,show,add,remove,kill,pause,resume".split(",").map((verb) => `agent ${verb}`),
  ..."create,list,delete,script".split(",").map((verb) => `export ${verb}`),
  ..."create,list,delete".split(",").map((verb) => `zone ${verb}`),
  ..."list,start,stop,console,exec,kill,reset,pause,resume,rescan,link".split(",").map((verb) => `host ${verb}`),
  ..."add,list,clear".split(",").map((verb) => `fault ${verb}`),
  "scenario run",
  "session list",
];

test("every verb of the page explains itself, with examples of it, and takes what every verb takes", async (t) => {
  const program = await buildProgram([]);
  const verbs = await verbsOfThePage(program);
  t.deepEqual(
    PROMISED.filter((verb) => !verbs.includes(verb)),
    [],
  );
  for (const verb of verbs) {
    const command = verb
      .split(" ")
      .reduce<Command | undefined>((parent, name) => parent?.commands.find((child) => child.name() === name), program);
    const written: string[] = [];
    command?.configureOutput({ writeOut: (text) => void written.push(text) });
    command?.outputHelp();
    const help = written.join("");
    t.regex(help, new RegExp(`^Usage: sanlab ${verb}\\b`), verb);
    for (const option of ["--json", "--state"]) t.true(help.includes(option), `${verb} takes no ${option}`);
    t.true(help.split("\nExamples:\n")[1]?.includes(`sanlab ${verb}`) === true, `${verb} shows no example`);
  }
});

test("--help goes to standard output, with exit code 0", async (t) => {
  const { exitCode, stdout, stderr } = await sanlab(t, ["disk", "import", "--help"]);
  t.is(exitCode, 0);
  t.is(stderr, "");
  t.regex(stdout, /^Usage: sanlab disk import\b/);
});

const USAGE_ERRORS: readonly (readonly [args: string, words: RegExp])[] = [
  ["", /^Usage: sanlab/],
  ["disk", /^Usage: sanlab disk/],
  ["dsk list", /unknown command 'dsk'\n\(Did you mean disk\?\)/],
  ["disk lst", /unknown command 'lst'\n\(Did you mean list\?\)/],
  ["disk list --jsn", /unknown option '--jsn'\n\(Did you mean --json\?\)/],
  ["disk create data", /required option '--size <size>' not specified/],
  ["disk create data --size 1GB --pool main", /'1GB' is invalid\. Expected a size with its unit/],
  ["disk create Data --size 1GiB --pool main", /Expected a name of lower-case letters/],
  ["disk map data --range 9-3", /Expected segments as A-B/],
  ["pool create p --device x.img:2gb", /Expected PATH or PATH:SIZE/],
  ["agent add c --portal localhost:3260", /Expected HOST:PORT with a numeric address/],
  ["validate", /missing required argument 'file'/],
  ["disk import x.img --pool p", /missing required argument 'name'/],
  ["disk export data out.vmdk --format vmdk", /Allowed choices are raw, qcow2/],
  ["export create web data --lun 16384", /Expected a logical unit number from 0 to 16383/],
  ["host exec web --jsn -- true", /unknown option '--jsn'/],
  ["host exec web --json", /missing the command after '--'/],
  ["agent access a sideways", /Expected one of optimized, non-optimized, standby, unavailable/],
  ["agent add c --lease 0", /Expected 1 to 60 seconds/],
  ["agent add c --chap lab", /Expected USER:FILE/],
];

for (const [args, words] of USAGE_ERRORS) {
  test(`wrong usage has exit code 2 and says what is wrong: sanlab ${args}`, async (t) => {
    const { exitCode, stdout, stderr } = await sanlab(
      t,
      args.split(" ").filter((word) => word !== ""),
    );
    t.is(exitCode, 2);
    t.is(stdout, "");
    t.regex(stderr, words);
  });
}

const NEEDS_A_LAB = [
  "status",
  "check",
  "pool list",
  "device list",
  "operation list",
  "disk list",
  "disk create d --size 1MiB --pool p",
  "agent list",
  "agent add c",
  "export list",
  "zone list",
  "host list",
  "host exec web -- true",
  "host reset web",
  "host link web 1 down",
  "disk import x.img d --pool p",
  "session list",
];

for (const args of NEEDS_A_LAB) {
  test(`without a lab there is exit code 3, one sentence, and nothing on stdout: sanlab ${args}`, async (t) => {
    const { exitCode, stdout, stderr } = await sanlab(t, args.split(" "));
    t.is(exitCode, 3, stderr);
    t.is(stdout, "");
    t.regex(stderr, /^sanlab: [A-Z][^\n]*\.$/);
  });
}

test("down without a lab is done already", async (t) => {
  const { exitCode, stdout } = await sanlab(t, ["down", "--json"]);
  t.is(exitCode, 0);
  t.false(JSON.parse(stdout).wasRunning);
});

test("init writes a lab file that validate takes, and does not write over one", async (t) => {
  const directory = await temporaryDirectory(t);
  t.is((await sanlab(t, ["init"], directory)).exitCode, 0);
  t.is((await sanlab(t, ["validate", "lab.yaml"], directory)).exitCode, 0);
  const before = await readFile(join(directory, "lab.yaml"), "utf8");
  const again = await sanlab(t, ["init"], directory);
  t.is(again.exitCode, 1);
  t.regex(again.stderr, /lab\.yaml is there already and was left as it is/);
  t.is(await readFile(join(directory, "lab.yaml"), "utf8"), before);
});

test("validate lists every error of a file, as lines for people and as a document for programs", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "lab.yaml"), "lab: x\ndisks:\n  data: { pool: main, size: 1GB, thik: true }\n");
  const text = await sanlab(t, ["validate", "lab.yaml"], directory);
  t.is(text.exitCode, 1);
  t.is(text.stderr.split("\n").length, 4);
  const json = await sanlab(t, ["validate", "lab.yaml", "--json"], directory);
  t.is(json.exitCode, 1);
  const { valid, problems } = JSON.parse(json.stdout) as { valid: boolean; problems: { line: number }[] };
  t.false(valid);
  t.deepEqual(
    problems.map(({ line }) => line),
    [3, 3, 3],
  );
});

test("plan shows what up would do, and does nothing", async (t) => {
  const directory = await temporaryDirectory(t);
  await sanlab(t, ["init"], directory);
  const { stdout, exitCode } = await sanlab(t, ["plan", "--json"], directory);
  t.is(exitCode, 0);
  const { steps } = JSON.parse(stdout) as { steps: { kind: string }[] };
  t.true(steps.some(({ kind }) => kind === "create-pool"));
  const state = await sanlab(t, ["status"], directory);
  t.is(state.exitCode, 3);
});

test("a state directory of a newer version is refused by every verb that would use it", async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, "state"));
  await writeFile(join(directory, "state", "lab.json"), '{"format": 2}');
  await sanlab(t, ["init"], directory);
  for (const verb of ["up", "down", "status", "plan"]) {
    const { exitCode, stderr } = await sanlab(t, [verb], directory);
    t.is(exitCode, 1, verb);
    t.regex(stderr, /^sanlab: The state directory .* was written by a newer sanlab \(format 2, this one knows 1\)/);
  }
});

test("options for all verbs may stand before the verb as well", async (t) => {
  const directory = await temporaryDirectory(t);
  const { stdout } = await sanlab(t, ["--json", "--state", join(directory, "other"), "down"], directory);
  t.false(JSON.parse(stdout).wasRunning);
});

test("a bug is told as one, without a stack trace unless that is asked for", async (t) => {
  const directory = await temporaryDirectory(t);
  const preload = join(directory, "broken.mjs");
  // Node's own modules use it when they are loaded: they come first.
  await writeFile(
    preload,
    "import { WebSocket } from 'node:http'; void WebSocket; JSON.stringify = () => { throw new Error('out of order'); };",
  );
  const args = ["--import", preload, BIN, "down", "--json"];
  const options = { cwd: directory, reject: false, stdin: "ignore" } as const;
  const quiet = await execa(process.execPath, args, options);
  t.is(quiet.exitCode, 1);
  t.regex(quiet.stderr, /^sanlab: a fault of sanlab itself \(out of order\): set SANLAB_DEBUG=1/);
  t.false(quiet.stderr.includes("    at "));
  const debugging = await execa(process.execPath, args, { ...options, env: { SANLAB_DEBUG: "1" } });
  t.regex(debugging.stderr, / {4}at /);
});
