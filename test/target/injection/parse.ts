import test from "ava";
import fc from "fast-check";
import { EFFECTS } from "node-iscsi-target/injection/effects.ts";
import { normalFault, parseFault } from "node-iscsi-target/injection/parse.ts";
import { COMMAND_NAMES } from "node-iscsi-target/injection/selectors.ts";
import { SENSE_NAMES } from "node-iscsi-target/injection/sense-names.ts";
import { FaultTextError } from "node-iscsi-target/injection/words.ts";

test("a fault says which commands, when, and what happens", (t) => {
  const text = "on disk=data agent=a op=write lba=0..2047 when first 3 do sense medium-error/unrecovered-read-error";
  t.deepEqual(parseFault(text), {
    on: { disk: ["data"], agent: ["a"], op: ["write"], lba: [{ first: 0, last: 2047 }] },
    when: { first: 3, seed: 0 },
    effect: { kind: "sense", senseKey: 3, asc: 0x11, ascq: 0 },
  });
});

test("several ranges of blocks are put in order, and those that meet become one", (t) => {
  t.deepEqual(parseFault("on lba=100,0..7,8..15,4..9,50..60 do busy").on.lba, [
    { first: 0, last: 15 },
    { first: 50, last: 60 },
    { first: 100, last: 100 },
  ]);
});

test("a fault of a storage device may be one of some sectors, but not of its flushes", (t) => {
  t.deepEqual(parseFault("on device=main-0.img sector=2048..4095,8 op=read do device-error"), {
    on: {
      device: ["main-0.img"],
      sector: [
        { first: 8, last: 8 },
        { first: 2048, last: 4095 },
      ],
      op: ["read"],
    },
    when: { seed: 0 },
    effect: { kind: "device-error" },
  });
});

test("'on' and 'when' may be left out: then it is always, and everywhere", (t) => {
  t.deepEqual(parseFault("do busy"), { on: {}, when: { seed: 0 }, effect: { kind: "busy" } });
  t.deepEqual(parseFault("when always do busy"), parseFault("do busy"));
});

test("values are read with their units", (t) => {
  const cases: readonly (readonly [string, object])[] = [
    ["do delay 1.5s", { kind: "delay", minMs: 1500, maxMs: 1500 }],
    ["do delay 10ms..2m", { kind: "delay", minMs: 10, maxMs: 120_000 }],
    ["do throughput 10MiB/s", { kind: "throughput", bytesPerSecond: 10 * 1024 ** 2 }],
    ["do short-data 512B", { kind: "short-data", bytes: 512 }],
    ["do sense 3/11/00", { kind: "sense", senseKey: 3, asc: 0x11, ascq: 0 }],
    ["on pool=main do pool-full", { kind: "pool-full" }],
  ];
  for (const [text, effect] of cases) t.deepEqual<object, object>(parseFault(text).effect, effect, text);
  const { when } = parseFault("when probability 0.25 seed 7 from 10 until 30s do busy");
  t.deepEqual(when, { probability: 0.25, seed: 7, from: { match: 10 }, until: { afterMs: 30_000 } });
});

test("every sense name and every command name can be written", (t) => {
  for (const name of SENSE_NAMES) t.is(parseFault(`do sense ${name}`).effect.kind, "sense");
  for (const name of COMMAND_NAMES) t.deepEqual(parseFault(`on command=${name} do busy`).on.command, [name]);
  t.true(COMMAND_NAMES.includes("read-10") && COMMAND_NAMES.includes("persistent-reserve-out-register"));
});

/** Text, the column that is wrong, and a part of what was expected there. */
const WRONG: readonly (readonly [text: string, column: number, expected: RegExp])[] = [
  ["", 1, /'on', 'when' or 'do'/],
  ["on do busy", 4, /KEY=VALUE/],
  ["on disk do busy", 4, /KEY=VALUE with one of disk/],
  ["on disk=Data do busy", 9, /the name of a disk/],
  ["on disk=a disk=b do busy", 11, /once/],
  ["on lba=9..3 do busy", 8, /range of blocks/],
  ["on op=wriet do busy", 7, /read, write/],
  ["on command=read-11 do busy", 12, /a SCSI command/],
  ["on path=web do busy", 9, /HOST\/AGENT/],
  ["on disk=a busy", 11, /'when' or 'do'/],
  ["when do busy", 6, /always/],
  ["when every 0 do busy", 12, /whole number from 1/],
  ["when every 2 every 3 do busy", 14, /once each/],
  ["when probability 1.5 do busy", 18, /up to 1/],
  ["when from 9 until 3 do busy", 19, /after 'from'/],
  ["when until 3 from 9 do busy", 19, /after 'from'/],
  ["when first 3", 13, /'do'/],
  ["do", 3, /sense, busy/],
  ["do explode", 4, /sense, busy/],
  ["do delay", 9, /a time with its unit/],
  ["do delay 5", 10, /a time with its unit/],
  ["do delay 9s..1s", 10, /range of times/],
  ["do sense medium-error/eaten", 10, /medium-error\/unrecovered-read-error/],
  ["do throughput 10MiB", 15, /10MiB\/s/],
  ["do busy now", 9, /the end of the text/],
  ["do pool-full", 4, /'pool=' after 'on'/],
  ["on device=a sector=8..15 op=read,flush do device-error", 13, /no sector for op=flush/],
  ["on device=a sector=8 do device-loss", 13, /device or agent for device-loss/],
  ["on sector=8 do device-error", 16, /'device=' after 'on'/],
  ["on disk=a do agent-kill", 4, /agent for agent-kill/],
  ["on agent=a when first 3 do agent-pause", 17, /from or until with a time/],
  ["on agent=a when from 3 do agent-pause", 17, /with a time/],
  ["on op=read do lose-write", 4, /op=write/],
  ["on op=write do short-data 512B", 4, /op=read or op=other/],
  ["on op=unmap lba=0..7 do busy", 13, /no lba for op=unmap/],
  ["on lba=0..7,9..8 do busy", 8, /range of blocks/],
  ["when seed 4 do busy", 6, /something is drawn/],
];

for (const [text, column, expected] of WRONG) {
  test(`'${text}' is refused in one sentence that names column ${column} and what was expected`, (t) => {
    const error = t.throws(() => parseFault(text), { instanceOf: FaultTextError });
    t.is(error.column, column);
    t.regex(error.expected, expected);
    t.is(error.message, `The fault is wrong at column ${column}: found ${error.found}, expected ${error.expected}.`);
  });
}

test("any text is either a fault or refused in one line, at a column that it has", (t) => {
  const vocabulary = ["on", "when", "do", "disk=a", "lba=1..2", "every", "3", "50ms", "delay", "busy", "=", ",", "x"];
  const word = fc.oneof(fc.constantFrom(...vocabulary, ...Object.keys(EFFECTS)), fc.string({ maxLength: 8 }));
  const texts = fc.oneof(
    fc.array(word, { maxLength: 10 }).map((words) => words.join(" ")),
    fc.string(),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseFault(text);
      } catch (error) {
        if (!(error instanceof FaultTextError)) throw error;
        t.true(error.column >= 1 && error.column <= text.length + 1);
        t.false(/[\r\n]/.test(error.message));
      }
    }),
    { numRuns: 2000 },
  );
});

test("a fault means the same whatever the spaces between its words", (t) => {
  const parts = fc.record({
    disk: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
    first: fc.integer({ min: 1, max: 1e6 }),
    lba: fc.tuple(fc.nat(1e9), fc.nat(1e9)).map((ends) => ends.sort((a, b) => a - b)),
    gap: fc.stringMatching(/^[ \t]{1,3}$/),
  });
  fc.assert(
    fc.property(parts, ({ disk, first, lba: [from, to], gap }) => {
      const words = ["on", `disk=${disk}`, `lba=${from}..${to}`, "when", "first", String(first), "do", "busy"];
      const expected = {
        on: { disk: [disk], lba: [{ first: from, last: to }] },
        when: { first, seed: 0 },
        effect: { kind: "busy" },
      };
      t.deepEqual<object, object>(parseFault(words.join(gap)), expected);
      t.is(normalFault(` ${words.join(gap)} `), words.join(" "));
    }),
    { numRuns: 200 },
  );
});
