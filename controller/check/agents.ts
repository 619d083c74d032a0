/**
 * The tables at the agents against the controller's (get_entry). An agent may know less of a table, and
 * may have Nw where nothing stands behind it any more, but no other place, and no weaker state. Asked in
 * the turn of the family, in which nobody is told anything new; what an agent was told before, it has
 * heard before it is asked.
 */
import { CHUNK_ENTRIES, type Entry, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { decodeEntry } from "node-iscsi-target/mapping/mapping-table.ts";
import { crc32c } from "node-iscsi-target/wire/crc32c.ts";
import type { ControllerCore } from "../core.ts";
import type { Family } from "../families/family.ts";
import { finishCopies } from "../families/round.ts";
import type { AgentRecord, DiskRecord } from "../records.ts";
import { askAgents } from "../server/questions.ts";
import type { Edit } from "../tables/edit.ts";
import { bytes } from "../tables/layout.ts";
import { auditUnits, type ShownUnit } from "./agent-units.ts";
import { Findings, type Problem } from "./problem.ts";

/** Chunks that one question is about, so that faults do not wait long for a family's turn. */
const CHUNKS_AT_ONCE = 256;

export interface Audit {
  readonly problems: readonly Problem[];
  readonly unheard: readonly string[];
}

/** `repair`: entries that are not as they must be are forgotten by the agent, drained. */
export async function auditAgents(core: ControllerCore, repair: boolean): Promise<Audit> {
  const findings = new Findings();
  const unheard = new Set<string>();
  for (const record of core.records.agents.values()) {
    if (!(await new AgentAudit(core, record, findings, repair).run())) unheard.add(record.name);
  }
  return { problems: findings.problems, unheard: [...unheard] };
}

class AgentAudit {
  readonly #core: ControllerCore;
  readonly #record: AgentRecord;
  readonly #findings: Findings;
  readonly #repair: boolean;

  constructor(core: ControllerCore, record: AgentRecord, findings: Findings, repair: boolean) {
    this.#core = core;
    this.#record = record;
    this.#findings = findings;
    this.#repair = repair;
  }

  /** False where the agent did not answer; one that has surely ended has nothing. */
  async run(): Promise<boolean> {
    const { name, tables: before, ended, incarnation } = this.#record;
    if (ended === true || incarnation === 0) return true;
    const tables = (await this.#ask({ what: "tables" })) as readonly string[] | undefined;
    if (tables === undefined) return false;
    const now = this.#core.records.agents.get(name)?.tables ?? [];
    for (const table of tables) {
      // What it gets is on record before, and until it has given it back.
      if (!before.includes(table) && !now.includes(table)) await this.#stray(table);
      else if (!(await this.#table(table))) return false;
    }
    const units = (await this.#ask({ what: "units" })) as readonly ShownUnit[] | undefined;
    if (units === undefined) return false;
    await auditUnits(this.#core, name, units, this.#findings, this.#repair);
    return true;
  }

  async #stray(table: string): Promise<void> {
    const { name } = this.#record;
    this.#findings.add(
      "agent-table",
      `Agent '${name}' has table ${table}, which it was not given.`,
      "The table is taken from it.",
    );
    if (this.#repair) await this.#core.agents.toAgent(name, { type: "delete_table", table });
  }

  async #table(table: string): Promise<boolean> {
    const family = this.#core.families.of(table);
    if (family === undefined) return true;
    const chunks = Math.ceil(segmentsOf(this.#core, table) / CHUNK_ENTRIES);
    for (let first = 0; first < chunks; first += CHUNKS_AT_ONCE) {
      if (!(await family.run(() => this.#chunks(family, table, first)))) return false;
    }
    return true;
  }

  /** In the family's turn. */
  async #chunks(family: Family, table: string, first: number): Promise<boolean> {
    const disk = this.#core.families.disk(table);
    if (disk === undefined) return true;
    const copies = this.#core.records.copies.get(family.id);
    if (copies !== undefined) await finishCopies(this.#core, family, copies);
    const known = await this.#ask({ what: "chunks", table, first, count: CHUNKS_AT_ONCE });
    if (known === undefined) return false;
    const edit = this.#core.edit(family);
    for (const [chunk, digest] of (known ?? []) as readonly [number, number][]) {
      await edit.load(chunk);
      if (crc32c([bytes(edit.wire(table, chunk))]) === digest) continue;
      if (!(await this.#entries(edit, disk, chunk))) return false;
    }
    return true;
  }

  async #entries(edit: Edit, disk: DiskRecord, chunk: number): Promise<boolean> {
    const { table, name: diskName } = disk;
    const first = chunk * CHUNK_ENTRIES;
    const count = Math.min(CHUNK_ENTRIES, segmentsOf(this.#core, table) - first);
    const theirs = (await this.#ask({ what: "entries", table, first, count })) as readonly Entry[] | null | undefined;
    if (theirs === undefined) return false;
    if (theirs === null) return true;
    const wire = edit.wire(table, chunk);
    const wrong: number[] = [];
    for (const [at, entry] of theirs.entries()) {
      const ours = decodeEntry(wire[at * 2] as number, wire[at * 2 + 1] as number);
      const difference = differenceOf(entry, ours);
      if (difference === undefined) continue;
      wrong.push(first + at);
      const of = `Disk '${diskName}' at agent '${this.#record.name}'`;
      this.#findings.segment("agent-entry", of, first + at, difference, "The agent forgets it, and asks again.");
    }
    if (this.#repair) await this.#forget(table, wrong);
    return true;
  }

  /** With the blocking flag: what went on by these entries has ended. */
  async #forget(table: string, segments: readonly number[]): Promise<void> {
    const runs = [{ count: 1, states: EntryState.INVALID }];
    const { generation } = this.#core.tables;
    for (const first of segments) {
      const message = { type: "set_entry", table, first, runs, blocking: true, generation } as const;
      await this.#core.agents.toAgent(this.#record.name, message);
    }
  }

  /** Undefined where it does not answer. */
  async #ask(ask: Parameters<typeof askAgents>[2]): Promise<unknown> {
    const [answer] = await askAgents(this.#core, [this.#record.name], ask);
    return answer?.result;
  }
}

function segmentsOf({ records, families }: ControllerCore, table: string): number {
  const disk = families.disk(table);
  const pool = disk && records.pools.get(disk.pool);
  return disk === undefined || pool === undefined ? 0 : Math.ceil(disk.sizeBytes / pool.segmentBytes);
}

/** What an agent's entry is, where it lets I/O through that the controller's does not, or keeps from it what it should not. */
export function differenceOf(theirs: Entry, ours: Entry): string | undefined {
  if (theirs.error !== undefined || ours.error !== undefined) {
    if (theirs.invalid === true && theirs.error === undefined) return undefined;
    if (ours.error === undefined) return "fails there, and not by the table";
    return sameSense(theirs, ours) ? undefined : "should fail by the table, and does not do so there";
  }
  if (theirs.invalid === true) return undefined;
  if (theirs.zero === true || ours.zero === true) {
    if (theirs.zero === ours.zero) return undefined;
    return theirs.zero === true ? "zero there, and mapped by the table" : "mapped there, and zero by the table";
  }
  const [there, here] = [theirs.location, ours.location];
  if (there?.device !== here?.device || there?.segment !== here?.segment)
    return "at another place there than by the table";
  return ours.noWrite === true && theirs.noWrite !== true ? "takes writes there, which it must not" : undefined;
}

function sameSense({ error: a }: Entry, { error: b }: Entry): boolean {
  return a?.senseKey === b?.senseKey && a?.asc === b?.asc && a?.ascq === b?.ascq;
}
