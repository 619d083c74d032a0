import { createHash, randomBytes } from "node:crypto";
import test from "ava";
import type { ChapCredentials, TargetLogger } from "node-iscsi-target";
import type { Keys, LoginAnswer, RawInitiator } from "../../helpers/raw-initiator.ts";
import { DISCOVERY, HOST, INTRODUCTION, serve } from "../../helpers/served-target.ts";

const USER = "host-user";
const SECRET = "the secret of the host";
const MUTUAL = { user: "target-user", secret: "the secret of the target" };
const HASHES: Readonly<Record<string, string>> = { "5": "md5", "6": "sha1", "7": "sha256", "8": "sha3-256" };

type Encoding = "hex" | "base64";

for (const [algorithm, hash] of Object.entries(HASHES)) {
  for (const encoding of ["hex", "base64"] as const) {
    test(`an initiator proves itself with ${hash}, its values in ${encoding}, and the target proves itself too`, async (t) => {
      const initiator = await start(t, { user: USER, secret: SECRET, mutual: MUTUAL });
      const challenge = await challenged(initiator, algorithm);
      t.is(challenge.keys.CHAP_A, algorithm);
      const ours = randomBytes(24);
      const answer = await initiator.loginStep(
        { stage: 0, next: 1 },
        {
          CHAP_N: USER,
          CHAP_R: encoded(response(hash, challenge.keys, SECRET), encoding),
          CHAP_I: "200",
          CHAP_C: encoded(ours, encoding),
        },
      );
      t.like(answer, { status: 0, transit: true, next: 1 });
      t.is(answer.keys.CHAP_N, MUTUAL.user);
      t.is(answer.keys.CHAP_R, `0x${digest(hash, 200, MUTUAL.secret, ours).toString("hex")}`);
      t.like(await initiator.loginStep({ stage: 1, next: 3 }), { status: 0, transit: true, next: 3 });
    });
  }
}

test("one-way CHAP may lead to full feature phase directly", async (t) => {
  const initiator = await start(t, { user: USER, secret: SECRET });
  const { keys } = await challenged(initiator, "7");
  const answer = await prove(initiator, keys, { user: USER, secret: SECRET, next: 3 });
  t.like(answer, { status: 0, transit: true, next: 3 });
  t.is(answer.keys.CHAP_R, undefined);
});

test("the initiator's first algorithm that we know is taken, and no two challenges are the same", async (t) => {
  const { connect } = await serve(t, { access: access({ user: USER, secret: SECRET }) });
  const seen = new Set<string | undefined>();
  for (let time = 0; time < 3; time += 1) {
    const initiator = await connect();
    await initiator.loginStep({ stage: 0 }, { ...INTRODUCTION, AuthMethod: "KRB5,CHAP" });
    const { keys } = await initiator.loginStep({ stage: 0 }, { CHAP_A: "9,8,5" });
    t.is(keys.CHAP_A, "8");
    t.is(keys.CHAP_C?.length, 2 + 64);
    seen.add(keys.CHAP_C);
  }
  t.is(seen.size, 3);
});

test("transit out of the security stage is held back until the initiator has proven itself", async (t) => {
  const initiator = await start(t, { user: USER, secret: SECRET }, { stage: 0, next: 1 });
  const challenge = await initiator.loginStep({ stage: 0, next: 1 }, { CHAP_A: "5" });
  t.like(challenge, { status: 0, transit: false });
  t.like(await prove(initiator, challenge.keys, { user: USER, secret: SECRET }), { status: 0, transit: true, next: 1 });
});

const WRONG: Readonly<Record<string, (keys: Keys) => Keys>> = {
  "a wrong secret": (keys) => ({ CHAP_N: USER, CHAP_R: hex(response("md5", keys, "another secret")) }),
  "a wrong name": (keys) => ({ CHAP_N: "nobody", CHAP_R: hex(response("md5", keys, SECRET)) }),
  "no response": () => ({ CHAP_N: USER }),
  "a response that is no binary value": () => ({ CHAP_N: USER, CHAP_R: "12345" }),
  "half a response": (keys) => ({ CHAP_N: USER, CHAP_R: hex(response("md5", keys, SECRET).subarray(0, 8)) }),
  "our own challenge sent back": (keys) => ({
    CHAP_N: USER,
    CHAP_R: hex(response("md5", keys, SECRET)),
    CHAP_I: "7",
    CHAP_C: keys.CHAP_C as string,
  }),
  "a challenge without an identifier": (keys) => ({
    CHAP_N: USER,
    CHAP_R: hex(response("md5", keys, SECRET)),
    CHAP_C: "0x0102",
  }),
};

for (const [what, answerTo] of Object.entries(WRONG)) {
  test(`${what} is an authentication failure (0201) that says nothing else`, async (t) => {
    const initiator = await start(t, { user: USER, secret: SECRET, mutual: MUTUAL });
    const { keys } = await challenged(initiator, "5");
    const answer = await initiator.loginStep({ stage: 0, next: 1 }, answerTo(keys));
    t.is(answer.status, 0x0201);
    t.deepEqual(answer.keys, {});
    await initiator.ended();
  });
}

test("a target without credentials of its own cannot prove itself: an authentication failure", async (t) => {
  const initiator = await start(t, { user: USER, secret: SECRET });
  const { keys } = await challenged(initiator, "5");
  const proof = { CHAP_N: USER, CHAP_R: hex(response("md5", keys, SECRET)), CHAP_I: "1", CHAP_C: "0x0102" };
  t.is((await initiator.loginStep({ stage: 0, next: 1 }, proof)).status, 0x0201);
});

for (const [what, step, keys] of [
  ["begins at the operational stage", { stage: 1, next: 3 }, {}],
  ["leaves the security stage without a word", { stage: 0, next: 1 }, {}],
  ["offers no authentication", { stage: 0, next: 1 }, { AuthMethod: "None" }],
  ["offers a method that we do not know", { stage: 0 }, { AuthMethod: "KRB5" }],
] as const) {
  test(`where CHAP is asked for, an initiator that ${what} is not let in`, async (t) => {
    const { connect } = await serve(t, { access: access({ user: USER, secret: SECRET }) });
    const answer = await (await connect()).loginStep(step, { ...INTRODUCTION, ...keys });
    t.is(answer.status, 0x0201);
  });
}

test("no common algorithm is an authentication failure; keys out of turn are the initiator's error", async (t) => {
  const algorithm = await start(t, { user: USER, secret: SECRET });
  t.is((await algorithm.loginStep({ stage: 0 }, { CHAP_A: "1,2" })).status, 0x0201);
  const turn = await start(t, { user: USER, secret: SECRET });
  t.is((await turn.loginStep({ stage: 0 }, { CHAP_N: USER, CHAP_R: "0x00" })).status, 0x0200);
});

test("secrets that are the same both ways are refused as the target's error", async (t) => {
  const { connect } = await serve(t, {
    access: access({ user: USER, secret: SECRET, mutual: { user: "t", secret: SECRET } }),
  });
  t.is((await (await connect()).loginStep({ stage: 0 }, { ...INTRODUCTION, AuthMethod: "CHAP" })).status, 0x0300);
});

test("credentials belong to an initiator, and discovery has its own", async (t) => {
  const others = "iqn.2026-11.example:other";
  const credentials = (name: string, kind: string): ChapCredentials | undefined => {
    if (kind === "discovery") return { user: "finder", secret: "the secret of discovery" };
    return name === HOST ? { user: USER, secret: SECRET } : undefined;
  };
  const { connect } = await serve(t, { access: { authorize: () => true, credentials } });
  const open = await connect();
  t.is((await open.loginStep({ stage: 1, next: 3 }, { ...INTRODUCTION, InitiatorName: others })).status, 0);
  for (const [user, secret, status] of [
    ["finder", "the secret of discovery", 0],
    [USER, SECRET, 0x0201],
  ] as const) {
    const finder = await connect();
    await finder.loginStep({ stage: 0 }, { ...DISCOVERY, AuthMethod: "CHAP" });
    const { keys } = await challenged(finder, "5");
    t.is((await prove(finder, keys, { user, secret, next: 3 })).status, status);
  }
});

test("neither secrets nor what is made of them reach the log", async (t) => {
  const lines: string[] = [];
  const write = (fields: object, message: string) => lines.push(`${JSON.stringify(fields)} ${message}`);
  const logger: TargetLogger = { info: write, error: write };
  const { connect } = await serve(t, { logger, access: access({ user: USER, secret: SECRET, mutual: MUTUAL }) });
  for (const secret of [SECRET, "a guess"]) {
    const initiator = await connect();
    await initiator.loginStep({ stage: 0 }, { ...INTRODUCTION, AuthMethod: "CHAP" });
    const { keys } = await challenged(initiator, "5");
    const proof = response("md5", keys, secret).toString("hex");
    await prove(initiator, keys, { user: USER, secret });
    for (const said of [secret, proof, MUTUAL.secret]) t.false(lines.join("\n").includes(said));
  }
  t.true(lines.some((line) => line.includes("login refused")));
});

function access(credentials: ChapCredentials) {
  return { authorize: () => true, credentials: () => credentials };
}

/** A login that has got as far as AuthMethod=CHAP. */
async function start(
  t: Parameters<typeof serve>[0] & { is(a: unknown, b: unknown): boolean },
  credentials: ChapCredentials,
  step: { stage: number; next?: number } = { stage: 0 },
): Promise<RawInitiator> {
  const initiator = await (await serve(t, { access: access(credentials) })).connect();
  const answer = await initiator.loginStep(step, { ...INTRODUCTION, AuthMethod: "CHAP,None" });
  t.is(answer.keys.AuthMethod, "CHAP");
  t.is(answer.transit, false);
  return initiator;
}

function challenged(initiator: RawInitiator, algorithm: string): Promise<LoginAnswer> {
  return initiator.loginStep({ stage: 0 }, { CHAP_A: algorithm });
}

function prove(
  initiator: RawInitiator,
  keys: Keys,
  { user, secret, next = 1 }: { user: string; secret: string; next?: number },
): Promise<LoginAnswer> {
  const proof = response(HASHES[keys.CHAP_A ?? ""] ?? "md5", keys, secret);
  return initiator.loginStep({ stage: 0, next }, { CHAP_N: user, CHAP_R: hex(proof) });
}

function response(hash: string, { CHAP_I, CHAP_C }: Keys, secret: string): Buffer {
  return digest(hash, Number(CHAP_I), secret, Buffer.from((CHAP_C ?? "").slice(2), "hex"));
}

/** Our own, so that a mistake in the target's does not cancel out. */
function digest(hash: string, identifier: number, secret: string, challenge: Buffer): Buffer {
  return createHash(hash)
    .update(Buffer.concat([Buffer.from([identifier]), Buffer.from(secret), challenge]))
    .digest();
}

function hex(bytes: Buffer): string {
  return encoded(bytes, "hex");
}

function encoded(bytes: Buffer, encoding: Encoding): string {
  return `${encoding === "hex" ? "0x" : "0b"}${bytes.toString(encoding)}`;
}
