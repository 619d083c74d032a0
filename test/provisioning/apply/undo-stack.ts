import test from "ava";
import { UndoStack } from "sanlab/apply/undo-stack.ts";

function recording() {
  const order: string[] = [];
  const undo = (name: string) => async () => void order.push(name);
  return { order, undo };
}

test("what was done last is taken back first", async (t) => {
  const { order, undo } = recording();
  const stack = new UndoStack();
  for (const name of ["one", "two", "three"]) stack.push(name, undo(name));
  t.deepEqual(await stack.undoAll(), []);
  t.deepEqual(order, ["three", "two", "one"]);
  t.deepEqual(await stack.undoAll(), []);
  t.is(order.length, 3, "once each");
});

test("what was forgotten or kept is not taken back", async (t) => {
  const { order, undo } = recording();
  const stack = new UndoStack();
  const forget = stack.push("one", undo("one"));
  stack.push("two", undo("two"));
  forget();
  await stack.undoAll();
  t.deepEqual(order, ["two"]);
  stack.push("three", undo("three"));
  stack.clear();
  await stack.undoAll();
  t.deepEqual(order, ["two"]);
});

test("one that cannot be taken back is told, and does not keep the others", async (t) => {
  const { order, undo } = recording();
  const stack = new UndoStack();
  stack.push("remove the pool", undo("pool"));
  stack.push("remove the disk", () => Promise.reject(new Error("it is in use\n    at somewhere")));
  stack.push("stop the agent", undo("agent"));
  t.deepEqual(await stack.undoAll(), ["could not remove the disk: it is in use"]);
  t.deepEqual(order, ["agent", "pool"]);
});
