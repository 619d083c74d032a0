/** `sanlab target --limit`. */
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { UserError } from "node-iscsi-target";
import { parseLimits } from "sanlab/target/limit-option.ts";
import { startTarget } from "../../helpers/target-command.ts";

test("the target keeps to the limits that it was given", async (t) => {
  const target = await startTarget("mem,size=16MiB", ["--limit", "connections=1", "--limit", "loginTimeMs=60000"]);
  t.teardown(() => target.close());
  const { hostname, port } = new URL(target.url.replace("iscsi:", "http:"));
  const [first, second] = [connect(Number(port), hostname), connect(Number(port), hostname)];
  t.teardown(() => [first, second].forEach((socket) => void socket.destroy()));
  await Promise.race([once(first, "close"), once(second, "close")]);
  t.is([first, second].filter(({ closed }) => closed).length, 1, "there is room for one, and the other is closed");
});

test("what is no limit is refused in a sentence, and nothing is made", async (t) => {
  const limits = parseLimits(["connections=64", "loginTimeMs=5000"]);
  t.like(limits, { connections: 64, loginTimeMs: 5000, tasksPerSession: 128 });
  for (const text of ["connections", "connections=", "connections=many", "=3", "connections=-1"]) {
    t.throws(() => parseLimits([text]), { instanceOf: UserError, message: /expected NAME=NUMBER, such as/ });
  }
  const image = join(tmpdir(), `sanlab-refused-${process.pid}.img`);
  const refused = startTarget(`${image},size=16MiB`, ["--limit", "patience=3"]);
  await t.throwsAsync(refused, { message: /There is no limit patience/ });
  await t.throwsAsync(stat(image), { code: "ENOENT" }, "nothing is made where something is refused");
});
