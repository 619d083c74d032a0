/**
 * A further table of the disk (docs/tables.md), through which one of its initiators goes: all of its segments,
 * the later half before the other.
 */
import { SECTOR } from "./disk-model.ts";

export const TURNED = "turned";

/** As the API takes it. */
export function turnedTable(segments: number): object {
  const count = segments / 2;
  const ranges = [
    { first: count, count },
    { first: 0, count },
  ];
  return { name: TURNED, ranges };
}

/** Where a sector of a disk of so many bytes is in its turned table, and one of the table on the disk. */
export function turnedSector(sector: number, bytes: number): number {
  const sectors = bytes / SECTOR;
  return (sector + sectors / 2) % sectors;
}

/** What the disk holds, of what was read through the table. */
export function turnedBack(contents: Buffer): Buffer {
  const middle = contents.length / 2;
  return Buffer.concat([contents.subarray(middle), contents.subarray(0, middle)]);
}
