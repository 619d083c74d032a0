/** Login texts that nobody would write, and CDBs with parameter lists that nobody would send. */
import test from "ava";
import fc from "fast-check";
import { commandTable } from "node-iscsi-target/scsi/commands/table.ts";
import { type BesiegedTarget, besiegedTarget, TARGET } from "../../helpers/besieged-target.ts";
import { RawInitiator, text } from "../../helpers/raw-initiator.ts";

const TEXTS = 4000;
const COMMANDS = 60_000;
const COMMANDS_A_SESSION = 40;
const AT_ONCE = 16;

const INTRODUCTION: Record<string, string> = { InitiatorName: "iqn.2026-11.example:stranger", TargetName: TARGET };
const INTRODUCTION_KEYS = Object.entries(INTRODUCTION);
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

/** Of a list of pairs that are lawful: which one is spoilt, whether its key is or its value, and by what. */
const spoilt = fc.tuple(
  fc.nat(INTRODUCTION_KEYS.length + OFFERS.length - 1),
  fc.nat(3),
  fc.constantFrom(...STRANGE_VALUES),
);

/** A lawful text in which some things are not. */
const strangeText = fc
  .record({
    offers: fc.subarray([...OFFERS]),
    pairs: fc.array(spoilt, { maxLength: 3 }),
    bytes: fc.array(fc.tuple(fc.nat(65_535), fc.nat(255)), { maxLength: 2 }),
  })
  .map(({ offers, pairs, bytes }) => {
    const keys = [...INTRODUCTION_KEYS, ...offers].map(([key, value]): [string, string] => [key, value]);
    for (const [at, which, value] of pairs) (keys[at % keys.length] as [string, string])[which === 0 ? 0 : 1] = value;
    const written = Buffer.concat(keys.map(([key, value]) => text({ [key]: value })));
    for (const [at, byte] of bytes) written[at % written.length] = byte;
    return written;
  });

/** Fields of any bytes, or small ones, which pass the first checks; half of them zero. */
const field = (limit: number) => fc.oneof(fc.constant(0), fc.nat(limit));

/** A command of ours with strange fields, which sends or asks for some data. */
const strangeCommand = fc
  .record({
    layout: fc.constantFrom(...commandTable.map(({ cdb }) => cdb)),
    fields: fc.oneof(...[255, 3].map((limit) => fc.array(field(limit), { minLength: 16, maxLength: 16 }))),
    control: fc.oneof({ weight: 7, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(255) }),
    data: fc.uint8Array({ maxLength: 160, size: "max" }),
    readBytes: fc.nat(70_000),
  })
  .map(({ layout, fields, control, data, readBytes }) => {
    const cdb = fields.slice(0, layout.sizeBytes);
    cdb[0] = layout.opcode;
    if (layout.serviceAction !== undefined) cdb[1] = ((cdb[1] as number) & 0xe0) | layout.serviceAction;
    cdb[layout.sizeBytes - 1] = control;
    return { cdb, data: Buffer.from(data), readBytes };
  });
type StrangeCommand = typeof strangeCommand extends fc.Arbitrary<infer Value> ? Value : never;

const exactly = <Value>(count: number, arbitrary: fc.Arbitrary<Value>) =>
  fc.array(arbitrary, { minLength: count, maxLength: count });

/** What fails is told with its seed; looking for a smaller one would take as long as all of the test. */
const runs = (inputs: number, inputsARun: number, seed: number) => ({
  numRuns: Math.ceil(inputs / inputsARun),
  seed,
  endOnFailure: true,
});

test("login texts of every kind are answered or refused, and harm nobody", async (t) => {
  t.timeout(180_000);
  const besieged = await besiegedTarget(t);
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(exactly(AT_ONCE, fc.tuple(strangeText, fc.nat(3))), async (texts) => {
      accepted += (await Promise.all(texts.map((one) => login(besieged, ...one)))).filter(Boolean).length;
      await besieged.assertUnharmed();
    }),
    runs(TEXTS, AT_ONCE, 7143),
  );
  await besieged.assertCalm(t);
  t.log(`${TEXTS} login texts`);
  t.true(accepted > 0 && accepted < TEXTS, `${accepted} of ${TEXTS} got in`);
});

test("CDBs and parameter lists of any bytes are answered, and harm nobody", async (t) => {
  t.timeout(180_000);
  const besieged = await besiegedTarget(t);
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(exactly(AT_ONCE, exactly(COMMANDS_A_SESSION, strangeCommand)), async (sessions) => {
      const bursts = sessions.map((commands, at) => burst(besieged, commands, at));
      for (const answers of await Promise.all(bursts)) answered += answers;
      await besieged.assertUnharmed();
    }),
    runs(COMMANDS, AT_ONCE * COMMANDS_A_SESSION, 5),
  );
  await besieged.assertCalm(t);
  t.log(`${answered} CDBs and parameter lists`);
  t.true(answered >= COMMANDS, `${answered} of ${COMMANDS} commands were answered`);
});

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
async function burst({ portal }: BesiegedTarget, commands: readonly StrangeCommand[], at: number): Promise<number> {
  const ends: (() => void)[] = [];
  const initiator = await RawInitiator.connect({ teardown: (end) => ends.push(end) }, portal);
  try {
    initiator.isid += at;
    await initiator.login({ ...INTRODUCTION, ImmediateData: "Yes", InitialR2T: "Yes" });
    for (const { cdb, data, readBytes } of commands) {
      const tag = initiator.command(cdb, data.length === 0 ? { readBytes } : { writeBytes: data.length }, data);
      for (let ended = false; !ended; ) {
        const { header } = await initiator.receive();
        const opcode = (header[0] as number) & 0x3f;
        // A SCSI response, or Data-In that carries the status.
        ended =
          header.readUInt32BE(16) === tag &&
          (opcode === 0x21 || (opcode === 0x25 && ((header[1] as number) & 1) === 1));
      }
    }
    return commands.length;
  } finally {
    for (const end of ends) end();
  }
}
