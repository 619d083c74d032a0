/** Effects of messages that complete late: they acknowledge what they belong to, and nothing else. */

import test, { type ExecutionContext } from "ava";
import { AgentCore } from "node-iscsi-target/agent/core.ts";
import { TargetPublication } from "node-iscsi-target/agent/publication.ts";
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { ToAgent, ToController } from "node-iscsi-target/mapping/protocol.ts";
import type { BlockDevice } from "node-iscsi-target/storage/block-device.ts";
import { UserError } from "node-iscsi-target/storage/user-error.ts";
import { ScriptedDevice } from "../../helpers/scripted-device.ts";

const MIB = 1024 * 1024;
const NUMBERS = { cluster: "c", incarnation: 1 } as const;

function hear(core: AgentCore, epoch: number, message: object): void {
  core.receive({ ...NUMBERS, epoch, ...message } as unknown as ToAgent);
}

function welcome(core: AgentCore, epoch: number): void {
  const portal = { host: "127.0.0.1", port: 0 };
  hear(core, epoch, { type: "welcome", targetName: "iqn.2026-11.example:a", relativePortId: 1, portGroup: 1, portal });
}

function startAgent(t: ExecutionContext, openDevice: () => BlockDevice): { core: AgentCore; said: ToController[] } {
  const said: ToController[] = [];
  const fail = (why: unknown): void => t.fail(String(why));
  const core = new AgentCore({
    name: "a",
    process: { pid: 1, startTime: 1, lockFile: "/a" },
    publication: new TargetPublication(),
    openDevice,
    onWelcome: () => undefined,
    onFatal: fail,
    onBug: fail,
  });
  core.connected((message) => said.push(message));
  welcome(core, 1);
  return { core, said };
}

const pool = "main";
const ADD = { type: "add_device", seq: 1, device: 1, uuid: "u", path: "/d", pool, segmentBytes: MIB, direct: false };

test("what an agent could not do it says again when it is told so again, until that is another epoch's", async (t) => {
  const { core, said } = startAgent(t, () => {
    throw new UserError("device", "/d is away.");
  });
  said.length = 0;
  for (const epoch of [1, 1, 1]) {
    hear(core, epoch, ADD);
    await new Promise(setImmediate);
  }
  welcome(core, 2);
  hear(core, 2, { type: "set_injections", seq: 1, rules: [] });
  const acknowledged = said.flatMap((message) => (message.type === "ack" ? [[message.seq, message.error]] : []));
  const failed = [1, "/d is away."];
  t.deepEqual(acknowledged, [failed, failed, failed, [1, undefined]]);
});

const table = "t1";
const SET = { type: "set_entry", table, first: 0, generation: 1 };
const LOCATION = { count: 1, states: 0, device: 1, segment: 1 };

/** An agent that has a write to the first segment of a table under way, until `release`. */
function startWriting(t: ExecutionContext) {
  const device = new ScriptedDevice({ blocks: (4 * MIB) / 512, thin: false });
  const agent = startAgent(t, () => device);
  const { core } = agent;
  const sizes = { sizeBytes: MIB, segmentBytes: MIB, blockBytes: 512, thin: true };
  hear(core, 1, ADD);
  hear(core, 1, { type: "create_table", seq: 2, table, ...sizes, pools: [pool] });
  hear(core, 1, { ...SET, seq: 3, blocking: false, runs: [LOCATION] });
  device.holding = true;
  const written = core.tables.get(table)?.write(0, [Buffer.alloc(512)]);
  return { ...agent, written, release: () => device.release() };
}

function acknowledged(said: readonly ToController[]): (readonly [epoch: number, seq: number])[] {
  return said.flatMap((message) => (message.type === "ack" ? [[message.epoch, message.seq] as const] : []));
}

test("a drain of an earlier epoch acknowledges no message of the new one", async (t) => {
  const { core, said, written, release } = startWriting(t);
  hear(core, 1, { ...SET, seq: 4, blocking: true, runs: [{ count: 1, states: EntryState.INVALID }] });
  welcome(core, 2);
  said.length = 0;
  hear(core, 2, { type: "set_injections", seq: 1, rules: [] });
  release();
  t.like(await written, { kind: "ok" });
  await new Promise(setImmediate);
  t.deepEqual(acknowledged(said), [[2, 1]]);
});

test("an agent is no longer alone with a table that was deleted when what it had under way for it has ended", async (t) => {
  const { core, said, written, release } = startWriting(t);
  said.length = 0;
  hear(core, 1, { type: "delete_table", seq: 4, table });
  hear(core, 1, { type: "alone", seq: 5, table, alone: false });
  await new Promise(setImmediate);
  t.deepEqual(acknowledged(said), []);
  release();
  t.like(await written, { kind: "ok" });
  await new Promise(setImmediate);
  t.deepEqual(
    acknowledged(said).toSorted(([, a], [, b]) => a - b),
    [
      [1, 4],
      [1, 5],
    ],
  );
});
