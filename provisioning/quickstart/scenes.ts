import { Listr } from "listr2";

/** One part of the show: what happens, and what there is to see of it afterwards, a line each. */
export interface Scene {
  readonly title: string;
  /** `say` tells what it is at. */
  readonly play: (say: (message: string) => void) => Promise<readonly string[]>;
}

/** Plays scenes in order: as a list that moves on a terminal, as plain lines anywhere else. Throws what a scene throws. */
export async function runScenes(scenes: readonly Scene[]): Promise<void> {
  if (process.stdout.isTTY === true) await onTerminal(scenes);
  else for (const scene of scenes) await asLines(scene);
}

async function asLines({ title, play }: Scene): Promise<void> {
  process.stdout.write(`${title}\n`);
  let last = "";
  const lines = await play((message) => {
    if (message !== last) process.stdout.write(`  ... ${message}\n`);
    last = message;
  });
  for (const line of lines) process.stdout.write(`  ${line}\n`);
}

async function onTerminal(scenes: readonly Scene[]): Promise<void> {
  const tasks = scenes.map(({ title, play }) => ({
    title,
    task: async (_: unknown, task: { title: string; output: string }) => {
      const lines = await play((message) => {
        task.output = message;
      });
      task.title = [title, ...lines.map((line) => `  ${line}`)].join("\n");
    },
  }));
  await new Listr(tasks, { concurrent: false, registerSignalListeners: false }).run();
}
