import test from "ava";
import { BusyPoll, MOMENT_MS } from "node-iscsi-target/iscsi/busy-poll.ts";

/** A loop whose turns take a hundredth of a moment while it is awake; asleep, it wakes for a request alone. */
function loop() {
  let nowMs = 0;
  let turn: (() => void) | undefined;
  let turns = 0;
  const poll = new BusyPoll({
    nowMs: () => nowMs,
    nextTurn: (callback) => {
      turn = callback;
    },
  });
  const pass = (ms: number) => {
    const until = nowMs + ms;
    while (turn !== undefined && nowMs < until) {
      const due = turn;
      turn = undefined;
      nowMs += MOMENT_MS / 100;
      turns += 1;
      due();
    }
    nowMs = Math.max(nowMs, until);
  };
  /** @returns how often the loop turned while it waited for this request */
  const request = (afterMs: number): number => {
    turns = 0;
    pass(afterMs);
    poll.heard();
    poll.served();
    return turns;
  };
  return { request, pass, isAwake: () => turn !== undefined };
}

test("the loop sleeps until requests have come soon for a while, and is awake for those that follow", (t) => {
  const { request, isAwake } = loop();
  t.false(isAwake());
  t.is(request(1), 0);
  t.is(request(MOMENT_MS / 2), 0, "one alone proves nothing");
  for (let count = 0; count < 40; count += 1) request(MOMENT_MS / 2);
  t.true(isAwake());
  t.true(request(MOMENT_MS / 2) > 40);
});

test("a load that ends is waited for a moment, and no longer", (t) => {
  const { request, pass, isAwake } = loop();
  for (let count = 0; count < 100; count += 1) request(MOMENT_MS / 2);
  pass(MOMENT_MS * 2);
  t.false(isAwake());
});

test("requests that come later than a moment let the loop sleep soon", (t) => {
  const { request, isAwake } = loop();
  for (let count = 0; count < 100; count += 1) request(MOMENT_MS / 2);
  for (let count = 0; count < 4; count += 1) request(MOMENT_MS * 3);
  t.false(isAwake());
  for (let count = 0; count < 100; count += 1) t.is(request(MOMENT_MS * 3), 0);
});

test("of requests that come late half of the time none is waited for", (t) => {
  const { request } = loop();
  for (let count = 0; count < 50; count += 1) {
    t.is(request(MOMENT_MS / 2), 0);
    t.is(request(MOMENT_MS * 3), 0);
  }
});
