/**
 * What every store promises (`controller/store/store.ts`), for any implementation and any test runner: each
 * check throws where the promise is broken. `open` opens one more client of one store, empty at first; as
 * far as the store can be reached from several processes, of another process's kind.
 */
import assert from "node:assert/strict";
import {
  leaseKey,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEYS,
  type Store,
  TransactionTooLarge,
  termValue,
} from "@sanlab/controller/store/store.ts";
import { bytes, Listener, text } from "./store-listener.ts";

export interface StoreCheck {
  readonly title: string;
  readonly run: (open: () => Promise<Store>) => Promise<void>;
}

export const STORE_CHECKS: readonly StoreCheck[] = [
  { title: "gives what was put, until it is put again or deleted", run: putAndDelete },
  { title: "lists the keys of a prefix in their order, and no others", run: ranges },
  { title: "lists everything for the empty prefix", run: wholeRange },
  { title: "does all of a transaction whose comparisons hold, and nothing of another", run: comparisons },
  { title: "keeps its own copy of what it was given, and gives copies", run: copies },
  { title: "has any bytes as values, and keys of any script", run: anyBytes },
  { title: "shows each client at once what another has committed", run: clients },
  { title: "lets one of two win that compare the same value", run: races },
  { title: "lists a range as it is at one instant, although others commit", run: instants },
  { title: "shows in a view what it held at its instant, although others commit", run: views },
  { title: "takes the largest transaction there may be", run: largest },
  { title: "refuses a larger one, and does nothing of it", run: tooLarge },
  { title: "tells whoever watches of each key's last state, and of no other keys", run: watches },
  { title: "tells whoever watches what another client changed", run: watchesOthers },
  { title: "tells nobody anything whose watch has ended", run: endedWatches },
  { title: "gives a lease to one client at a time, with terms that grow", run: leases },
  { title: "gives leases of other names meanwhile", run: otherLeases },
  { title: "gives the lease of a client that has ended to the next", run: endedLeases },
  { title: "stores the term of a lease, so that who has lost it commits nothing", run: fencing },
];

async function putAndDelete(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  assert.equal(await store.get("a"), undefined);
  assert.equal(await store.commit({ puts: [["a", bytes("1")] as const, ["b", bytes("")] as const] }), true);
  assert.equal(text(await store.get("a")), "1");
  assert.equal(text(await store.get("b")), "");
  assert.equal(await store.commit({ puts: [["a", bytes("2")]], deletes: ["b", "never there"] }), true);
  assert.equal(text(await store.get("a")), "2");
  assert.equal(await store.get("b"), undefined);
  assert.equal(await store.commit({}), true);
}

async function ranges(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  const keys = ["disk/b", "disk/a", "disk", "disk0", "disk/a/x", "e", "disk/\u00fc", "disk/\u{1f4be}"];
  await store.commit({ puts: keys.map((key) => [key, bytes(key)] as const) });
  const found = await store.range("disk/");
  assert.deepEqual(
    found.map(([key]) => key),
    ["disk/a", "disk/a/x", "disk/b", "disk/\u00fc", "disk/\u{1f4be}"],
  );
  assert.ok(found.every(([key, value]) => text(value) === key));
  assert.deepEqual(await store.range("f"), []);
}

async function wholeRange(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  const keys = ["a", "b/1", "b/2", "z"];
  await store.commit({ puts: keys.map((key) => [key, bytes(key)] as const) });
  assert.deepEqual(
    (await store.range("")).map(([key]) => key),
    keys,
  );
}

async function comparisons(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  await store.commit({ puts: [["a", bytes("1")]] });
  const puts = [["b", bytes("2")]] as const;
  const wrong = [
    [["a", bytes("0")]],
    [["a", undefined]],
    [["c", bytes("")]],
    [["a", bytes("1")] as const, ["c", bytes("x")] as const],
  ] as const;
  for (const compares of wrong) {
    assert.equal(await store.commit({ compares, puts, deletes: ["a"] }), false);
    assert.equal(text(await store.get("a")), "1");
    assert.equal(await store.get("b"), undefined);
  }
  const right = [["a", bytes("1")] as const, ["c", undefined] as const];
  assert.equal(await store.commit({ compares: right, puts, deletes: ["a"] }), true);
  assert.equal(await store.get("a"), undefined);
  assert.equal(text(await store.get("b")), "2");
}

async function copies(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  const given = bytes("one");
  await store.commit({ puts: [["a", given]] });
  given.fill(0);
  const got = await store.get("a");
  assert.equal(text(got), "one");
  got?.fill(0);
  const [row] = await store.range("a");
  row?.[1].fill(0);
  assert.equal(text(await store.get("a")), "one");
}

async function anyBytes(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await store.commit({ puts: [["\u00e9/\u4e2d/ '%_", all]] });
  assert.deepEqual(Uint8Array.from((await store.get("\u00e9/\u4e2d/ '%_")) ?? []), all);
  assert.deepEqual(await store.range("_"), []);
}

async function clients(open: () => Promise<Store>): Promise<void> {
  const [one, two] = [await open(), await open()];
  for (let round = 0; round < 5; round += 1) {
    await one.commit({ puts: [["a", bytes(String(round))]] });
    assert.equal(text(await two.get("a")), String(round));
    await two.commit({ deletes: ["a"] });
    assert.equal(await one.get("a"), undefined);
  }
}

async function races(open: () => Promise<Store>): Promise<void> {
  const stores = [await open(), await open()];
  for (let round = 0; round < 10; round += 1) {
    const before = await stores[0]?.get("a");
    const won = await Promise.all(
      stores.map((store, at) => store.commit({ compares: [["a", before]], puts: [["a", bytes(`${round} ${at}`)]] })),
    );
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal(text(await stores[0]?.get("a")), `${round} ${won.indexOf(true)}`);
  }
}

async function instants(open: () => Promise<Store>): Promise<void> {
  const [one, two] = [await open(), await open()];
  const keys = Array.from({ length: 200 }, (_, at) => `k/${String(at).padStart(3, "0")}`);
  const write = (round: number) => one.commit({ puts: keys.map((key) => [key, bytes(String(round))] as const) });
  await write(0);
  const reading = Promise.all(Array.from({ length: 10 }, () => two.range("k/")));
  for (let round = 1; round < 10; round += 1) await write(round);
  for (const rows of await reading) assert.equal(new Set(rows.map(([, value]) => text(value))).size, 1);
}

async function views(open: () => Promise<Store>): Promise<void> {
  const [store, other] = [await open(), await open()];
  await store.commit({ puts: ["a/1", "a/2", "b"].map((key) => [key, bytes(key)] as const) });
  const view = await store.view();
  await other.commit({ puts: [["a/1", bytes("later")] as const, ["a/3", bytes("later")] as const], deletes: ["a/2"] });
  assert.equal(text(await view.get("a/1")), "a/1");
  assert.equal(text(await view.get("a/2")), "a/2");
  assert.equal(await view.get("a/3"), undefined);
  assert.deepEqual(await view.keys("a/"), ["a/1", "a/2"]);
  assert.deepEqual(await view.keys(""), ["a/1", "a/2", "b"]);
  assert.deepEqual(
    (await view.range("a/")).map(([key, value]) => [key, text(value)]),
    [
      ["a/1", "a/1"],
      ["a/2", "a/2"],
    ],
  );
  await view.close();
  const after = await other.view();
  assert.deepEqual(await after.keys("a/"), ["a/1", "a/3"]);
  assert.equal(text(await store.get("a/1")), "later");
  await after.close();
}

async function largest(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  const keyBytes = 8;
  const value = new Uint8Array(8192 - keyBytes).fill(7);
  const keys = Array.from(
    { length: MAX_TRANSACTION_BYTES / 8192 },
    (_, at) => `k${String(at).padStart(keyBytes - 1, "0")}`,
  );
  assert.equal(await store.commit({ puts: keys.map((key) => [key, value] as const) }), true);
  assert.equal((await store.range("k")).length, keys.length);
  const many = Array.from({ length: MAX_TRANSACTION_KEYS - keys.length }, (_, at) => `d${at}`);
  assert.equal(await store.commit({ deletes: [...many, ...keys] }), true);
  assert.deepEqual(await store.range(""), []);
}

async function tooLarge(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  const half = new Uint8Array(MAX_TRANSACTION_BYTES / 2);
  const many = Array.from({ length: MAX_TRANSACTION_KEYS }, (_, at) => `d${at}`);
  const transactions = [
    { puts: [["a", half] as const, ["b", half] as const] },
    { compares: [["a", half] as const], puts: [["b", half] as const] },
    { puts: [["a", half] as const], deletes: many },
  ];
  for (const transaction of transactions) {
    await assert.rejects(store.commit(transaction), TransactionTooLarge);
    assert.deepEqual(await store.range(""), []);
  }
}

async function watches(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  await store.commit({ puts: [["w/a", bytes("0")] as const, ["w/b", bytes("0")] as const] });
  const [all, one] = [new Listener(), new Listener()];
  store.watch("w/", all.hear);
  store.watch("w/b", one.hear);
  await store.commit({ puts: [["w/a", bytes("1")] as const, ["x", bytes("1")] as const] });
  await store.commit({ puts: [["w/a", bytes("2")] as const, ["w/c", bytes("2")] as const], deletes: ["w/b"] });
  await store.commit({ compares: [["x", undefined]], puts: [["w/d", bytes("no")]] });
  await all.until("w/a", "2");
  await all.until("w/c", "2");
  await all.until("w/b", undefined);
  await one.until("w/b", undefined);
  assert.deepEqual([...all.last.keys()].sort(), ["w/a", "w/b", "w/c"]);
  assert.deepEqual([...one.last.keys()], ["w/b"]);
}

async function watchesOthers(open: () => Promise<Store>): Promise<void> {
  const [one, two] = [await open(), await open()];
  await one.commit({ puts: [["w/gone", bytes("0")]] });
  const listener = new Listener();
  two.watch("w/", listener.hear);
  await one.commit({ puts: [["w/a", bytes("1")]], deletes: ["w/gone"] });
  await listener.until("w/a", "1");
  await listener.until("w/gone", undefined);
  await one.commit({ puts: [["w/a", bytes("2")]] });
  await listener.until("w/a", "2");
}

async function endedWatches(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  const [ended, stays] = [new Listener(), new Listener()];
  const end = store.watch("w/", ended.hear);
  store.watch("w/", stays.hear);
  end();
  await store.commit({ puts: [["w/a", bytes("1")]] });
  await stays.until("w/a", "1");
  assert.equal(ended.calls, 0);
}

async function leases(open: () => Promise<Store>): Promise<void> {
  const [one, two] = [await open(), await open()];
  const first = await one.lease("owner");
  assert.ok(first !== undefined && first.term > 0);
  assert.equal(await two.lease("owner"), undefined);
  assert.equal(await one.lease("owner"), undefined, "not twice to one client either");
  await first.release();
  const second = await two.lease("owner");
  assert.ok(second !== undefined && second.term > first.term);
  assert.equal(await one.lease("owner"), undefined);
}

async function otherLeases(open: () => Promise<Store>): Promise<void> {
  const [one, two] = [await open(), await open()];
  assert.notEqual(await one.lease("owner"), undefined);
  assert.notEqual(await two.lease("other"), undefined);
}

async function endedLeases(open: () => Promise<Store>): Promise<void> {
  const [one, two] = [await open(), await open()];
  const first = await one.lease("owner");
  await one.close();
  const second = await two.lease("owner");
  assert.ok(second !== undefined && second.term > (first?.term ?? 0));
}

async function fencing(open: () => Promise<Store>): Promise<void> {
  const [one, two] = [await open(), await open()];
  const first = await one.lease("owner");
  const mine = [[leaseKey("owner"), termValue(first?.term ?? 0)]] as const;
  assert.equal(await one.commit({ compares: mine, puts: [["a", bytes("1")]] }), true);
  const listener = new Listener();
  one.watch(leaseKey("owner"), listener.hear);
  await first?.release();
  const second = await two.lease("owner");
  assert.equal(await one.commit({ compares: mine, puts: [["a", bytes("2")]] }), false);
  assert.equal(text(await two.get("a")), "1");
  await listener.until(leaseKey("owner"), text(termValue(second?.term ?? 0)));
}
