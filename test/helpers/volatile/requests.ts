/** What each FUSE request does to the tree. */
import {
  attributesAnswer,
  directoryAnswer,
  Errno,
  entryAnswer,
  initAnswer,
  names,
  Opcode,
  openAnswer,
  type Request,
  statfsAnswer,
  writeAnswer,
} from "./fuse-protocol.ts";
import type { Node, VolatileTree } from "./volatile-tree.ts";

/** An errno, or what is answered; undefined: nothing at all. */
type Answer = number | Buffer | undefined;

const DONE = Buffer.alloc(0);
/** fallocate(2): FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE. */
const PUNCH_HOLE = 0x03;
/** FATTR_MODE, FATTR_SIZE. */
const [SETS_MODE, SETS_SIZE] = [0x01, 0x08];

const HANDLERS: Readonly<Record<number, (tree: VolatileTree, node: Node, body: Buffer) => Answer>> = {
  [Opcode.INIT]: initAnswer,
  [Opcode.DESTROY]: () => DONE,
  [Opcode.FORGET]: () => undefined,
  [Opcode.BATCH_FORGET]: () => undefined,
  [Opcode.INTERRUPT]: () => undefined,
  [Opcode.STATFS]: statfsAnswer,
  [Opcode.LOOKUP]: (tree, { number }, body) => {
    const found = tree.find(number, names(body, 0)[0] as string);
    return found === undefined ? Errno.NOENT : entryAnswer(attributesOf(found));
  },
  [Opcode.GETATTR]: (_, node) => attributesAnswer(attributesOf(node)),
  [Opcode.SETATTR]: (_, node, body) => {
    const valid = body.readUInt32LE(0);
    if (valid & SETS_MODE) node.mode = (node.mode & ~0o7777) | (body.readUInt32LE(68) & 0o7777);
    if (valid & SETS_SIZE) node.file?.truncate(Number(body.readBigUInt64LE(16)));
    return attributesAnswer(attributesOf(node));
  },
  [Opcode.MKDIR]: (tree, { number }, body) =>
    entryAnswer(attributesOf(tree.make(number, names(body, 8)[0] as string, body.readUInt32LE(0), true))),
  [Opcode.CREATE]: (tree, { number }, body) => {
    const made = tree.make(number, names(body, 16)[0] as string, body.readUInt32LE(4), false);
    return Buffer.concat([entryAnswer(attributesOf(made)), openAnswer()]);
  },
  [Opcode.UNLINK]: remove,
  [Opcode.RMDIR]: (tree, node, body) =>
    tree.find(node.number, names(body, 0)[0] as string)?.names?.size === 0 ? remove(tree, node, body) : Errno.NOTEMPTY,
  [Opcode.RENAME]: (tree, node, body) => rename(tree, node, body, names(body, 8)),
  [Opcode.RENAME2]: (tree, node, body) =>
    body.readUInt32LE(8) === 0 ? rename(tree, node, body, names(body, 16)) : Errno.INVAL,
  [Opcode.OPEN]: openAnswer,
  [Opcode.OPENDIR]: openAnswer,
  [Opcode.RELEASE]: () => DONE,
  [Opcode.RELEASEDIR]: () => DONE,
  [Opcode.READ]: (_, { file }, body) => file?.read(Number(body.readBigUInt64LE(8)), body.readUInt32LE(16)),
  [Opcode.WRITE]: (_, { file }, body) => {
    const bytes = body.readUInt32LE(16);
    file?.write(Number(body.readBigUInt64LE(8)), body.subarray(40, 40 + bytes));
    return writeAnswer(bytes);
  },
  [Opcode.FALLOCATE]: (_, { file }, body) => {
    if (body.readUInt32LE(24) !== PUNCH_HOLE) return Errno.NOTSUP;
    file?.punch(Number(body.readBigUInt64LE(8)), Number(body.readBigUInt64LE(16)));
    return DONE;
  },
  [Opcode.READDIR]: (tree, node, body) => {
    const entries = [...(node.names ?? [])].flatMap(([name, number]) => {
      const mode = tree.node(number)?.mode;
      return mode === undefined ? [] : [{ name, node: number, mode }];
    });
    return directoryAnswer(entries, Number(body.readBigUInt64LE(8)), body.readUInt32LE(16));
  },
  [Opcode.FSYNC]: sync,
  [Opcode.FSYNCDIR]: sync,
};

export function answerTo(tree: VolatileTree, { opcode, node: number, body }: Request): Answer {
  const handler = HANDLERS[opcode];
  if (handler === undefined) return Errno.NOSYS;
  // INIT and the like are for no node.
  const node = tree.node(number) ?? (number === 0 ? tree.node(1) : undefined);
  if (node === undefined) return opcode === Opcode.FORGET ? undefined : Errno.NOENT;
  return handler(tree, node, body);
}

function attributesOf({ number, mode, file }: Node): { node: number; mode: number; size: number } {
  return { node: number, mode, size: file?.size ?? 4096 };
}

function remove(tree: VolatileTree, { number }: Node, body: Buffer): Answer {
  const [name = ""] = names(body, 0);
  if (tree.find(number, name) === undefined) return Errno.NOENT;
  tree.remove(number, name);
  return DONE;
}

function rename(tree: VolatileTree, { number }: Node, body: Buffer, [name = "", newName = ""]: string[]): Answer {
  if (tree.find(number, name) === undefined) return Errno.NOENT;
  tree.rename(number, name, Number(body.readBigUInt64LE(0)), newName);
  return DONE;
}

function sync(tree: VolatileTree, node: Node): Answer {
  tree.sync(node);
  return DONE;
}
