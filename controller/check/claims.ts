/** Who says that a segment is its own: one place of one family, the reserve of a pool, or a release; and which chunks roots name. */
import { type Location, type LocationRun, locationName, locationsOf } from "../tables/layout.ts";
import type { Problem } from "./problem.ts";

export class Claims {
  readonly #claims = new Map<string, string>();
  /** Keys and numbers of chunks that a root names. */
  readonly chunks = new Set<string>();
  readonly numbers = new Set<number>();

  /** A segment is claimed once only; `who` may say so again. */
  claim(location: Location, who: string): Problem | undefined {
    const key = locationName(location);
    const other = this.#claims.get(key);
    if (other === who) return undefined;
    if (other !== undefined) return { code: "shared", message: `Segment ${key} is ${who}, and ${other} too.` };
    this.#claims.set(key, who);
    return undefined;
  }

  runs(runs: readonly LocationRun[], who: string): Problem[] {
    return [...locationsOf(runs)].flatMap((location) => this.claim(location, `in ${who}`) ?? []);
  }

  has(location: Location): boolean {
    return this.#claims.has(locationName(location));
  }

  locations(): Location[] {
    return [...this.#claims.keys()].map((key) => {
      const [device, segment] = key.split("/").map(Number) as [number, number];
      return { device, segment };
    });
  }
}
