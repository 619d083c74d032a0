import { InvalidArgumentError, Option } from "commander";
import { integer } from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

/** What is done to a host's machine, whatever its guest makes of it. */
export const hostPowerVerbs: readonly Verb[] = [
  {
    usage: "kill <name>",
    summary: "Cut a guest's power: nothing is unmounted, and what its caches held is gone; it stays off",
    examples: ["sanlab host kill web"],
    run: async (context, [name]) => {
      const { cutHostPower } = await import("../../apply/host-steps.ts");
      await cutHostPower(context.state, await running(context, name));
      await context.print(
        { host: name, state: "stopped" },
        () => `The power of host '${name}' is cut; 'sanlab host start ${name}' starts it.`,
      );
    },
  },
  {
    usage: "reset <name>",
    summary: "Press a guest's reset button: it starts anew at once; returns when it sees its disks again",
    examples: ["sanlab host reset web", "sanlab host reset web --no-wait"],
    options: [new Option("--no-wait", "return at once")],
    run: async (context, [name], { wait }) => {
      const { resetHostWith } = await import("../../apply/host-power.ts");
      await resetHostWith(context, await running(context, name), { waits: wait !== false });
      await context.print({ host: name, state: "running" }, () => `Host '${name}' was reset.`);
    },
  },
  {
    usage: "pause <name>",
    summary: "Let a guest's processors stand still, while time and the SAN go on",
    examples: ["sanlab host pause web"],
    run: async (context, [name]) => {
      const { pauseHost } = await import("../../apply/host-power.ts");
      await pauseHost(context.state, await running(context, name));
      await context.print({ host: name, state: "paused" }, () => `Host '${name}' stands still.`);
    },
  },
  {
    usage: "resume <name>",
    summary: "Let a paused guest go on",
    examples: ["sanlab host resume web"],
    run: async (context, [name]) => {
      const { resumeHost } = await import("../../apply/host-power.ts");
      await resumeHost(context.state, await running(context, name));
      await context.print({ host: name, state: "running" }, () => `Host '${name}' goes on.`);
    },
  },
  {
    usage: "rescan <name>",
    summary:
      "Have a guest look at its disks anew: logins, disks that came or went, sizes; returns when all is as it should be",
    examples: ["sanlab host rescan web"],
    run: async (context, [name]) => {
      const { settleHostsWith } = await import("../../apply/visibility.ts");
      await settleHostsWith(context, [await running(context, name)]);
      await context.print({ host: name }, () => `Host '${name}' sees its disks.`);
    },
  },
  {
    usage: "link <name> <card> <state>",
    summary: "Pull the cable of a guest's network card (counted from 1), or put it back: up or down",
    examples: ["sanlab host link web 2 down", "sanlab host link web 2 up"],
    run: async (context, [name, card, state]) => {
      const { setHostLink } = await import("../../apply/host-power.ts");
      if (state !== "up" && state !== "down")
        throw new InvalidArgumentError(`Expected up or down, not '${String(state)}'.`);
      const number = integer(String(card));
      await setHostLink(context.state, await running(context, name), number, state === "up");
      await context.print(
        { host: name, card: number, link: state },
        () => `Card ${number} of host '${name}' is ${state}.`,
      );
    },
  },
];

/** The guest's name, where it runs. */
async function running(context: VerbContext, name: unknown): Promise<string> {
  const { runningGuest } = await import("../guest.ts");
  return runningGuest(context.state, String(name));
}
