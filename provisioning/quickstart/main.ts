/** `npm start`: brings up examples/quickstart.yaml, shows a guest that stores a file through the SAN, and leaves it running. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ApiClient } from "../api/client.ts";
import { up } from "../apply/up.ts";
import { interruptSignal } from "../cli/interrupt.ts";
import { endWith } from "../cli/main.ts";
import { cacheDirectory } from "../hosts/start.ts";
import { activity } from "../plan/step.ts";
import { UserError } from "../user-error.ts";
import { demonstrate } from "./demonstration.ts";
import { runScenes, type Scene } from "./scenes.ts";

const LAB_FILE = fileURLToPath(new URL("../../examples/quickstart.yaml", import.meta.url));

const NEXT = `  npx sanlab status                 what runs
  npx sanlab disk map data          where each segment of the disk lies
  npx sanlab host console web       a shell in the guest (Ctrl-] leaves)
  npx sanlab agent kill a           and the guest goes on through the other agent
  npx sanlab down                   stop it all; 'npm start' brings it back with its data
`;

await endWith(async () => {
  const state = resolve(process.env.SANLAB_STATE ?? ".sanlab");
  const signal = interruptSignal();
  const startMs = performance.now();
  const bringUp: Scene = {
    title: "Bring up examples/quickstart.yaml",
    play: async (say) => {
      const hooks = { onBegin: (step: Parameters<typeof activity>[0]) => say(activity(step)) };
      const plan = await up({ state, labFile: LAB_FILE, cacheDir: cacheDirectory(), signal, say, hooks });
      return plan.steps.some(({ kind }) => kind === "create-pool") ? [] : ["it was there from an earlier run"];
    },
  };
  await runScenes([bringUp]);
  try {
    await runScenes(demonstrate({ state, api: new ApiClient(state, signal), signal }));
  } catch (error) {
    if (!signal.aborted) throw error;
    const sentence = "Interrupted: the lab goes on running, and 'npx sanlab down' stops it.";
    throw new UserError("INTERRUPTED", sentence, { cause: error });
  }
  const seconds = Math.round((performance.now() - startMs) / 1000);
  process.stdout.write(`\nThe lab is running (${seconds} s). Try next:\n${NEXT}`);
  return 0;
});
