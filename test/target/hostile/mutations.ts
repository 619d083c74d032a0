/** Sessions of real initiators, damaged: none crashes the target, hangs it, or touches another session. */
import { once } from "node:events";
import { connect } from "node:net";
import test from "ava";
import { generator } from "node-iscsi-target/conformance/device-checks.ts";
import { Bhs } from "node-iscsi-target/iscsi/pdus.ts";
import { type BesiegedTarget, besiegedTarget } from "../../helpers/besieged-target.ts";
import { captureSessions } from "../../helpers/session-capture.ts";

type Random = (limit: number) => number;
type Mutation = (pdus: Buffer[], random: Random) => void;

const INPUTS = 40_000;
const AT_ONCE = 16;
const SEED = 20_261_124;

const anyIndex = (list: readonly unknown[], random: Random) => random(list.length);
/** One that is still whole, which a first mutation may have left none of. */
const anyPdu = (pdus: readonly Buffer[], random: Random) => {
  const whole = pdus.filter((pdu) => pdu.length >= 48);
  return whole[random(whole.length)] ?? Buffer.alloc(48);
};

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "a bit of a header": (pdus, random) => {
    const pdu = anyPdu(pdus, random);
    const at = random(48);
    pdu[at] = (pdu[at] as number) ^ (1 << random(8));
  },
  "a byte of a header": (pdus, random) => {
    anyPdu(pdus, random)[random(48)] = random(256);
  },
  "a byte of the data": (pdus, random) => {
    const pdu = anyPdu(pdus, random);
    pdu[random(pdu.length)] = random(256);
  },
  "the length of the data": (pdus, random) => {
    Bhs.dataSegmentLength.set(anyPdu(pdus, random), 0, random(2) === 0 ? random(0x1_0000) : random(0x100_0000));
  },
  "the length of the additional headers": (pdus, random) => {
    Bhs.totalAhsLength.set(anyPdu(pdus, random), 0, random(256));
  },
  "a word of a header, to an edge": (pdus, random) => {
    const edges = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
    anyPdu(pdus, random).writeUInt32BE(edges[random(edges.length)] as number, random(12) * 4);
  },
  "a PDU is left out": (pdus, random) => {
    if (pdus.length > 1) pdus.splice(anyIndex(pdus, random), 1);
  },
  "a PDU comes twice": (pdus, random) => {
    const at = anyIndex(pdus, random);
    pdus.splice(at, 0, Buffer.from(pdus[at] as Buffer));
  },
  "two PDUs change places": (pdus, random) => {
    const [a, b] = [anyIndex(pdus, random), anyIndex(pdus, random)];
    [pdus[a], pdus[b]] = [pdus[b] as Buffer, pdus[a] as Buffer];
  },
  "a PDU is cut short": (pdus, random) => {
    const at = anyIndex(pdus, random);
    pdus[at] = (pdus[at] as Buffer).subarray(0, random((pdus[at] as Buffer).length));
  },
  "garbage comes between": (pdus, random) => {
    const garbage = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
    pdus.splice(anyIndex(pdus, random), 0, garbage);
  },
  "a CDB of any bytes": (pdus, random) => {
    const pdu = anyPdu(pdus, random);
    for (let at = 32; at < 48; at += 1) pdu[at] = random(256);
  },
};

test("sessions of QEMU and libiscsi with damage of every kind harm nobody", async (t) => {
  t.timeout(180_000);
  const besieged = await besiegedTarget(t);
  const captures = await captureSessions(besieged.portal, besieged.target);
  t.true(captures.length >= 3, "each tool's session was captured");
  const random = generator(SEED);
  let commands = 0;
  besieged.target.on("logout", (session) => {
    commands += session.commands;
  });
  let inputs = 0;
  for (let round = 0; inputs < INPUTS; round += 1) {
    const damaged = Array.from({ length: AT_ONCE }, () => damage(captures, random));
    await Promise.all(damaged.map((pdus) => say(besieged, pdus)));
    inputs += damaged.reduce((sum, pdus) => sum + pdus.length, 0);
    if (round % 8 === 0) await besieged.assertUnharmed();
  }
  await besieged.assertUnharmed();
  await besieged.assertCalm(t);
  t.log(`${inputs} PDUs of damaged sessions`);
  t.true(commands > inputs / 4, `${commands} commands of ${inputs} PDUs got as far as the device server`);
});

function damage(captures: readonly Buffer[][], random: Random): Buffer[] {
  const capture = captures[random(captures.length)] as Buffer[];
  const pdus = capture.map((pdu) => Buffer.from(pdu));
  const kinds = Object.values(MUTATIONS);
  for (let count = 1 + random(4); count > 0; count -= 1) kinds[random(kinds.length)]?.(pdus, random);
  return pdus;
}

/** Everything at once, then our end is closed: what the target still says is read, and it must close too. */
async function say({ portal }: BesiegedTarget, pdus: readonly Buffer[]): Promise<void> {
  const socket = connect(portal.port, portal.host);
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.end(Buffer.concat(pdus));
  await once(socket, "close", { signal: AbortSignal.timeout(20_000) });
}
