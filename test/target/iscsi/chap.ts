import test from "ava";
import { CHAP_ALGORITHMS, chapResponse, formatBinary, parseBinary, sameBytes } from "node-iscsi-target/iscsi/chap.ts";

const IDENTIFIER = 0x27;
const SECRET = "a secret of many bytes";
const CHALLENGE = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");

/** Digests of 27h, the secret and the challenge, as another program computes them (coreutils and openssl dgst). */
const VECTORS: readonly (readonly [algorithm: string, name: string, digest: string])[] = [
  ["5", "MD5", "4caf5aabaca165d7129a3a802e86534f"],
  ["6", "SHA1", "b71770a016b1c65f767e601de895b12758ad2820"],
  ["7", "SHA-256", "acd792587c1c6e7776b7581fc7d2956e6629103a402bb7b871b7a2b4b76069bf"],
  ["8", "SHA3-256", "ee6cbde32c9505786475f5bacca549b0b4c2a040f394db1fe50638d9e7cb00b4"],
];

for (const [algorithm, name, digest] of VECTORS) {
  test(`CHAP_A=${algorithm} is ${name} over identifier, secret and challenge`, (t) => {
    const entry = CHAP_ALGORITHMS.get(algorithm);
    if (entry === undefined) return t.fail("an algorithm is missing");
    t.is(chapResponse(entry, IDENTIFIER, SECRET, CHALLENGE).toString("hex"), digest);
    t.is(entry.digestBytes * 2, digest.length);
  });
}

test("binary values are read in hexadecimal and in base64, whatever the case of their prefix", (t) => {
  for (const text of ["0x00ff10", "0X00FF10", "0bAP8Q", "0BAP8Q"]) t.is(parseBinary(text)?.toString("hex"), "00ff10");
  t.is(parseBinary("0xf")?.toString("hex"), "0f");
  t.is(parseBinary("0bAA==")?.toString("hex"), "00");
  t.is(parseBinary(formatBinary(CHALLENGE))?.toString("hex"), CHALLENGE.toString("hex"));
});

test("what is no binary value, or longer than 1024 bytes, is none", (t) => {
  for (const text of ["", "0x", "0b", "00ff", "0xfg", "0bA", "0bAA=A", "0b!!!!", `0x${"00".repeat(1025)}`]) {
    t.is(parseBinary(text), undefined, text.slice(0, 20));
  }
  t.is(parseBinary(`0x${"00".repeat(1024)}`)?.length, 1024);
});

test("values are compared whatever their lengths", (t) => {
  t.true(sameBytes("abc", Buffer.from("abc")));
  t.false(sameBytes("abc", "abcd"));
  t.false(sameBytes("", "a"));
});
