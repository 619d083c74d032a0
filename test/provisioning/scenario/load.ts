/** What a scenario file says wrongly is refused as a whole, with line and reason. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { buildProgram } from "sanlab/cli/program.ts";
import { wrongWords } from "sanlab/cli/words.ts";
import { loadLab } from "sanlab/lab/load.ts";
import { loadScenario } from "sanlab/scenario/load.ts";
import { UserError } from "sanlab/user-error.ts";
import { temporaryDirectory } from "../../helpers/state-directory.ts";

const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;
const EXAMPLES = new URL("../../../examples/scenarios/", import.meta.url).pathname;

const LAB = `lab: small
pools: { main: { devices: [{ path: main-0.img, size: 64MiB }] } }
disks: { data: { pool: main, size: 16MiB } }
agents: { a: {} }
hosts:
  web: { disks: [data] }
  outside: { disks: [data], iqn: "iqn.2026-11.example:outside", external: true }
zones: { all: { hosts: [web, outside], agents: [a], disks: [data] } }
`;
const HEAD = "scenario: s\nlab: lab.yaml\ntimeline:\n";

/** Of a larger host, whose second disk is another's. */
const WIDER = LAB.replace("disks: {", "disks: { other: { pool: main, size: 1MiB },");

/** Steps that are wrong together: the line, and a part of the sentence about it. */
const WRONG_TOGETHER: readonly (readonly [steps: string, said: RegExp])[] = [
  ["  - { at: 5s, clear: all }\n  - { at: 3s, clear: all }", /s\.yaml:5: .*'3s' after a step at '5s'/],
  ["  - { at: 11m, clear: all }", /s\.yaml:4: .*before the scenario's limit, 600s/],
  ["  - { every: 0s, times: 2, clear: all }", /s\.yaml:4: .*every: found '0s', expected a time above 0/],
  ["  - load: &l { name: w, host: web, disk: data }\n  - load: *l", /s\.yaml:5: .*a second load 'w'/],
  [
    "  - load: { name: w, host: web, disk: data, kind: read }\n  - expect: { load: { name: w, intact: true } }",
    /s\.yaml:5: .*intact: found 'intact' of load 'w', which reads/,
  ],
  ["  - load: { name: w, host: web, disk: other }", /s\.yaml:4: .*disk 'other', which host 'web' is not shown/],
  ['  - run: { host: web, command: [ls, "{disk:other}"] }', /s\.yaml:4: .*disk 'other', which host 'web'/],
  ["  - remember: { host: web, disk: other, as: m }", /s\.yaml:4: .*disk 'other', which host 'web'/],
  ["  - expect: { paths: { host: web, disk: other, active: 1 } }", /s\.yaml:4: .*disk 'other', which host 'web'/],
  ["  - expect: { agent: { name: a, state: happy } }", /s\.yaml:4: .*'happy', expected one of new, connected/],
  ["  - expect: { controller: { state: gone } }", /s\.yaml:4: .*'gone', expected one of starting, running/],
  ["  - expect: { guest: { name: web, state: up } }", /s\.yaml:4: .*'up', expected one of running, stopped, died/],
  [
    "  - { fault: do busy, as: f }\n  - clear: f\n  - expect: { fault: { name: f, fired: 1 } }",
    /s\.yaml:6: .*the unknown fault 'f', expected a fault, of which there is none/,
  ],
  ["  - sanlab: --json down", /s\.yaml:4: .*changes or shows something of the running lab/],
  ["  - sanlab: logs web --follow", /s\.yaml:4: .*changes or shows something of the running lab/],
  ["  - sanlab: status --state /tmp/other", /s\.yaml:4: .*a command without --state/],
  ["  - sanlab: \"host exec web -- sh -c 'echo x'\"", /s\.yaml:4: .*a list of words where there are quotes/],
];

/** A step, which is line 4, and a part of each sentence about it. */
const WRONG: readonly (readonly [step: string, ...said: RegExp[]])[] = [
  ["{ at: 5 seconds, clear: all }", /4: timeline\[0\]\.at: found '5 seconds', expected a time with its unit/],
  ["{ att: 5s, clear: all }", /the unknown key 'att', expected one of .*; did you mean 'at'\?/],
  ["{ at: 5s }", /a step that does nothing, expected exactly one of expect, fault/],
  ["{ clear: all, stop: w }", /clear and stop in one step/, /the unknown load 'w'/],
  ["{ fault: on disk=dat do busy }", /timeline\[0\]\.fault: found the unknown disk 'dat'.*did you mean 'data'/],
  ["{ fault: on disk=data do brew }", /found 'brew' at column 17 of the fault/],
  ["{ fault: on host=outside do power-cut }", /the external host 'outside'/],
  ["{ clear: slow }", /the unknown fault 'slow'/],
  ["{ expect: { paths: { host: web, disk: data } } }", /expected \{ host: web, disk: data, active: 2 \}/],
  ["{ expect: { paths: { host: outside, disk: data, active: 1 } } }", /the external host 'outside', expected a guest/],
  ["{ expect: { load: { name: w, errors: 0 } } }", /the unknown load 'w', expected a load, of which there is none/],
  ["{ expect: { contents: { host: web, disk: data, like: before } } }", /the unknown memory 'before'/],
  ["{ expect: { contents: { host: web, disk: data, equal: true } } }", /one of 'like' and 'same'/],
  ["{ expect: { fault: { name: f, fired: some } } }", /expected a whole number, or a comparison/],
  ["{ expect: { consistent: true }, every: 2s }", /'every' beside 'expect'/],
  ["{ clear: all, times: 3 }", /'times' alone, expected 'every' with it/],
  ["{ clear: all, holds: 3s }", /'holds' beside 'clear'/],
  ["{ sanlab: disk resze data }", /found 'disk resze data', expected a command of sanlab \(.*resze/],
  ["{ sanlab: disk resize data }", /required option/],
  ["{ sanlab: down --destroy }", /expected a command that changes or shows something of the running lab/],
  ["{ run: { host: web, command: lsblk } }", /expected a list of words/],
  ["{ run: { host: web, command: [ls], output: '[' } }", /expected a regular expression/],
  ["{ remember: { host: web, as: m } }", /'as' with host, expected 'host' and 'disk', or 'load'/],
  ["{ remember: { load: w, as: m } }", /the unknown load 'w'/],
  ["{ load: { name: w, host: web } }", /neither disk nor file/],
  ["{ load: { name: w, host: web, disk: data, block: 3KiB } }", /expected one of 4KiB, 64KiB, 1MiB/],
];

async function check(t: ExecutionContext, scenario: string) {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "lab.yaml"), LAB);
  await writeFile(join(directory, "s.yaml"), scenario);
  return execa(process.execPath, [BIN, "scenario", "run", "s.yaml"], {
    cwd: directory,
    reject: false,
    stdin: "ignore",
  });
}

test("everything wrong in a scenario is told with its line, and nothing is started", async (t) => {
  const { stderr, exitCode } = await check(t, `${HEAD}${WRONG.map(([step]) => `  - ${step}\n`).join("")}`);
  t.is(exitCode, 1);
  // Shape comes first; what is right in shape is looked at for its meaning.
  t.regex(stderr, /sanlab: The scenario file s\.yaml has [0-9]+ errors and was refused as a whole:/);
  const directory = await temporaryDirectory(t);
  const file = join(directory, "s.yaml");
  await writeFile(join(directory, "lab.yaml"), LAB);
  const loaded = await loader();
  for (const [step, ...said] of WRONG) {
    await writeFile(file, `${HEAD}  - ${step}\n`);
    const refused = await t.throwsAsync(loaded(file), { instanceOf: UserError }, step);
    const told = [refused.message, ...refused.details].join("\n");
    for (const expression of said) t.regex(told, expression, step);
    t.regex(told, /s\.yaml:4: /, step);
  }
});

test("steps that are wrong together are refused, and what a command has shown a host is its own from there on", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "s.yaml");
  await writeFile(join(directory, "lab.yaml"), WIDER);
  const loaded = await loader();
  for (const [steps, said] of WRONG_TOGETHER) {
    await writeFile(file, `${HEAD}${steps}\n`);
    const refused = await t.throwsAsync(loaded(file), { instanceOf: UserError }, steps);
    t.regex([refused.message, ...refused.details].join("\n"), said, steps);
  }
  await writeFile(file, `scenario: s\nlab: lab.yaml\nlimit: 0s\ntimeline:\n  - { clear: all }\n`);
  const endless = await t.throwsAsync(loaded(file), { instanceOf: UserError });
  t.regex(endless.message + endless.details.join(""), /s\.yaml:3: limit: .*above 0/);
  const shown = "  - sanlab: export create web other\n  - load: { name: w, host: web, disk: other }\n";
  await writeFile(file, `${HEAD}${shown}`);
  await t.notThrowsAsync(loaded(file));
});

/** As the command line reads a scenario file, without a process for each. */
async function loader() {
  const program = await buildProgram([]);
  const options = {
    checkVerb: (words: readonly string[]) => wrongWords(program, words),
    runningNames: () => Promise.reject(new Error("each names its lab")),
  };
  return (file: string) => loadScenario(file, options);
}

test("a lab file that is wrong, is not there, or has no timeline is no scenario", async (t) => {
  const directory = await temporaryDirectory(t);
  const run = (...args: string[]) =>
    execa(process.execPath, [BIN, ...args], { cwd: directory, reject: false, stdin: "ignore" });
  await writeFile(join(directory, "lab.yaml"), LAB.replace("16MiB", "16MB"));
  await writeFile(join(directory, "s.yaml"), `${HEAD}  - { clear: all }\n`);
  t.regex((await run("scenario", "run", "s.yaml")).stderr, /lab\.yaml:3: disks\.data\.size: found '16MB'/);
  await writeFile(join(directory, "s.yaml"), `scenario: s\nlab: other.yaml\ntimeline:\n  - { clear: all }\n`);
  t.regex((await run("scenario", "run", "s.yaml")).stderr, /s\.yaml:2: lab: found .*other\.yaml is not there/);
  await writeFile(join(directory, "lab.yaml"), LAB);
  t.regex((await run("scenario", "run", "lab.yaml")).stderr, /a lab file without a timeline/);
  await writeFile(join(directory, "lab.yaml"), `${LAB}timeline:\n  - { clear: all }\n`);
  t.is((await run("scenario", "check", "lab.yaml")).exitCode, 0);
  await writeFile(join(directory, "s.yaml"), `scenario: s\ntimeline:\n  - { clear: all }\n`);
  const nowhere = await run("scenario", "run", "s.yaml");
  t.is(nowhere.exitCode, 3);
  t.regex(nowhere.stderr, /names no lab file, and there is no lab in/);
  t.deepEqual((await readdir(directory)).sort(), ["lab.yaml", "s.yaml"], "nothing was made");
});

test("every shipped scenario is right, and has a page of its own", async (t) => {
  const loaded = await loader();
  const files = (await readdir(EXAMPLES)).filter((name) => name.endsWith(".yaml"));
  const overview = await readFile(new URL("../../../docs/scenarios.md", import.meta.url), "utf8");
  let count = 0;
  for (const file of files) {
    const path = join(EXAMPLES, file);
    if (!(await readFile(path, "utf8")).startsWith("scenario:")) {
      await t.notThrowsAsync(loadLab(path), file);
      continue;
    }
    const { name, description } = await loaded(path);
    t.is(`${name}.yaml`, file);
    t.true(description.length > 0, file);
    const page = await readFile(new URL(`../../../docs/scenarios/${name}.md`, import.meta.url), "utf8");
    t.true(page.includes(`sanlab scenario run examples/scenarios/${file}`), file);
    t.true(overview.includes(`[${name}](scenarios/${name}.md)`), file);
    count += 1;
  }
  t.is(count, 13);
});
