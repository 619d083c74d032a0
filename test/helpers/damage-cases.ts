/** Records of every kind damaged by hand in a store that a killed controller left: tables of cases, and the test of each. */
import { checkStoppedState, repairStoppedState } from "@sanlab/controller/check/stopped.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import test, { type ExecutionContext } from "ava";
import type { Damage } from "./damage.ts";
import { copyOf, damage, removeDirectory, startOn, type Template } from "./damaged-lab.ts";
import { makeTemplateOfAll } from "./damaged-lab-of-all.ts";

export interface DamageCase {
  readonly does: (tables: Damage) => void;
  /** Codes of what is found, each once, in order. */
  readonly found: readonly string[];
  readonly says: RegExp;
  readonly loses?: boolean;
  /** What is on record after the repair; undefined: nothing. */
  readonly after?: Readonly<Record<string, object | undefined>>;
}

export const diskOf = (tables: Damage, name: string) => tables.json<DiskRecord>(`disk/${name}`);
export const tableOf = (tables: Damage, name: string) => diskOf(tables, name).table;
export const firstKey = (tables: Damage, prefix: string) => tables.keys(prefix)[0] as string;
export const putJson = (tables: Damage, key: string, record: object) => tables.put(key, JSON.stringify(record));
/** A record a second time, with other fields. */
export const putAgain = (tables: Damage, key: string, as: string, fields: object) =>
  putJson(tables, as, { ...tables.json<object>(key), ...fields });

/** A template for the tests of a file. */
export function templateOfAll(): () => Template {
  let template: Template | undefined;
  test.before(async () => {
    template = await makeTemplateOfAll();
  });
  test.after.always(async () => {
    if (template !== undefined) await removeDirectory(template.directory);
  });
  return () => template as Template;
}

/** Each damage is found and named, and mended, or what is lost by it is told; a start finds nothing to complain of afterwards. */
export function testDamages(cases: Readonly<Record<string, DamageCase>>): void {
  const template = templateOfAll();
  for (const [name, one] of Object.entries(cases)) {
    test(`${name}: found, and mended`, (t) => testDamage(t, template(), one));
  }
}

async function testDamage(
  t: ExecutionContext,
  template: Template,
  { does, found, says, loses = false, after = {} }: DamageCase,
): Promise<void> {
  const directory = await copyOf(template);
  t.teardown(() => removeDirectory(directory));
  t.deepEqual((await checkStoppedState(directory)).problems, []);
  damage(directory, does);
  const { problems } = await checkStoppedState(directory);
  const sentences = problems.map(({ message }) => message);
  t.deepEqual([...new Set(problems.map(({ code }) => code))].sort(), found, sentences.join("\n"));
  t.true(
    sentences.some((sentence) => says.test(sentence)),
    sentences.join("\n"),
  );
  for (const sentence of sentences) t.regex(sentence, /^[A-Z/][^\n]+\.$/u, "a sentence for people");
  t.is(
    problems.some(({ lost }) => lost),
    loses,
  );
  t.true((await repairStoppedState(directory)).consistent);
  t.deepEqual((await checkStoppedState(directory)).problems, []);
  damage(directory, (tables) => {
    for (const [key, record] of Object.entries(after)) {
      if (record === undefined) t.false(tables.keys().includes(key), key);
      else t.like(tables.json<object>(key), record, key);
    }
  });
  const { contents, bugs } = await startOn(directory, template.media);
  t.deepEqual(bugs, []);
  t.deepEqual(contents.data?.slice(0, 5), [9, 1, 1, 1, 0]);
  t.deepEqual(contents["data-snap"]?.slice(0, 5), [1, 1, 1, 1, 0]);
  t.deepEqual(contents["other-snap"]?.slice(0, 4), [100, 0, 0, 100]);
  t.deepEqual((await checkStoppedState(directory)).problems, [], "after a start, too");
}
