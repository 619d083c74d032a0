/** Segments that an agent has to itself, by the messages that it sends about them. */
import test from "ava";
import { type ExclusionMessage, Exclusions } from "node-iscsi-target/mapping/exclusions.ts";

test("what was asked of the controller before keeps what is asked for alone waiting, where two units meet, until its command is over", async (t) => {
  let number = 0;
  const exclusions = new Exclusions(
    () => {
      number += 1;
      return number;
    },
    () => undefined,
  );
  for (const unit of ["one", "two"]) exclusions.shownBy(unit);
  const granted: string[] = [];
  const ask = async (name: string, segment: number) => {
    const exclusion = await exclusions.request(segment, 1, { cancelled: false, onCancel: undefined });
    granted.push(name);
    return exclusion;
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const asked = [ask("first", 0), ask("second", 0)] as const;
  exclusions.setAlone(true);
  const alone = ask("third", 0);
  void ask("elsewhere", 1);
  await turn();
  t.deepEqual(granted, ["elsewhere"], "the controller grants the others when it comes to them");
  for (const [at, name] of ["first", "second"].entries()) {
    exclusions.excluded(1 + at);
    await turn();
    t.is(granted.at(-1), name);
    (await asked[at])?.end();
    exclusions.readmitted(1 + at);
  }
  await turn();
  t.deepEqual(granted, ["elsewhere", "first", "second", "third"]);
  (await alone)?.end();
});

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
