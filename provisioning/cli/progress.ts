import { Listr, ListrLogger, ProcessOutput } from "listr2";
import { activity, type Step } from "../plan/step.ts";

interface Task {
  readonly step: Step;
  readonly begun: PromiseWithResolvers<void>;
  readonly ended: PromiseWithResolvers<void>;
  output: (text: string) => void;
}

/** Shows on stderr how steps go: as a list that moves on a terminal, as a line per step anywhere else. */
export class StepProgress {
  #tasks: Task[] = [];
  #display: Promise<unknown> = Promise.resolve();
  readonly #isTerminal = process.stderr.isTTY === true;

  /** Shows the steps to come. */
  expect(steps: readonly Step[]): void {
    const shown = steps.filter(({ kind }) => kind !== "record");
    if (!this.#isTerminal || shown.length === 0) return;
    this.#tasks = shown.map((step) => ({
      step,
      begun: Promise.withResolvers<void>(),
      ended: Promise.withResolvers<void>(),
      output: () => {},
    }));
    // The steps end of themselves: what is awaited here is only shown.
    for (const { begun, ended } of this.#tasks) for (const { promise } of [begun, ended]) promise.catch(() => {});
    const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
    const list = new Listr(
      this.#tasks.map((task) => ({
        title: activity(task.step),
        task: async (_: unknown, shown: { output: string }) => {
          task.output = (text) => {
            shown.output = text;
          };
          await task.begun.promise;
          await task.ended.promise;
        },
      })),
      { concurrent: false, renderer: "default", rendererOptions: { logger }, registerSignalListeners: false },
    );
    this.#display = list.run().catch(() => undefined);
  }

  begin(step: Step): void {
    this.#task(step)?.begun.resolve();
  }

  done(step: Step): void {
    if (this.#isTerminal) this.#task(step)?.ended.resolve();
    else if (step.kind !== "record") process.stderr.write(`- done: ${activity(step)}\n`);
  }

  say(message: string): void {
    const running = this.#tasks.findLast((task) => task.step === this.#running);
    if (running === undefined) process.stderr.write(`  ${message}\n`);
    else running.output(message);
  }

  async end(): Promise<void> {
    for (const { begun, ended } of this.#tasks) {
      begun.resolve();
      ended.resolve();
    }
    await this.#display;
  }

  async fail(): Promise<void> {
    const reason = new Error("not done");
    for (const { begun, ended } of this.#tasks) {
      begun.reject(reason);
      ended.reject(reason);
    }
    await this.#display;
  }

  #running: Step | undefined;

  #task(step: Step): Task | undefined {
    this.#running = step;
    return this.#tasks.find((task) => task.step === step);
  }
}
