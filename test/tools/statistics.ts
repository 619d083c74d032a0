import test from "ava";
import { summary } from "../bench/statistics.ts";

test("the median is the middle one, or the mean of the two in the middle", (t) => {
  t.is(summary([5, 1, 9]).median, 5);
  t.is(summary([4, 1, 9, 6]).median, 5);
});

test("the spread is how far the rounds are apart, relative to the median", (t) => {
  t.like(summary([90, 100, 120]), { min: 90, max: 120, spread: 0.3 });
});

test("nothing measured is no result", (t) => {
  t.throws(() => summary([]), { message: "Nothing was measured." });
});
