/** What a target tells its owner of what happens. */
import test from "ava";
import type { CommandRow } from "node-iscsi-target";
import { HOST, serve } from "../../helpers/served-target.ts";

test("each command is told of once, when it is answered, with its status and sense", async (t) => {
  const { target, login } = await serve(t);
  const initiator = await login();
  const rows: CommandRow[] = [];
  target.on("command", (row) => rows.push(row));
  initiator.command([0]);
  initiator.command([0x28, 0, 0, 0, 0, 0, 0, 0, 1], { readBytes: 512 });
  initiator.command([0xee], { lun: 0 });
  initiator.command([0x28], { lun: 5 });
  for (let count = 0; count < 4; count += 1) await initiator.receive();
  t.deepEqual(
    rows.map(({ opcode, lun, status }) => [opcode, lun, status]),
    [
      [0x00, 0, 0x00],
      [0x28, 0, 0x00],
      [0xee, 0, 0x02],
      [0x28, 5, 0x02],
    ],
  );
  t.deepEqual(
    rows.map(({ sense }) => sense?.[12]),
    [undefined, undefined, 0x20, 0x25],
  );
  const [session] = target.sessions();
  t.true(rows.every((row) => row.initiator === HOST && row.session === session?.id && row.cdb.length === 16));
});

test("who has stopped to listen hears of no more commands", async (t) => {
  const { target, login } = await serve(t);
  const initiator = await login();
  let heard = 0;
  const listener = () => {
    heard += 1;
  };
  target.on("command", listener);
  initiator.command([0]);
  await initiator.receive();
  target.off("command", listener);
  initiator.command([0]);
  await initiator.receive();
  t.is(heard, 1);
  target.once("command", listener);
  for (let count = 0; count < 2; count += 1) {
    initiator.command([0]);
    await initiator.receive();
  }
  t.is(heard, 2);
});
