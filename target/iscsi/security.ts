/**
 * The security stage of one login (RFC 7143 6.3.2, 12.1):
 *
 *     open ──AuthMethod=None──▶ passed
 *       └────AuthMethod=CHAP──▶ chosen ──CHAP_A──▶ challenged ──CHAP_N, CHAP_R──▶ passed
 *
 * What fails is answered with "authentication failure", whatever it was: an initiator learns
 * neither which names exist nor which half was wrong.
 */
import { CHAP_ALGORITHMS, type ChapCredentials, chapResponse, formatBinary, parseBinary, sameBytes } from "./chap.ts";
import { LoginRefused } from "./login-policy.ts";
import { LoginStatus } from "./opcodes.ts";
import type { Pair } from "./text.ts";

type State =
  | { readonly kind: "open" }
  | { readonly kind: "chosen" }
  | { readonly kind: "challenged"; readonly algorithm: string; readonly identifier: number; readonly challenge: Buffer }
  | { readonly kind: "passed" };

export class Security {
  readonly #credentials: ChapCredentials | undefined;
  readonly #random: (bytes: number) => Buffer;
  #state: State = { kind: "open" };

  /** @throws LoginRefused where the credentials are such that nothing could be proven by them. */
  constructor(credentials: ChapCredentials | undefined, random: (bytes: number) => Buffer) {
    this.#credentials = credentials;
    this.#random = random;
    const mutual = credentials?.mutual;
    if (mutual && sameBytes(mutual.secret, credentials.secret))
      throw new LoginRefused(LoginStatus.TARGET_ERROR, "the CHAP secrets of the two directions are the same");
  }

  /** Whether the initiator may leave the security stage. */
  get passed(): boolean {
    return this.#state.kind === "passed" || (this.#credentials === undefined && this.#state.kind === "open");
  }

  /** Whether there is something to wait for: an initiator that has begun to prove itself. */
  get begun(): boolean {
    return this.#state.kind !== "open";
  }

  /** Answers the security keys of one text. @throws LoginRefused */
  answer(pairs: readonly Pair[]): Pair[] {
    const keys = new Map(pairs);
    if (keys.size !== pairs.length) throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "a security key came twice");
    const replies: Pair[] = [];
    for (const { key, state, answer } of STEPS) {
      const value = keys.get(key);
      if (value === undefined) continue;
      if (this.#state.kind !== state) throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `${key} came out of turn`);
      replies.push(...answer(this, value, keys));
    }
    return replies;
  }

  /** 13.1: of the methods offered, the one that is asked for here. */
  chooseMethod(offer: string): Pair[] {
    const method = this.#credentials === undefined ? "None" : "CHAP";
    if (!offer.split(",").includes(method)) throw failed(`AuthMethod=${method} was not offered`);
    this.#state = { kind: method === "CHAP" ? "chosen" : "passed" };
    return [["AuthMethod", method]];
  }

  challenge(offer: string): Pair[] {
    const algorithm = offer.split(",").find((value) => CHAP_ALGORITHMS.has(value));
    if (algorithm === undefined) throw failed("no common CHAP algorithm");
    const identifier = this.#random(1).readUInt8(0);
    const challenge = this.#random(CHAP_ALGORITHMS.get(algorithm)?.digestBytes ?? 0);
    this.#state = { kind: "challenged", algorithm, identifier, challenge };
    return [
      ["CHAP_A", algorithm],
      ["CHAP_I", String(identifier)],
      ["CHAP_C", formatBinary(challenge)],
    ];
  }

  verify(name: string, keys: ReadonlyMap<string, string>): Pair[] {
    const { algorithm, identifier, challenge } = this.#state as Extract<State, { kind: "challenged" }>;
    const { user, secret, mutual } = this.#credentials as ChapCredentials;
    const hash = CHAP_ALGORITHMS.get(algorithm) as NonNullable<ReturnType<typeof CHAP_ALGORITHMS.get>>;
    const response = parseBinary(keys.get("CHAP_R") ?? "");
    const proven = sameBytes(response ?? "", chapResponse(hash, identifier, secret, challenge));
    // Both are computed in any case: a name that exists takes no longer than one that does not.
    if (!(sameBytes(name, user) && proven)) throw failed("CHAP_N or CHAP_R is wrong");
    this.#state = { kind: "passed" };
    if (!keys.has("CHAP_I") && !keys.has("CHAP_C")) return [];
    const theirs = parseBinary(keys.get("CHAP_C") ?? "");
    const theirIdentifier = /^\d{1,3}$/.test(keys.get("CHAP_I") ?? "") ? Number(keys.get("CHAP_I")) : 256;
    if (theirs === undefined || theirIdentifier > 255) throw failed("CHAP_I or CHAP_C is no challenge");
    // 9.2.1: whoever sends our own challenge back wants us to answer it in its place.
    if (sameBytes(theirs, challenge)) throw failed("our own challenge was sent back");
    if (mutual === undefined) throw failed("the target has no credentials of its own");
    return [
      ["CHAP_N", mutual.user],
      ["CHAP_R", formatBinary(chapResponse(hash, theirIdentifier, mutual.secret, theirs))],
    ];
  }
}

/** Keys that take the state one step further, in the order of the steps. */
const STEPS: readonly {
  readonly key: string;
  readonly state: State["kind"];
  readonly answer: (security: Security, value: string, keys: ReadonlyMap<string, string>) => Pair[];
}[] = [
  { key: "AuthMethod", state: "open", answer: (security, value) => security.chooseMethod(value) },
  { key: "CHAP_A", state: "chosen", answer: (security, value) => security.challenge(value) },
  { key: "CHAP_N", state: "challenged", answer: (security, value, keys) => security.verify(value, keys) },
];

/** 12.1 and 13.1: what may come in the security stage only. */
const SECURITY_KEYS: ReadonlySet<string> = new Set(["AuthMethod", "CHAP_A", "CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R"]);

export function isSecurityKey(key: string): boolean {
  return SECURITY_KEYS.has(key);
}

function failed(reason: string): LoginRefused {
  return new LoginRefused(LoginStatus.AUTHENTICATION_FAILURE, reason);
}
