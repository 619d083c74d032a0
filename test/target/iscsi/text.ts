import test from "ava";
import { ProtocolError } from "node-iscsi-target/iscsi/protocol-error.ts";
import { formatText, parseText } from "node-iscsi-target/iscsi/text.ts";

test("pairs survive the way to text and back, empty values and further equals signs too", (t) => {
  const pairs = [
    ["InitiatorName", "iqn.2026-11.example:a=b"],
    ["SendTargets", ""],
    ["X-com.example.key", "ü"],
  ] as const;
  t.deepEqual(parseText(formatText(pairs)), [...pairs]);
});

test("padding after the last pair is no pair", (t) => {
  t.deepEqual(parseText(Buffer.from("HeaderDigest=None\0\0\0\0")), [["HeaderDigest", "None"]]);
  t.deepEqual(parseText(Buffer.alloc(0)), []);
});

for (const [what, bytes] of Object.entries({
  "no equals sign": "HeaderDigest\0",
  "no key": "=None\0",
  "a key that begins with a digit": "1HeaderDigest=None\0",
  "a key of 64 characters": `${"K".repeat(64)}=1\0`,
  "a key with a space": "Header Digest=None\0",
  "a vendor's key of 64 characters": `X-${"a".repeat(62)}=1\0`,
  "a vendor's key with a control character": "X-\u0007=1\0",
  "more pairs than any login needs": "A=1\0".repeat(129),
})) {
  test(`${what} is not text format (RFC 7143 6.1)`, (t) => {
    t.throws(() => parseText(Buffer.from(bytes)), { instanceOf: ProtocolError, code: "text-format" });
  });
}

test("iSCSIProtocolLevel is a key although it begins with a small letter (RFC 7144 7.1)", (t) => {
  t.deepEqual(parseText(Buffer.from("iSCSIProtocolLevel=2\0")), [["iSCSIProtocolLevel", "2"]]);
});
