/** What a scenario may ask about a lab, as data. Who asks is `observe.ts`; whether it holds is decided in `judge.ts`. */
import type { Quantity } from "./quantity.ts";

/** Keys of which a row of the lab is asked, by kind: what they are compared with is text or a count. */
export const ROW_KEYS = {
  agent: { state: "text" },
  controller: { state: "text" },
  fault: { state: "text", matched: "count", fired: "count" },
  disk: { size: "size", mappedSegments: "count", sharedSegments: "count", ownSegments: "count" },
  pool: { segments: "count", usedSegments: "count", freeSegments: "count" },
  guest: { state: "text" },
} as const;
export type RowKind = keyof typeof ROW_KEYS;

export type Check =
  | {
      readonly kind: "paths";
      readonly host: string;
      readonly disk: string;
      /** Those that the host would use now, as its multipath daemon (or else its kernel) has it. */
      readonly active: Quantity | null;
      readonly total: Quantity | null;
      /** Those in the asymmetric access state active/optimized (SPC-4 5.15.2.4). */
      readonly optimized: Quantity | null;
    }
  | {
      readonly kind: "load";
      readonly name: string;
      /** Only what ended after this was remembered counts; null: all. */
      readonly since: string | null;
      readonly done: Quantity | null;
      readonly errors: Quantity | null;
      /** The longest time between two I/Os that succeeded, ms. */
      readonly pause: Quantity | null;
      /** The time since the last one that succeeded, ms. */
      readonly idle: Quantity | null;
      /** What was acknowledged last is read back, block by block. */
      readonly intact: boolean;
    }
  | {
      readonly kind: "command";
      readonly host: string;
      readonly command: readonly string[];
      readonly exit: number;
      readonly output: string | null;
    }
  | {
      readonly kind: "contents";
      readonly host: string;
      readonly disk: string;
      /** As remembered under this name, or as this other disk is now. */
      readonly like: { readonly remembered: string } | { readonly disk: string };
      readonly equal: boolean;
    }
  | { readonly kind: "consistent"; readonly value: boolean }
  | {
      readonly kind: RowKind;
      /** Empty for the controller, of which there is one. */
      readonly name: string;
      readonly wanted: Readonly<Record<string, string | Quantity>>;
    };
export type CheckKind = Check["kind"];
export type CheckOf<Kind extends CheckKind> = Extract<Check, { kind: Kind }>;

/** Whether a check holds, and what was seen, for the report. */
export interface Judgement {
  readonly holds: boolean;
  readonly saw: string;
}
