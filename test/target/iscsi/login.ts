import test from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { LoginRequestPdu, LoginResponsePdu, NopOutPdu } from "node-iscsi-target/iscsi/pdus.ts";
import { type Keys, type LoginStep, text } from "../../helpers/raw-initiator.ts";
import { DISCOVERY, HOST, INTRODUCTION, serve, TARGET } from "../../helpers/served-target.ts";

test("security, operational, full feature: each stage in a request of its own", async (t) => {
  const initiator = await (await serve(t)).connect();
  const security = await initiator.loginStep({ stage: 0, next: 1 }, { ...INTRODUCTION, AuthMethod: "CHAP,None" });
  t.like(security, { status: 0, transit: true, next: 1, tsih: 0 });
  t.is(security.keys.AuthMethod, "None");
  t.is(security.keys.TargetPortalGroupTag, "1");
  const operational = await initiator.loginStep({ stage: 1, next: 3 }, { HeaderDigest: "None", ImmediateData: "Yes" });
  t.like(operational, { status: 0, transit: true, next: 3 });
  t.not(operational.tsih, 0);
  t.deepEqual(operational.keys, { HeaderDigest: "None", ImmediateData: "Yes", MaxRecvDataSegmentLength: "262144" });
});

test("the operational stage may be the first, and security may lead to full feature phase directly", async (t) => {
  const served = await serve(t);
  const operational = await (await served.connect()).loginStep({ stage: 1, next: 3 }, INTRODUCTION);
  t.like(operational, { status: 0, transit: true, next: 3 });
  t.is(operational.keys.TargetPortalGroupTag, "1");
  const security = await (await served.connect()).loginStep({ stage: 0, next: 3, isid: 2 }, INTRODUCTION);
  t.like(security, { status: 0, transit: true, next: 3 });
  t.is(security.keys.MaxRecvDataSegmentLength, "262144");
});

test("an initiator that does not ask for transit stays where it is, for as many requests as it likes", async (t) => {
  const initiator = await (await serve(t)).connect();
  t.like(await initiator.loginStep({ stage: 1 }, INTRODUCTION), { status: 0, transit: false });
  t.like(await initiator.loginStep({ stage: 1 }, { MaxBurstLength: "131072" }), { status: 0, transit: false });
  t.like(await initiator.loginStep({ stage: 1, next: 3 }, {}), { status: 0, transit: true, next: 3 });
});

test("a text that the C bit spreads over requests is answered once it is whole", async (t) => {
  const initiator = await (await serve(t)).connect();
  const whole = text({ ...INTRODUCTION, HeaderDigest: "CRC32C,None" });
  const first = await initiator.loginStep({ stage: 1, continue: true }, whole.subarray(0, 20));
  t.like(first, { status: 0, transit: false, keys: {} });
  const second = await initiator.loginStep({ stage: 1, continue: true }, whole.subarray(20, 70));
  t.like(second, { status: 0, transit: false, keys: {} });
  const last = await initiator.loginStep({ stage: 1, next: 3 }, whole.subarray(70));
  t.like(last, { status: 0, transit: true, next: 3 });
  t.is(last.keys.HeaderDigest, "CRC32C");
});

test("an answer longer than 8192 bytes comes in pieces with the C bit", async (t) => {
  const initiator = await (await serve(t)).connect();
  const unknown = Object.fromEntries([...Array(120).keys()].map((n) => [`X-${"k".repeat(57)}${n + 100}`, "1"]));
  const first = await initiator.loginStep({ stage: 1, next: 3 }, { ...INTRODUCTION, ...unknown });
  t.like(first, { status: 0, transit: false });
  t.is(LoginResponsePdu.continue.get(first.header, 0), 1);
  t.is(LoginResponsePdu.dataSegmentLength.get(first.header, 0), 8192);
  const last = await initiator.loginStep({ stage: 1, next: 3 }, {});
  t.like(last, { status: 0, transit: true, next: 3 });
  t.is(LoginResponsePdu.continue.get(last.header, 0), 0);
  const bytes = 8192 + LoginResponsePdu.dataSegmentLength.get(last.header, 0);
  t.true(bytes > 120 * (62 + "=NotUnderstood\0".length), "every key has its answer");
});

test("responses count StatSN from the first request's ExpStatSN and repeat ISID, task tag and CmdSN", async (t) => {
  const initiator = await (await serve(t)).connect();
  initiator.expStatSn = 77;
  initiator.cmdSn = 0xffff_ffff;
  const { header } = await initiator.loginStep({ stage: 1 }, INTRODUCTION);
  t.is(LoginResponsePdu.statSn.get(header, 0), 77);
  t.is(LoginResponsePdu.expCmdSn.get(header, 0), 0xffff_ffff);
  t.is(LoginResponsePdu.isid.get(header, 0), initiator.isid);
  const last = await initiator.loginStep({ stage: 1, next: 3 }, {});
  t.is(LoginResponsePdu.statSn.get(last.header, 0), 78);
  initiator.command([0]);
  await initiator.receive();
  t.pass("the command window goes on over its end");
});

interface Refusal {
  readonly status: number;
  readonly keys: Keys;
  readonly step?: LoginStep;
}

/** One request each, and the status of RFC 7143 11.13.5 that it gets. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  "without an InitiatorName": { status: 0x0207, keys: { TargetName: TARGET } },
  "with an empty InitiatorName": { status: 0x0207, keys: { InitiatorName: "", TargetName: TARGET } },
  "without a TargetName": { status: 0x0207, keys: { InitiatorName: HOST } },
  "to another target": { status: 0x0203, keys: { InitiatorName: HOST, TargetName: `${TARGET}2` } },
  "with a name of 224 bytes": {
    status: 0x0200,
    keys: { InitiatorName: `iqn.2026-11.example:${"x".repeat(204)}`, TargetName: TARGET },
  },
  "to a session of an unknown type": { status: 0x0209, keys: { ...INTRODUCTION, SessionType: "Other" } },
  "that needs a later version": { status: 0x0205, keys: INTRODUCTION, step: { versionMin: 1 } },
  "to a session that does not exist": { status: 0x020a, keys: INTRODUCTION, step: { tsih: 4711 } },
  "from full feature phase": { status: 0x0200, keys: INTRODUCTION, step: { stage: 3, next: 3 } },
  "from a reserved stage": { status: 0x0200, keys: INTRODUCTION, step: { stage: 2, next: 3 } },
  "with transit to where it is": { status: 0x0200, keys: INTRODUCTION, step: { stage: 1, next: 1 } },
  "with transit backwards": { status: 0x0200, keys: INTRODUCTION, step: { stage: 1, next: 0 } },
  "with transit to a reserved stage": { status: 0x0200, keys: INTRODUCTION, step: { stage: 0, next: 2 } },
  "with transit before its text is whole": {
    status: 0x0200,
    keys: INTRODUCTION,
    step: { stage: 1, next: 3, continue: true },
  },
  "with security keys outside their stage": { status: 0x0200, keys: { ...INTRODUCTION, AuthMethod: "None" } },
  "with CHAP alone, which nobody asked for": {
    status: 0x0201,
    keys: { ...INTRODUCTION, AuthMethod: "CHAP" },
    step: { stage: 0, next: 1 },
  },
};

for (const [what, { status, keys, step }] of Object.entries(REFUSALS)) {
  test(`a login ${what} is refused with 0x${status.toString(16).padStart(4, "0")}, and the connection ends`, async (t) => {
    const initiator = await (await serve(t)).connect();
    const answer = await initiator.loginStep({ stage: 1, next: 3, ...step }, keys);
    t.is(answer.status, status);
    t.is(answer.tsih, step?.tsih ?? 0);
    t.deepEqual(answer.keys, {});
    await initiator.ended();
  });
}

/** A lawful first request in the operational stage, and a second one that is not. */
const SECOND_REQUESTS: Readonly<Record<string, { readonly step: LoginStep; readonly keys?: Keys }>> = {
  "goes back to the security stage": { step: { stage: 0, next: 1 } },
  "negotiates a key once more": { step: { stage: 1, next: 3 }, keys: { HeaderDigest: "None" } },
  "changes its ISID": { step: { stage: 1, next: 3, isid: 99 } },
  "changes its TSIH": { step: { stage: 1, next: 3, tsih: 1 } },
  "changes its CID": { step: { stage: 1, next: 3, cid: 1 } },
  "changes its name": { step: { stage: 1, next: 3 }, keys: { InitiatorName: `${HOST}2` } },
  "makes it a discovery session": { step: { stage: 1, next: 3 }, keys: { SessionType: "Discovery" } },
};

for (const [what, { step, keys }] of Object.entries(SECOND_REQUESTS)) {
  test(`a login that ${what} half-way is refused as the initiator's error`, async (t) => {
    const initiator = await (await serve(t)).connect();
    t.is((await initiator.loginStep({ stage: 1 }, { ...INTRODUCTION, HeaderDigest: "None" })).status, 0);
    t.is((await initiator.loginStep(step, keys)).status, 0x0200);
    await initiator.ended();
  });
}

test("an initiator outside the access list learns no more than that there is no such target", async (t) => {
  const served = await serve(t, { access: { authorize: (name) => name === HOST } });
  const stranger = { ...INTRODUCTION, InitiatorName: "iqn.2026-11.example:stranger" };
  const refused = await (await served.connect()).loginStep({ stage: 1, next: 3 }, stranger);
  const nowhere = await (await served.connect()).loginStep({ next: 3 }, { ...INTRODUCTION, TargetName: "iqn.none" });
  t.deepEqual(refused.header, nowhere.header);
  t.deepEqual(refused.keys, {});
});

test("an initiator that is let in no more by the end of its login is told so (0202)", async (t) => {
  let letIn = true;
  const initiator = await (await serve(t, { access: { authorize: () => letIn } })).connect();
  t.is((await initiator.loginStep({ stage: 1 }, INTRODUCTION)).status, 0);
  letIn = false;
  t.is((await initiator.loginStep({ stage: 1, next: 3 }, {})).status, 0x0202);
});

for (const permanent of [false, true]) {
  test(`an initiator is sent elsewhere ${permanent ? "for good" : "for now"}, with the address`, async (t) => {
    const redirect = () => ({ host: "fd00::1", port: 3261, permanent });
    const initiator = await (await serve(t, { access: { authorize: () => true, redirect } })).connect();
    const answer = await initiator.loginStep({ stage: 0, next: 1 }, INTRODUCTION);
    t.is(answer.status, permanent ? 0x0102 : 0x0101);
    t.deepEqual(answer.keys, { TargetAddress: "[fd00::1]:3261" });
    await initiator.ended();
  });
}

test("another PDU than a login request during the login is refused as such", async (t) => {
  const initiator = await (await serve(t)).connect();
  await initiator.loginStep({ stage: 1 }, INTRODUCTION);
  initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, targetTransferTag: 0xffff_ffff });
  t.is((await initiator.loginAnswer()).status, 0x020b);
  await initiator.ended();
});

test("a login request in full feature phase is rejected, and the session goes on", async (t) => {
  const initiator = await (await serve(t)).login();
  initiator.request(LoginRequestPdu, Opcode.LOGIN_REQUEST, {});
  t.is((await initiator.receive()).header[0], Opcode.REJECT);
  initiator.command([0]);
  t.is((await initiator.receive()).header[0], Opcode.SCSI_RESPONSE);
});

test("a login text longer than the limit is refused before more of it is kept", async (t) => {
  const initiator = await (await serve(t, { limits: { textBytes: 4096 } })).connect();
  const piece = Buffer.from(`X-com.example=${"y".repeat(2000)}`);
  t.is((await initiator.loginStep({ stage: 1, continue: true }, piece)).status, 0);
  t.is((await initiator.loginStep({ stage: 1, continue: true }, piece)).status, 0);
  t.is((await initiator.loginStep({ stage: 1, continue: true }, piece)).status, 0x0302);
});

test("a discovery session needs no TargetName and gets no portal group tag", async (t) => {
  const initiator = await (await serve(t)).connect();
  const answer = await initiator.loginStep({ stage: 0, next: 3 }, DISCOVERY);
  t.like(answer, { status: 0, transit: true, next: 3 });
  t.deepEqual(answer.keys, { MaxRecvDataSegmentLength: "262144" });
});
