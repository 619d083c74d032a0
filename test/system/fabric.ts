/** The fabric from outside: libiscsi's tools as hosts, and an initiator that hears every message. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { execa } from "execa";
import { NO_TAG, Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, NopOutPdu, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import { external, TestLab } from "../helpers/lab.ts";
import { RawInitiator } from "../helpers/raw-initiator.ts";

const test = anyTest.serial as TestFn;

interface Fabric {
  readonly zoneSet: string | null;
  readonly ports: readonly { kind: string; name: string; wwnn: string; wwpn: string; zones: string[] }[];
  readonly units: readonly { disk: string; naa: string }[];
  readonly logins: readonly { host: string; wwpn: string; agent: string; agentWwpn: string }[];
}

/** `one` by its name, `two` by an alias; at first both see both disks through both agents. */
const LAB = {
  lab: "fabric",
  pools: { main: { devices: [{ path: "main-0.img", size: "128MiB" }] } },
  disks: { data: { pool: "main", size: "16MiB" }, more: { pool: "main", size: "16MiB" } },
  agents: { a: { portal: "127.0.0.1:0" }, b: { portal: "127.0.0.1:0" } },
  hosts: { one: { ...external("one"), disks: ["data", "more"] }, two: external("two") },
  aliases: { second: ["host:two"] },
  zones: {
    all: { hosts: ["one"], agents: ["a", "b"], disks: ["data", "more"], members: ["second"] },
    few: { hosts: ["one"], agents: ["a"], disks: ["data"] },
  },
  zoneSets: { normal: ["all"], narrow: ["few"] },
  activeZoneSet: "normal",
};

let lab: TestLab;

test.before(async () => {
  lab = new TestLab(await mkdtemp(join(tmpdir(), "sanlab-test-")));
  await lab.up(LAB);
});
test.after.always(() => lab.destroy());

test("every host, agent and disk has names of its own; up again changes nothing", async (t) => {
  const { ports, units, zoneSet } = await lab.json<Fabric>("fabric");
  t.is(zoneSet, "normal");
  t.deepEqual(
    ports.map(({ kind, name }) => `${kind} ${name}`),
    ["host one", "host two", "agent a", "agent b"],
  );
  t.true(ports.every(({ zones }) => zones.join() === "all"));
  const names = [...ports.flatMap(({ wwnn, wwpn }) => [wwnn, wwpn]), ...units.map(({ naa }) => naa)];
  t.is(new Set(names).size, names.length);
  t.true(ports.every(({ wwpn }) => /^3[0-9a-f](:[0-9a-f]{2}){7}$/.test(wwpn)));
  t.deepEqual((await lab.json<{ steps: unknown[] }>("up", lab.file)).steps, []);
});

test("a name is never given again, not even to a host of the same name", async (t) => {
  await lab.must("host", "list");
  const wwpn = async (name: string) =>
    (await lab.json<Fabric>("fabric")).ports.find((port) => port.name === name)?.wwpn;
  await lab.up({
    ...LAB,
    hosts: { ...LAB.hosts, third: { ...external("third"), disks: [] } },
    zones: { ...LAB.zones, all: { ...LAB.zones.all, hosts: ["one", "third"] } },
  });
  const before = await wwpn("third");
  await lab.writeFile(LAB);
  await lab.must("up", lab.file, "--prune");
  t.is(await wwpn("third"), undefined);
  await lab.up({
    ...LAB,
    hosts: { ...LAB.hosts, third: { ...external("third"), disks: [] } },
    zones: { ...LAB.zones, all: { ...LAB.zones.all, hosts: ["one", "third"] } },
  });
  t.truthy(before);
  t.not(await wwpn("third"), before);
  await lab.writeFile(LAB);
  await lab.must("up", lab.file, "--prune");
});

test("a zone set is switched as a whole, and who is outside its zones sees nothing at all", async (t) => {
  t.deepEqual(await sight("one"), { a: "data more", b: "data more" });
  t.deepEqual(await sight("two"), { a: "data", b: "data" });
  await lab.must("zone", "activate", "narrow");
  t.deepEqual(await sight("one"), { a: "data", b: "nothing" });
  t.deepEqual(await sight("two"), { a: "nothing", b: "nothing" });
  const { ports } = await lab.json<Fabric>("fabric");
  t.deepEqual(ports.find(({ name }) => name === "two")?.zones, []);
  const active = await lab.run(["zone", "unset", "narrow"]);
  t.regex(active.stderr, /'narrow' is the active one/);
  await lab.must("zone", "deactivate");
  t.deepEqual(await sight("two"), { a: "data", b: "data" });
  await lab.must("zone", "activate", "normal");
});

test("a member by world-wide name is that host, whatever the zone's name for it", async (t) => {
  const { ports } = await lab.json<Fabric>("fabric");
  const two = ports.find(({ name }) => name === "two")?.wwpn as string;
  await lab.must("zone", "create", "by-name", "--agent", "b", "--disk", "data", "--member", two);
  await lab.must("zone", "set", "named", "by-name");
  await lab.must("zone", "activate", "named");
  t.deepEqual(await sight("two"), { a: "nothing", b: "data" });
  t.deepEqual(await sight("one"), { a: "nothing", b: "nothing" });
  await lab.must("zone", "activate", "normal");
  await lab.must("zone", "unset", "named");
  await lab.must("zone", "delete", "by-name");
  const unknown = await lab.run(["zone", "create", "x", "--agent", "b", "--member", "nobody"]);
  t.regex(unknown.stderr, /no alias 'nobody'/);
});

test("a host that stays logged in is told of changes by message and unit attention, and the view shows its login", async (t) => {
  const initiator = await logIn(t, "a");
  const { logins, ports } = await lab.json<Fabric>("fabric");
  const wwpn = (name: string) => ports.find((port) => port.name === name)?.wwpn;
  t.deepEqual(
    logins.map(({ host, agent, wwpn: from, agentWwpn }) => ({ host, agent, from, agentWwpn })),
    [{ host: "one", agent: "a", from: wwpn("one"), agentWwpn: wwpn("a") }],
  );
  // Another set shows it less at this agent, and nothing at the other one.
  await lab.must("zone", "activate", "narrow");
  const { header, data } = await initiator.receive();
  t.is(Bhs.opcode.get(header, 0), Opcode.ASYNC_MESSAGE);
  t.deepEqual([data[4], data[14], data[15]], [6, 0x3f, 0x0e], "sense of the message, after its length");
  t.deepEqual(await testUnitReady(initiator), [6, 0x3f, 0x0e]);
  t.is(await testUnitReady(initiator), "GOOD");
  await lab.must("zone", "activate", "normal");
});

/** For each agent the disks that a host sees there as libiscsi tells, by size and number of LUNs. */
async function sight(host: string): Promise<Record<string, string>> {
  const rows = await lab.agents();
  const seen = rows.map(async ({ name, portal }) => {
    const args = ["-s", "-i", `iqn.2026-11.example:${host}`, `iscsi://${portal}`];
    const { stdout, exitCode } = await execa("iscsi-ls", args, { reject: false });
    const luns = stdout.match(/^LUN:? ?\d+/gim)?.length ?? 0;
    return [name, exitCode !== 0 || luns === 0 ? "nothing" : luns === 1 ? "data" : "data more"] as const;
  });
  return Object.fromEntries(await Promise.all(seen));
}

async function logIn(t: ExecutionContext, agent: string): Promise<RawInitiator> {
  const path = (await lab.paths()).find((row) => row.agent === agent && row.host === "one");
  const [host = "", port = ""] = path?.portal.split(":") ?? [];
  const initiator = await RawInitiator.connect(t, { host, port: Number(port) });
  await initiator.login({ InitiatorName: "iqn.2026-11.example:one", TargetName: path?.target ?? "" });
  initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, targetTransferTag: NO_TAG });
  await initiator.receive();
  // What it has to hear of its own login.
  while ((await testUnitReady(initiator)) !== "GOOD");
  return initiator;
}

async function testUnitReady(initiator: RawInitiator): Promise<"GOOD" | number[]> {
  initiator.command([0]);
  let { header, data } = await initiator.receive();
  // A change of several things may be told more than once.
  while (Bhs.opcode.get(header, 0) === Opcode.ASYNC_MESSAGE) ({ header, data } = await initiator.receive());
  if (ScsiResponsePdu.status.get(header, 0) === 0) return "GOOD";
  return [(data[4] ?? 0) & 0xf, data[14] ?? 0, data[15] ?? 0];
}
