/** A walk through docs/cli.md: every verb of the page does its work on one lab with a guest. */
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { buildProgram } from "sanlab/cli/program.ts";
import { guestDiskImage } from "../helpers/guest.ts";
import { countGuests, external, guest, labOf, type TestLab, testLab } from "../helpers/lab.ts";
import { verbOf, verbsOfThePage } from "../helpers/verbs.ts";

/** In the order in which a lab allows them; each prints one JSON document. `{operation}`: the latest operation's number. */
const WALK = `
init example.yaml
validate example.yaml
plan lab.yaml
up lab.yaml
status
top --once --interval 1s
logs controller
check
pool create extra --device extra-0.img:64MiB --queue 5s
pool list
pool show extra
pool grow extra --device extra-1.img:64MiB
device list
device add extra extra-2.img:64MiB
disk create d --size 8MiB --pool extra
disk import image.raw i --pool extra
disk list
disk show d
disk resize d --size 16MiB
zone create walk --host outside --agent a --disk d
zone list
zone alias friends host:outside
zone aliases
zone unalias friends
zone set night walk all
zone sets
zone activate night
zone deactivate
zone unset night
export create outside d
table create d part --range 8-11 --range 0-3
table list d
export create outside d --table part
export list
export script outside --format qemu
session list
fabric
disk snapshot d s
disk clone d c
disk set-error c --range 3-3
disk clear-error c --range 3-3
disk restore d s
disk map d --all
device evacuate extra-2.img
operation list
operation wait {operation}
operation cancel {operation}
device remove extra-2.img
disk migrate i --pool main
pool grow main --device main-1.img:64MiB
disk rebalance --pool main
disk export i copy.qcow2
agent list
agent show a
agent add e
agent access e standby
agent pause e
agent resume e
agent kill e
agent remove e
agent listen 127.0.0.1:0
fault add --name slow on disk=data do delay 1ms
fault list
fault clear slow
scenario check small.yaml
scenario run small.yaml
host list
host exec web -- true
host pause web
host resume web
host rescan web
host link web 1 down
host link web 1 up
host reset web --no-wait
host kill web
host start web
host stop web
export delete outside d --table part
table delete d part
export delete outside d
zone delete walk
disk delete c
pool delete rest
guest-image guest.qcow2 --format qcow2
down --destroy`
  .trim()
  .split("\n");

const SCENARIO = { scenario: "small", timeline: [{ expect: { paths: { host: "web", disk: "data", active: 1 } } }] };

test("every verb of the page does its work", async (t) => {
  t.timeout(400_000);
  await guestDiskImage();
  const lab = await testLab(t);
  await lab.up(
    labOf({ diskSize: "32MiB", deviceSize: "128MiB", hosts: { web: guest(), outside: external("outside") } }),
  );
  await lab.writeScenario("small.yaml", SCENARIO);
  await writeFile(join(lab.directory, "image.raw"), "an image");
  await truncate(join(lab.directory, "image.raw"), 4 * 1024 ** 2);
  await lab.must("pool", "create", "rest", "--device", "rest.img:16MiB");
  const program = await buildProgram([]);
  const walked = new Set<string>();
  for (const line of WALK) {
    const verb = verbOf(program, line.split(" "));
    await oneDocument(t, lab, line, verb);
    walked.add(verb);
    if (verb === "host rescan") await leaveConsole(t, lab);
  }
  walked.add("host console");
  countGuests({ hosts: { again: {} } });
  const left = (await verbsOfThePage(program)).filter((verb) => !walked.has(verb));
  t.deepEqual(left, [], "verbs of docs/cli.md that the walk does not pass");
});

async function oneDocument(t: ExecutionContext, lab: TestLab, line: string, verb: string): Promise<void> {
  const words = line.split(" ");
  if (words.includes("{operation}")) {
    const operations = await lab.json<{ id: string | number }[]>("operation", "list");
    words[words.indexOf("{operation}")] = String(operations.at(-1)?.id);
  }
  // Behind the verb: what follows a host's name is the guest's.
  const { exitCode, stdout, stderr } = await lab.run(words.toSpliced(verb.split(" ").length, 0, "--json"));
  t.is(exitCode, 0, `${line}: ${stderr}`);
  t.notThrows(() => JSON.parse(stdout), `${line}: ${stdout}`);
}

/** A terminal, with no document: Ctrl-] leaves it. */
async function leaveConsole(t: ExecutionContext, lab: TestLab): Promise<void> {
  const { exitCode, stderr } = await lab.run(["host", "console", "web"], { input: "\x1d" });
  t.is(exitCode, 0, stderr);
}
