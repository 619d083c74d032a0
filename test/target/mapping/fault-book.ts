/** Faults under way, and who waits for which. */
import test from "ava";
import { FaultBook, type OpenFault } from "node-iscsi-target/mapping/fault-book.ts";

const POOL_FULL = { senseKey: 0x7, asc: 0x27, ascq: 0x07 };

function book(): { faults: FaultBook; sent: OpenFault[] } {
  const sent: OpenFault[] = [];
  let number = 0;
  const next = () => {
    number += 1;
    return number;
  };
  return { faults: new FaultBook(next, (fault) => sent.push(fault)), sent };
}

test("a read that waited with a write does not fail because that had no room, and asks for itself", async (t) => {
  const { faults, sent } = book();
  const [write, read] = [faults.wait([3], "write"), faults.wait([3], "read")];
  t.is(sent.length, 1);
  faults.answer(1, POOL_FULL);
  t.deepEqual(await write, POOL_FULL);
  t.is(await read, "retry");
});

test("what is said of the whole table counts for reads that wait with writes", async (t) => {
  const { faults } = book();
  const unavailable = { senseKey: 0x2, asc: 0x04, ascq: 0x0c };
  const waiting = [faults.wait([3], "write"), faults.wait([3], "read")];
  faults.answerAll(unavailable);
  t.deepEqual(await Promise.all(waiting), [unavailable, unavailable]);
});
