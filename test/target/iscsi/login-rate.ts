import test from "ava";
import { LoginRate } from "node-iscsi-target/iscsi/login-rate.ts";
import { serve } from "../../helpers/served-target.ts";

test("an address may come as often as agreed in a second, and again as time passes", (t) => {
  const rate = new LoginRate(2);
  const at = (nowMs: number) => rate.admits("192.0.2.1", nowMs);
  t.deepEqual([at(5000), at(5000), at(5000)], [true, true, false]);
  t.deepEqual([at(5499), at(5500), at(5500)], [false, true, false]);
  t.deepEqual([at(60_000), at(60_000), at(60_000)], [true, true, false]);
});

test("an address does not use up what others may", (t) => {
  const rate = new LoginRate(1);
  t.true(rate.admits("192.0.2.1", 0));
  t.false(rate.admits("192.0.2.1", 0));
  t.true(rate.admits("192.0.2.2", 0));
});

test("one connection too many in a second is closed without a word, and those that are there go on", async (t) => {
  const { login, connect } = await serve(t, { limits: { loginsPerSecond: 2 } });
  const initiator = await login();
  await connect();
  await (await connect()).ended();
  initiator.command([0]);
  await t.notThrowsAsync(initiator.receive());
});
