/** Where the controller listens for agents and clients of other machines, over TLS. */
export interface RemoteRecord {
  /** Address to listen on. */
  readonly host: string;
  /** As asked for; 0: any free one, and the last one again where it is free. */
  readonly port: number;
  /** Addresses and host names under which it is reached; the first is what agents are told. */
  readonly names: readonly string[];
}

/** What the record of an agent says that serves under leases. */
export interface RemoteAgent {
  /** How long its leases run. */
  readonly leaseMs: number;
  /** SHA-256 of the token by which it is let in, hex; absent: it runs on the controller's machine, and needs none. */
  readonly tokenHash?: string;
}
