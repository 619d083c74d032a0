/** An agent of another machine (a network namespace), over TLS and under a lease (docs/protocol.md, Lost agents). */
import { readFile, stat, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import type { JoinDocument } from "@sanlab/controller/api/resources.ts";
import test from "ava";
import { AccessState } from "node-iscsi-target/scsi/access-states.ts";
import { eventually, labOf, type TestLab, testLab } from "../helpers/lab.ts";
import { OtherMachine } from "../helpers/other-machine.ts";
import { imageOptions, openDisk } from "../helpers/qemu-io.ts";
import { ScsiPath } from "../helpers/scsi-path.ts";

const IQN = "iqn.2026-11.example:outside";
const UNAVAILABLE = "02/04/0c";
const ACCESS_STATE_CHANGED = "06/2a/06";
const LEASE_S = 3;

test("an agent of another machine serves the same disk under a lease; paused or cut off, it is fenced, and comes back", async (t) => {
  t.timeout(240_000);
  const lab = await testLab(t);
  const machine = await OtherMachine.connect(t);
  const joinFile = await upWithAgentC(lab, machine);
  const log = join(lab.directory, "agent-c.log");
  t.teardown(async () => {
    if (!t.passed) t.log(await readFile(log, "utf8").catch(() => "it said nothing"));
  });
  await strangersStayOut(t, lab, joinFile, machine);
  machine.sanlab(log, "agent", "--join", joinFile, "--lock", join(lab.directory, "c.lock"));
  await connected(lab);

  // One disk, whichever path.
  const [viaA, viaC] = [await lab.url("data", "a"), await lab.url("data", "c")];
  const [diskA, diskC] = [await openDisk(t, viaA, IQN), await openDisk(t, viaC, IQN)];
  for (let segment = 0; segment < 4; segment += 1) {
    const offset = segment * 1024 * 1024;
    await diskC.expectPattern(offset, 4096, 0);
    await diskA.write(offset, 4096, segment + 1);
    await diskC.expectPattern(offset, 4096, segment + 1);
    await diskC.write(offset, 4096, 0xa0 + segment);
    await diskA.expectPattern(offset, 4096, 0xa0 + segment);
  }

  // Paused beyond its lease: the host goes on by the other path, and what the agent still had in hand changes nothing.
  const [pathA, pathC] = [await ScsiPath.open(t, viaA, IQN), await ScsiPath.open(t, viaC, IQN)];
  t.deepEqual([...(await pathA.portGroups()).values()], [AccessState.ACTIVE_OPTIMIZED, AccessState.ACTIVE_OPTIMIZED]);
  await machine.signal("STOP");
  pathC.sendWrite(0, 0x11);
  await diskA.write(0, 4096, 0x22);
  // A first write wants the acknowledgement of every agent, and so the end of c's lease.
  await diskA.write(8 * 1024 * 1024, 4096, 0x33);
  t.is((await eventually("the end of c's ports", () => agentC(lab, "fenced"))).state, "fenced");
  t.deepEqual(await pathA.ready(), [ACCESS_STATE_CHANGED]);
  t.deepEqual([...(await pathA.portGroups()).values()], [AccessState.ACTIVE_OPTIMIZED, AccessState.UNAVAILABLE]);
  await machine.signal("CONT");
  // Which of the two depends on what the process looks at first: its socket, or its lease.
  const refusal = await pathC.outcome();
  t.true(refusal === UNAVAILABLE || refusal === ACCESS_STATE_CHANGED, refusal);
  await connected(lab);
  await diskA.expectPattern(0, 4096, 0x22);
  await diskC.expectPattern(0, 4096, 0x22);
  await diskC.expectPattern(8 * 1024 * 1024, 4096, 0x33);
  await eventually("c's ports", async () => [...(await pathA.portGroups()).values()][1] === 0);

  // Cut off from the controller: it serves nothing beyond its lease, to nobody.
  await machine.run("true");
  const read = ["qemu-io", "-r", "-c", "read -P 34 0 4096", "--image-opts", imageOptions(viaC, IQN)];
  t.regex((await machine.run(...read)) ?? "", /read 4096\/4096/);
  await machine.cable("down");
  await new Promise((resolve) => setTimeout(resolve, (LEASE_S + 1) * 1000));
  t.is(await machine.run(...read), undefined);
  await diskA.write(9 * 1024 * 1024, 4096, 0x44);
  await machine.cable("up");
  await connected(lab);
  await diskC.expectPattern(9 * 1024 * 1024, 4096, 0x44);

  // Orderly ends are not waited for.
  await lab.must("agent", "remove", "c");
  await diskA.write(10 * 1024 * 1024, 4096, 0x55);
  t.is((await lab.run(["check"])).exitCode, 0);
});

/** A lab whose file has an agent of another machine, in a zone with the host; what that is given stays secret. */
async function upWithAgentC(lab: TestLab, machine: OtherMachine): Promise<string> {
  const description = {
    ...labOf({ agents: ["a", "c"], diskSize: "64MiB" }),
    agents: {
      a: { portal: "127.0.0.1:0" },
      c: { portal: `${machine.there}:0`, remote: true, lease: `${LEASE_S}s` },
    },
    listen: { address: `${machine.here}:0` },
  };
  await lab.up(description);
  const again = await lab.json<{ steps: unknown[] }>("up", lab.file);
  if (again.steps.length > 0) throw new Error(`up again changes something: ${JSON.stringify(again.steps)}`);
  const joinFile = join(lab.directory, "state", "agents", "c.join");
  if (((await stat(joinFile)).mode & 0o777) !== 0o600) throw new Error("others may read the join file");
  return joinFile;
}

function agentC(lab: TestLab, state: string) {
  return lab.agents().then((agents) => agents.find((agent) => agent.name === "c" && agent.state === state));
}

async function connected(lab: TestLab): Promise<void> {
  await eventually("agent c", async () => {
    const agent = await agentC(lab, "connected");
    return agent !== undefined && !agent.portal.endsWith(":0");
  });
}

interface Asserts {
  is(actual: unknown, expected: unknown, message?: string): void;
}

/** Over TLS as without it: a token, the names of the certificate, no browser; and an agent's token lets in that agent and nobody else. */
async function strangersStayOut(t: Asserts, lab: TestLab, joinFile: string, machine: OtherMachine): Promise<void> {
  const { controller, ca, token } = JSON.parse(await readFile(joinFile, "utf8")) as JoinDocument;
  const labToken = (await readFile(join(lab.directory, "state", "token"), "utf8")).trim();
  const asked = (headers: Record<string, string>, trust: string | undefined = ca) =>
    new Promise<number | string>((resolve) => {
      const call = request(
        `${controller}/v1/disks`,
        { ca: trust, headers, agent: false, checkServerIdentity: () => undefined },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      call.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      call.end();
    });
  const authorization = `Bearer ${labToken}`;
  t.is(await asked({ authorization }), 200);
  t.is(await asked({}), 401);
  t.is(await asked({ authorization: `Bearer ${token}` }), 401, "an agent's token is for its channel only");
  t.is(await asked({ authorization, host: "evil.example" }), 403);
  t.is(await asked({ authorization, origin: controller }), 403);
  const other = join(lab.directory, "other.pem");
  await machine.run(
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ed25519",
    "-nodes",
    "-keyout",
    "/dev/null",
    "-subj",
    "/CN=x",
    "-out",
    other,
  );
  const stranger = await readFile(other, "utf8").catch(() => "");
  t.is(await asked({ authorization }, stranger), "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "a controller of another lab");
  await writeFile(other, "");
}
