/**
 * The grammar of faults, for `sanlab fault add` and the lab file alike (docs/faults.md):
 *
 *     fault     = [ "on" 1*selector ] [ "when" ( "always" / 1*occasion ) ] "do" effect
 *     selector  = KEY "=" VALUE *( "," VALUE )
 *     occasion  = "every" N / "first" N / "probability" P / "seed" N / "from" BOUND / "until" BOUND
 *     BOUND     = N / TIME           ; the number of a match, or the time since the fault was added
 *     effect    = NAME [ VALUE ]
 */
import { EFFECTS, readEffect } from "./effects.ts";
import { ALWAYS, readOccasions } from "./occasions.ts";
import type { Bound, EffectKind, InjectionRule, Occasion, Operation, Selection, Selector } from "./rule.ts";
import { readSelectors } from "./selectors.ts";
import { FaultTextError, oneOf, type Word, Words } from "./words.ts";

/** @throws FaultTextError in one sentence that names the column, the value and what was expected. */
export function parseFault(text: string): InjectionRule {
  const words = new Words(text);
  const selected = words.skip("on") ? readSelectors(words) : { selection: {}, places: new Map<Selector, Word>() };
  const occasions = words.skip("when")
    ? readOccasions(words)
    : { occasion: ALWAYS, places: new Map<keyof Occasion, Word>() };
  const keyword = words.take();
  if (keyword.text !== "do") throw new FaultTextError(keyword, beforeDo(selected.places.size, occasions.places.size));
  const place = words.next;
  const rule = { on: selected.selection, when: occasions.occasion, effect: readEffect(words) };
  words.finish();
  checkSelectors(rule, selected.places, place);
  checkOccasions(rule, occasions.places, place);
  return rule;
}

/** The same fault, whatever the spaces between its words. */
export function normalFault(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ");
}

function beforeDo(selectors: number, occasions: number): string {
  if (occasions > 0) return "'do' and what happens";
  return selectors > 0 ? "'when' and an occasion, or 'do' and what happens" : "'on', 'when' or 'do'";
}

function checkSelectors({ effect, on }: InjectionRule, places: ReadonlyMap<Selector, Word>, place: Word): void {
  const { selectors, required } = EFFECTS[effect.kind];
  for (const [key, word] of places) {
    if (selectors.includes(key)) continue;
    const allowed = selectors.length === 0 ? "no selector" : oneOf(selectors);
    throw new FaultTextError(word, `${allowed} for ${effect.kind}`);
  }
  if (required !== undefined && on[required] === undefined) {
    throw new FaultTextError(place, `an effect that needs no ${required}, or '${required}=' after 'on'`);
  }
  checkOperation({ effect, on }, places);
}

/** Only a write can be lost on its way to the disk, and only what brings data can bring less of it. */
const OPERATIONS_OF: { readonly [Kind in EffectKind]?: readonly Operation[] } = {
  "lose-write": ["write", "unmap"],
  "short-data": ["read", "other"],
};

function checkOperation(
  { effect, on }: { effect: InjectionRule["effect"]; on: Selection },
  places: ReadonlyMap<Selector, Word>,
): void {
  const op = places.get("op");
  const lba = places.get("lba");
  if (lba !== undefined && on.op?.includes("unmap")) {
    throw new FaultTextError(lba, "no lba for op=unmap, whose blocks are in its data");
  }
  const sector = places.get("sector");
  if (sector !== undefined && on.op?.includes("flush")) {
    throw new FaultTextError(sector, "no sector for op=flush, which is for all of a device");
  }
  const possible = OPERATIONS_OF[effect.kind];
  if (op === undefined || possible === undefined) return;
  if (on.op?.some((name) => !possible.includes(name))) {
    throw new FaultTextError(op, `${oneOf(possible.map((name) => `op=${name}`))} for ${effect.kind}`);
  }
}

function checkOccasions({ effect, when }: InjectionRule, places: ReadonlyMap<keyof Occasion, Word>, place: Word): void {
  const { occasions, counts } = EFFECTS[effect.kind];
  for (const [key, word] of places) {
    if (!occasions.includes(key)) {
      const allowed = occasions.length === 0 ? "no 'when'" : `${oneOf(occasions)} with a time`;
      throw new FaultTextError(word, `${allowed} for ${effect.kind}`);
    }
    const bound = key === "from" || key === "until" ? when[key] : undefined;
    if (!counts && isMatch(bound)) throw new FaultTextError(word, `${key} with a time for ${effect.kind}`);
  }
  if (when.seed !== 0 && when.probability === undefined && !isDrawn(effect)) {
    throw new FaultTextError(places.get("seed") ?? place, "a seed only where something is drawn");
  }
}

function isMatch(bound: Bound | undefined): boolean {
  return bound !== undefined && "match" in bound;
}

function isDrawn(effect: InjectionRule["effect"]): boolean {
  return effect.kind === "delay" && effect.minMs < effect.maxMs;
}
