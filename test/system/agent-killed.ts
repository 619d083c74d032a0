/** Issue "What it must withstand": kill -9 of an agent while a guest writes. */
import test from "ava";
import { assertWrittenFilesAreThere, startWriting, stopWriting } from "../helpers/guest-writer.ts";
import { eventually, guest, labOf, testLab } from "../helpers/lab.ts";

test("an agent that is killed while a guest writes comes back, and loses nothing that was acknowledged", async (t) => {
  t.timeout(240_000);
  const lab = await testLab(t);
  await lab.up(labOf({ hosts: { web: guest() } }));
  await startWriting(lab, "web");

  for (const _round of [1, 2]) {
    const before = (await lab.agents())[0];
    process.kill(before?.pid as number, "SIGKILL");
    await eventually("the agent runs again under another pid", async () => {
      const now = (await lab.agents())[0];
      return now?.state === "connected" && now.pid !== before?.pid;
    });
    await eventually("the guest goes on writing", () => writesOn(lab));
  }

  await stopWriting(lab, "web");
  await assertWrittenFilesAreThere(t, lab, "web");
});

async function writesOn(lab: Awaited<ReturnType<typeof testLab>>): Promise<boolean> {
  const count = async () => Number(await lab.guest("web", "wc -l < /run/written"));
  const before = await count();
  await new Promise((resolve) => setTimeout(resolve, 500));
  return (await count()) > before;
}
