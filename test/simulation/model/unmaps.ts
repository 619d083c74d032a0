/** Unmaps that are void as they come in, since an entry has changed since the agent looked: they are not carried out (rule 6). */
import type { ControllerCore } from "@sanlab/controller/core.ts";
import { chunkOf } from "@sanlab/controller/tables/layout.ts";
import type { ToController, UnmapResponse } from "node-iscsi-target/mapping/protocol.ts";
import { Violation } from "../engine/violation.ts";

export class Unmaps {
  /** Whether each was void when it came first, by agent, incarnation and request: a repeat comes after its effect. */
  readonly #isVoid = new Map<string, boolean>();

  /** A message comes in at the controller. */
  asked(agent: string, { tables }: ControllerCore, message: ToController): void {
    if (message.type !== "unmap") return;
    const key = `${agent} ${message.incarnation} ${message.request}`;
    const isVoid = message.generation < tables.generationOf(message.table, chunkOf(message.first));
    if (!this.#isVoid.has(key)) this.#isVoid.set(key, isVoid);
  }

  /** The controller says what has come of it. @throws Violation */
  answered(agent: string, { incarnation, request, table, outcome }: UnmapResponse): void {
    if (outcome === "done" && this.#isVoid.get(`${agent} ${incarnation} ${request}`) === true)
      throw new Violation("rule 6", `unmap ${request} of ${table} by ${agent} was void, and is carried out`);
  }
}
