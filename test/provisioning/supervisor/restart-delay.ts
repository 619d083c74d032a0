import test from "ava";
import { RestartDelay } from "sanlab/supervisor/restart-delay.ts";

test("the first restart follows at once, the next ones ever later, up to ten seconds", (t) => {
  const delay = new RestartDelay();
  const waits = Array.from({ length: 10 }, (_, turn) => {
    delay.started(turn * 1000);
    return delay.next(turn * 1000 + 10);
  });
  t.deepEqual(waits, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

test("a process that lived for a while is restarted at once again", (t) => {
  const delay = new RestartDelay();
  delay.started(0);
  delay.next(1);
  delay.next(2);
  delay.started(100);
  t.is(delay.next(10_100), 0);
});
