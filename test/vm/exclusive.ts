import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { execa } from "execa";
import { tryExclusive, withExclusive } from "../../vm/exclusive.ts";

test("two callers never work at the same time", async (t) => {
  const name = randomUUID();
  let working = 0;
  let waits = 0;
  const work = async () => {
    working += 1;
    t.is(working, 1);
    await delay(30);
    working -= 1;
  };
  const onWait = () => {
    waits += 1;
  };
  await Promise.all([1, 2, 3].map(() => withExclusive(name, onWait, work)));
  t.is(waits, 2);
});

test("work that fails lets go of its lock", async (t) => {
  const name = randomUUID();
  const failing = withExclusive(name, t.fail, () => Promise.reject(new Error("no")));
  await t.throwsAsync(failing, { message: "no" });
  const use = await tryExclusive(name);
  t.truthy(use);
  use?.release();
});

test("the lock of a process that was killed is free at once", async (t) => {
  const name = randomUUID();
  const script = `
    import { tryExclusive } from ${JSON.stringify(import.meta.resolve("@sanlab/vm/exclusive.ts"))};
    await tryExclusive(process.argv[1]);
    console.log("locked");
    setInterval(() => {}, 1000);
  `;
  const holder = execa(process.execPath, ["--input-type=module", "--eval", script, name], { reject: false });
  t.teardown(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  t.is(await tryExclusive(name), undefined);
  holder.kill("SIGKILL");
  await holder;
  const use = await tryExclusive(name);
  t.truthy(use);
  use?.release();
});
