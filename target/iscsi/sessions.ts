/** The sessions of a target: which there are, who comes back to one, and which TSIH is free (RFC 7143 6.3.4, 6.3.5, 11.12.6). */
import type { Connection } from "./connection.ts";
import { type JoinedSession, LoginRefused, type SessionClaim } from "./login-policy.ts";
import { LoginStatus } from "./opcodes.ts";
import type { Session } from "./session.ts";

export class SessionTable {
  readonly #byTsih = new Map<number, Session>();
  /** The latest leading connection of each initiator port that has a session, or is about to. */
  readonly #leading = new Map<string, Connection>();
  #tsih = 0;

  [Symbol.iterator](): Iterator<Session> {
    return this.#byTsih.values();
  }

  get(tsih: number): Session | undefined {
    return this.#byTsih.get(tsih);
  }

  add(session: Session): void {
    this.#byTsih.set(Number(session.nexus.id), session);
  }

  /** @returns whether it was there */
  forget(session: Session): boolean {
    const { id, initiatorPort } = session.nexus;
    if (this.#leading.get(initiatorPort)?.session?.session === session) this.#leading.delete(initiatorPort);
    return this.#byTsih.get(Number(id)) === session && this.#byTsih.delete(Number(id));
  }

  newTsih(): number {
    do this.#tsih = (this.#tsih % 0xffff) + 1;
    while (this.#byTsih.has(this.#tsih));
    return this.#tsih;
  }

  /** The session that a claim names, where it takes this connection. A stranger's TSIH names none. @throws LoginRefused */
  join({ initiatorName, isid, tsih, cid }: SessionClaim): JoinedSession {
    const session = this.#byTsih.get(tsih);
    const isTheirs = session?.nexus.initiatorName === initiatorName && session.isid === isid;
    if (!isTheirs || session.hasEnded || session.discovery)
      throw new LoginRefused(LoginStatus.SESSION_DOES_NOT_EXIST, `there is no session of TSIH ${tsih}`);
    if (!session.hasRoomFor(cid))
      throw new LoginRefused(LoginStatus.TOO_MANY_CONNECTIONS, `the session of TSIH ${tsih} has all its connections`);
    return session;
  }

  /**
   * Session reinstatement: what the old session of an initiator port had under way ends first. Of
   * several that log in at once each waits for the one before it, which waits likewise.
   */
  async reinstate(initiatorPort: string, connection: Connection): Promise<void> {
    const earlier = this.#leading.get(initiatorPort);
    this.#leading.set(initiatorPort, connection);
    await earlier?.close();
    await earlier?.session?.session.close();
  }
}
