/** Login texts that nobody would write, and CDBs with parameter lists that nobody would send. */
import test from "ava";
import { generator } from "node-iscsi-target/conformance/device-checks.ts";
import { commandTable } from "node-iscsi-target/scsi/commands/table.ts";
import { type BesiegedTarget, besiegedTarget, TARGET } from "../../helpers/besieged-target.ts";
import { RawInitiator, text } from "../../helpers/raw-initiator.ts";

type Random = (limit: number) => number;

const TEXTS = 4000;
const COMMANDS = 60_000;
const COMMANDS_A_SESSION = 40;
const AT_ONCE = 16;

const INTRODUCTION = { InitiatorName: "iqn.2026-11.example:stranger", TargetName: TARGET };
const OFFERS: readonly (readonly [string, string])[] = [
  ["HeaderDigest", "CRC32C,None"],
  ["DataDigest", "None"],
  ["MaxRecvDataSegmentLength", "262144"],
  ["MaxBurstLength", "16776192"],
  ["FirstBurstLength", "65536"],
  ["InitialR2T", "Yes"],
  ["ImmediateData", "Yes"],
  ["MaxConnections", "1"],
  ["DefaultTime2Wait", "2"],
  ["AuthMethod", "CHAP,None"],
  ["CHAP_A", "5"],
  ["ErrorRecoveryLevel", "0"],
  ["SessionType", "Normal"],
  ["TargetAlias", "x"],
];
const STRANGE_VALUES = [
  "",
  "0",
  "-1",
  "Yes,No",
  "None",
  "4294967296",
  "0x",
  "0xfffffffff",
  "0b!!",
  "a".repeat(300),
  "\u00e9",
  "?",
  "=",
  "Reject",
];

test("login texts of every kind are answered or refused, and harm nobody", async (t) => {
  t.timeout(180_000);
  const besieged = await besiegedTarget(t);
  const random = generator(7143);
  let accepted = 0;
  for (let done = 0; done < TEXTS; done += AT_ONCE) {
    const logins = Array.from({ length: AT_ONCE }, () => login(besieged, strangeText(random), random(4)));
    accepted += (await Promise.all(logins)).filter(Boolean).length;
    if (done % (AT_ONCE * 8) === 0) await besieged.assertUnharmed();
  }
  await besieged.assertCalm(t);
  t.log(`${TEXTS} login texts`);
  t.true(accepted > 0 && accepted < TEXTS, `${accepted} of ${TEXTS} got in`);
});

test("CDBs and parameter lists of any bytes are answered, and harm nobody", async (t) => {
  t.timeout(180_000);
  const besieged = await besiegedTarget(t);
  const random = generator(5);
  let answered = 0;
  for (let sent = 0; sent < COMMANDS; sent += AT_ONCE * COMMANDS_A_SESSION) {
    const sessions = Array.from({ length: AT_ONCE }, (_, at) => burst(besieged, random, at));
    for (const answers of await Promise.all(sessions)) answered += answers;
    await besieged.assertUnharmed();
  }
  await besieged.assertCalm(t);
  t.log(`${answered} CDBs and parameter lists`);
  t.true(answered >= COMMANDS, `${answered} of ${COMMANDS} commands were answered`);
});

/** A lawful text in which some things are not. */
function strangeText(random: Random): Buffer {
  const keys: [string, string][] = [...Object.entries(INTRODUCTION), ...OFFERS.filter(() => random(3) > 0)].map(
    ([key, value]) => [key, value],
  );
  for (let count = random(4); count > 0; count -= 1) {
    const pair = keys[random(keys.length)] as [string, string];
    pair[random(4) === 0 ? 0 : 1] = STRANGE_VALUES[random(STRANGE_VALUES.length)] as string;
  }
  const bytes = Buffer.concat(keys.map(([key, value]) => text({ [key]: value })));
  for (let count = random(3); count > 0; count -= 1) bytes[random(bytes.length)] = random(256);
  return bytes;
}

/** One request; true where the target let it in. */
async function login({ portal }: BesiegedTarget, keys: Buffer, stage: number): Promise<boolean> {
  const ends: (() => void)[] = [];
  const initiator = await RawInitiator.connect({ teardown: (end) => ends.push(end) }, portal);
  try {
    return (await initiator.loginStep({ stage: stage & 1, next: stage > 1 ? 3 : 1 }, keys)).status === 0;
  } catch {
    return false;
  } finally {
    for (const end of ends) end();
  }
}

/** A lawful session that sends one strange command after another, and waits for each to be answered. */
async function burst({ portal }: BesiegedTarget, random: Random, at: number): Promise<number> {
  const ends: (() => void)[] = [];
  const initiator = await RawInitiator.connect({ teardown: (end) => ends.push(end) }, portal);
  try {
    initiator.isid += at;
    await initiator.login({ ...INTRODUCTION, ImmediateData: "Yes", InitialR2T: "Yes" });
    for (let count = 0; count < COMMANDS_A_SESSION; count += 1) {
      const data = Buffer.from(Array.from({ length: random(160) }, () => random(256)));
      const tag = initiator.command(
        [...strangeCdb(random)],
        data.length === 0 ? { readBytes: random(70_000) } : { writeBytes: data.length },
        data,
      );
      for (let ended = false; !ended; ) {
        const { header } = await initiator.receive();
        const opcode = (header[0] as number) & 0x3f;
        // A SCSI response, or Data-In that carries the status.
        ended =
          header.readUInt32BE(16) === tag &&
          (opcode === 0x21 || (opcode === 0x25 && ((header[1] as number) & 1) === 1));
      }
    }
    return COMMANDS_A_SESSION;
  } finally {
    for (const end of ends) end();
  }
}

/** A command of ours with fields of any bytes, or small ones, which pass the first checks. */
function strangeCdb(random: Random): Buffer {
  const { cdb: layout } = commandTable[random(commandTable.length)] as (typeof commandTable)[number];
  const limit = random(2) === 0 ? 256 : 4;
  const cdb = Buffer.from(Array.from({ length: layout.sizeBytes }, () => (random(2) === 0 ? 0 : random(limit))));
  cdb[0] = layout.opcode;
  if (layout.serviceAction !== undefined) cdb[1] = ((cdb[1] as number) & 0xe0) | layout.serviceAction;
  if (random(8) > 0) cdb[layout.sizeBytes - 1] = 0;
  return cdb;
}
