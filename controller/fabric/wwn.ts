/** World-wide names: NAA 3h, locally assigned, 64 bits (FC-FS-3 15.3.4) for nodes and ports. */
import type { ControllerCore } from "../core.ts";
import type { WwnRecord } from "./records.ts";

/** "30:1a:…"; for people, and as switches write it. */
export function wwnText(wwn: string): string {
  return wwn.match(/../g)?.join(":") ?? wwn;
}

/** 16 or 32 hexadecimal digits out of "30:1a:…", "naa.301a…" or the digits alone; undefined where it is no such name. */
export function parseWwn(text: string): string | undefined {
  const digits = text
    .toLowerCase()
    .replace(/^naa\./, "")
    .replaceAll(":", "");
  return /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/.test(digits) ? digits : undefined;
}

/** Gives names to every host and agent that has none, each durably before anybody is told it. */
export async function nameNodes(core: ControllerCore): Promise<void> {
  const { hosts, agents, wwns } = core.records;
  const keys = [
    ...hosts.values().map(({ name }) => wwnKey("host", name)),
    ...agents.values().map(({ name }) => wwnKey("agent", name)),
  ];
  for (const key of keys) {
    if (wwns.has(key)) continue;
    const record: WwnRecord = { wwnn: fresh(core), wwpn: fresh(core) };
    await core.options.store.commit({ puts: [wwns.put(key, record), core.numbers()] });
    wwns.learn(key, record);
  }
}

export function wwnKey(kind: "host" | "agent", name: string): string {
  return `${kind}/${name}`;
}

/** 24 bits of the cluster keep the names of several labs apart; 36 bits of a number that is never used again. */
function fresh(core: ControllerCore): string {
  const cluster = core.lab.cluster.replaceAll("-", "").slice(0, 6);
  return `3${cluster}${core.nextNumber().toString(16).padStart(9, "0")}`;
}
