/**
 * Storage devices that other machines use too: page caches of two machines do not agree, so from
 * then on everybody goes past them (O_DIRECT), or such an agent is refused (docs/protocol.md, Lost agents).
 *
 * There is no way back: a page that this machine cached before may be old when it is read again.
 */
import type { ControllerCore } from "../core.ts";
import { Refusal } from "../user-error.ts";

const KEY = "lab";

export function isShared({ records }: Pick<ControllerCore, "records">): boolean {
  return records.sharing.get(KEY)?.direct ?? false;
}

/** Everybody goes past the page cache when this resolves. @throws Refusal where a device cannot be used so; nothing has changed then */
export async function shareDevices(core: ControllerCore): Promise<void> {
  if (isShared(core)) return;
  const done: (() => void)[] = [];
  try {
    for (const medium of core.media.values()) {
      medium.bypassCache?.(true);
      done.push(() => medium.bypassCache?.(false));
    }
    await core.records.sharing.save(core.options.store, KEY, { direct: true });
    done.push(() => core.records.sharing.learn(KEY, { direct: false }));
    await core.agents.everyone();
    refuseProblems(core);
  } catch (error) {
    for (const undo of done.reverse()) undo();
    await core.records.sharing.save(core.options.store, KEY, { direct: false });
    await core.agents.reconcile();
    throw error;
  }
}

function refuseProblems({ agents }: ControllerCore): void {
  const [problem] = agents.problems;
  if (problem === undefined) return;
  const [name, sentence] = problem;
  throw new Refusal(
    "direct",
    `An agent on another machine needs all agents to use the storage devices past the page cache, and agent '${name}' cannot: ${sentence}`,
  );
}
