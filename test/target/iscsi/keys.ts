import test from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { R2tPdu } from "node-iscsi-target/iscsi/pdus.ts";
import { DISCOVERY, INTRODUCTION, serve } from "../../helpers/served-target.ts";

/** Offers and answers of one login each: RFC 7143 clause 13 and 6.2. */
const ANSWERS: readonly (readonly [key: string, offer: string, answer: string | undefined])[] = [
  ["HeaderDigest", "None", "None"],
  ["HeaderDigest", "CRC32C,None", "CRC32C"],
  ["HeaderDigest", "None,CRC32C", "None"],
  ["HeaderDigest", "MD5,CRC32C", "CRC32C"],
  ["HeaderDigest", "MD5", "Reject"],
  ["DataDigest", "CRC32C", "CRC32C"],
  ["MaxConnections", "8", "1"],
  ["MaxConnections", "0", "Reject"],
  ["InitialR2T", "No", "No"],
  ["InitialR2T", "Yes", "Yes"],
  ["InitialR2T", "yes", "Reject"],
  ["ImmediateData", "Yes", "Yes"],
  ["ImmediateData", "No", "No"],
  ["MaxRecvDataSegmentLength", "512", "262144"],
  ["MaxRecvDataSegmentLength", "16777215", "262144"],
  ["MaxBurstLength", "16776192", "1048576"],
  ["MaxBurstLength", "262144", "262144"],
  ["MaxBurstLength", "0x40000", "262144"],
  ["MaxBurstLength", "511", "Reject"],
  ["MaxBurstLength", "-1", "Reject"],
  ["MaxBurstLength", "many", "Reject"],
  ["FirstBurstLength", "65536", "65536"],
  ["FirstBurstLength", "16777215", "262144"],
  ["MaxOutstandingR2T", "16", "1"],
  ["MaxOutstandingR2T", "0", "Reject"],
  ["DefaultTime2Wait", "0", "2"],
  ["DefaultTime2Wait", "10", "10"],
  ["DefaultTime2Wait", "3601", "Reject"],
  ["DefaultTime2Retain", "20", "0"],
  ["DataPDUInOrder", "No", "Yes"],
  ["DataSequenceInOrder", "No", "Yes"],
  ["ErrorRecoveryLevel", "2", "0"],
  ["ErrorRecoveryLevel", "3", "Reject"],
  ["IFMarker", "Yes", "No"],
  ["OFMarker", "No", "No"],
  ["TaskReporting", "FastAbort,ResponseFence,RFC3720", "RFC3720"],
  ["iSCSIProtocolLevel", "2", "1"],
  ["InitiatorAlias", "a host", undefined],
  ["SendTargets", "All", "Reject"],
  ["TargetAddress", "10.0.0.1", "Reject"],
  ["X-com.example.key", "1", "NotUnderstood"],
  ["headerDigest", "None", "NotUnderstood"],
  ["constructor", "None", "NotUnderstood"],
  ["X-com.example.other", "NotUnderstood", undefined],
];

for (const [key, offer, answer] of ANSWERS) {
  test(`${key}=${offer} gets ${answer ?? "no answer"}`, async (t) => {
    const initiator = await (await serve(t)).connect();
    const { status, keys } = await initiator.loginStep({ stage: 1, next: 3 }, { ...INTRODUCTION, [key]: offer });
    t.is(status, 0);
    t.is(keys[key], answer);
  });
}

for (const key of ["MaxConnections", "InitialR2T", "ImmediateData", "MaxBurstLength", "FirstBurstLength"]) {
  test(`${key} is irrelevant in a discovery session`, async (t) => {
    const initiator = await (await serve(t)).connect();
    const { keys } = await initiator.loginStep({ stage: 1, next: 3 }, { ...DISCOVERY, [key]: "512" });
    t.is(keys[key], "Irrelevant");
  });
}

test("FirstBurstLength is cut to MaxBurstLength, whichever of both stands first", async (t) => {
  const served = await serve(t);
  const offers = { FirstBurstLength: "65536", MaxBurstLength: "8192" };
  const { keys } = await (await served.connect()).loginStep({ next: 3 }, { ...INTRODUCTION, ...offers });
  t.like(keys, { FirstBurstLength: "8192", MaxBurstLength: "8192" });
});

test("where only MaxBurstLength is offered, and below FirstBurstLength's default, we offer that before full feature phase", async (t) => {
  const initiator = await (await serve(t)).connect();
  const first = await initiator.loginStep({ stage: 1, next: 3 }, { ...INTRODUCTION, MaxBurstLength: "4096" });
  t.like(first, { status: 0, transit: false });
  t.is(first.keys.FirstBurstLength, "4096");
  const last = await initiator.loginStep({ stage: 1, next: 3 }, { FirstBurstLength: "2048" });
  t.like(last, { status: 0, transit: true, next: 3, keys: {} });
});

test("a FirstBurstLength above MaxBurstLength is refused, as an answer and as an offer of before", async (t) => {
  const served = await serve(t);
  const answers = await served.connect();
  await answers.loginStep({ stage: 1, next: 3 }, { ...INTRODUCTION, MaxBurstLength: "4096" });
  t.is((await answers.loginStep({ stage: 1, next: 3 }, { FirstBurstLength: "8192" })).status, 0x0200);
  const offers = await served.connect();
  await offers.loginStep({ stage: 1 }, { ...INTRODUCTION, FirstBurstLength: "65536" });
  t.is((await offers.loginStep({ stage: 1, next: 3 }, { MaxBurstLength: "4096" })).status, 0x0200);
});

test("FirstBurstLength does not matter where no unsolicited data may come", async (t) => {
  const initiator = await (await serve(t)).connect();
  const offers = { MaxBurstLength: "4096", InitialR2T: "Yes", ImmediateData: "No" };
  t.like(await initiator.loginStep({ next: 3 }, { ...INTRODUCTION, ...offers }), { transit: true });
});

for (const bytes of ["511", "16777216", "", "many"]) {
  test(`a MaxRecvDataSegmentLength of "${bytes}" is the initiator's error`, async (t) => {
    const initiator = await (await serve(t)).connect();
    const keys = { ...INTRODUCTION, MaxRecvDataSegmentLength: bytes };
    t.is((await initiator.loginStep({ stage: 1, next: 3 }, keys)).status, 0x0200);
  });
}

test("the MaxRecvDataSegmentLength declared last is what our PDUs keep to", async (t) => {
  const served = await serve(t);
  const initiator = await served.connect();
  await initiator.loginStep({ stage: 1 }, { ...INTRODUCTION, MaxRecvDataSegmentLength: "65536" });
  await initiator.login({ MaxRecvDataSegmentLength: "512" });
  initiator.command([0]);
  await initiator.receive();
  initiator.command([0x28, 0, 0, 0, 0, 0, 0, 0, 3, 0], { readBytes: 1536 });
  for (let piece = 0; piece < 3; piece += 1) t.is((await initiator.receive()).data.length, 512);
});

test("what MaxBurstLength was agreed is what an R2T asks for", async (t) => {
  const served = await serve(t);
  const initiator = await served.login({ MaxBurstLength: "1024", FirstBurstLength: "512", ImmediateData: "No" });
  initiator.command([0x2a, 0, 0, 0, 0, 0, 0, 0, 4, 0], { writeBytes: 2048 });
  const { header } = await initiator.receive();
  t.is(header[0], Opcode.R2T);
  t.is(R2tPdu.desiredDataTransferLength.get(header, 0), 1024);
});
