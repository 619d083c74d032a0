import test from "ava";
import { nearest } from "sanlab/lab/suggestion.ts";

test("the nearest known word is offered only where it is near", (t) => {
  const known = ["portal", "advertise", "pool", "size"];
  t.is(nearest("protal", known), "portal");
  t.is(nearest("advertize", known), "advertise");
  t.is(nearest("Size", known), "size");
  t.is(nearest("capacity", known), undefined);
  t.is(nearest("anything", []), undefined);
});
