/** Segments that an agent has to itself, by the messages that it sends about them. */
import test from "ava";
import { type ExclusionMessage, Exclusions } from "node-iscsi-target/mapping/exclusions.ts";

test("segments that are granted though nobody asks for them any more are given back, until that is acknowledged", async (t) => {
  const sent: ExclusionMessage[] = [];
  let number = 0;
  const exclusions = new Exclusions(
    () => {
      number += 1;
      return number;
    },
    (message) => sent.push(message),
  );
  const asked = exclusions.request(0, 1, { cancelled: false, onCancel: undefined });
  exclusions.excluded(1);
  (await asked)?.end();
  exclusions.readmitted(1);
  // The message that asked for it is there a second time.
  exclusions.excluded(1);
  exclusions.repeat();
  exclusions.readmitted(1);
  exclusions.repeat();
  const readmit = { type: "readmit", request: 1 } as const;
  t.deepEqual(sent, [{ type: "exclude", request: 1, first: 0, count: 1 }, readmit, readmit, readmit]);
});
