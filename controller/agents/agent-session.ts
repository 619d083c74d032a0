/**
 * One incarnation of an agent as the controller talks to it within one epoch: messages numbered,
 * kept until acknowledged, repeated after a reconnection (docs/protocol.md, Messages).
 */

import { encodeFrame } from "node-iscsi-target/mapping/frame.ts";
import type { Ack, Envelope, NumberedMessage, ToAgent } from "node-iscsi-target/mapping/protocol.ts";

/** A numbered message before it has its envelope. */
export type Outgoing = WithoutEnvelope<NumberedMessage>;
type WithoutEnvelope<T> = T extends unknown ? Omit<T, keyof Envelope | "seq"> : never;

export interface Connection {
  send(message: ToAgent | Buffer): void;
  close(): void;
  /** It belongs to a session now, before anything is sent through it. */
  attached?(session: AgentSession): void;
  /** It comes from another machine, or may: whoever speaks through it cannot be killed. */
  readonly isFromElsewhere?: boolean;
}

/** How a message ended: the agent did it, has a device open that somebody must vouch for, could not (a sentence), or is fenced. */
export type Delivery = "done" | "unvouched" | "fenced" | { readonly error: string };

interface Unacknowledged {
  readonly message: ToAgent | Buffer;
  readonly resolve: (delivery: Delivery) => void;
}

export class AgentSession {
  readonly envelope: Envelope;
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  #connection: Connection | undefined;
  #seq = 0;
  #fenced = false;
  readonly #end = Promise.withResolvers<void>();
  readonly #onDetach: (session: AgentSession) => void;

  /** `onDetach`: the agent's connection is gone, and it has no other. */
  constructor(envelope: Envelope, onDetach: (session: AgentSession) => void = () => undefined) {
    this.envelope = envelope;
    this.#onDetach = onDetach;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }
  get fenced(): boolean {
    return this.#fenced;
  }
  /** Resolves when it is fenced. */
  get ended(): Promise<void> {
    return this.#end.promise;
  }

  attach(connection: Connection): void {
    this.#connection?.close();
    this.#connection = connection;
    connection.attached?.(this);
    for (const { message } of this.#unacknowledged.values()) connection.send(message);
  }

  detach(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#onDetach(this);
  }

  /** Numbers and sends; resolves when the agent has acknowledged, or is fenced. */
  deliver(outgoing: Outgoing, entries?: Uint32Array): Promise<Delivery> {
    if (this.#fenced) return Promise.resolve("fenced");
    this.#seq += 1;
    const numbered = { ...outgoing, ...this.envelope, seq: this.#seq } as NumberedMessage;
    const message = numbered.type === "chunk" ? encodeFrame(numbered, entries as Uint32Array) : numbered;
    return new Promise((resolve) => {
      this.#unacknowledged.set(this.#seq, { message, resolve });
      this.#connection?.send(message);
    });
  }

  /** Not numbered; lost where there is no connection. */
  say(message: ToAgent): void {
    this.#connection?.send(message);
  }

  acknowledged({ seq, error, unvouched }: Ack): void {
    const waiting = this.#unacknowledged.get(seq);
    this.#unacknowledged.delete(seq);
    waiting?.resolve(error === undefined ? (unvouched === true ? "unvouched" : "done") : { error });
  }

  /** The process is dead: what was not acknowledged never will be. */
  fence(): void {
    this.#fenced = true;
    this.#connection?.close();
    this.#connection = undefined;
    for (const { resolve } of this.#unacknowledged.values()) resolve("fenced");
    this.#unacknowledged.clear();
    this.#end.resolve();
  }
}
