/** sg3_utils in a guest, over Linux' own initiator: what administrators ask of a disk, without a complaint. */
import test from "ava";
import {
  PopulateTokenHeader,
  RangeDescriptor,
  WriteUsingTokenHeader,
} from "node-iscsi-target/scsi/copy/token-layouts.ts";
import { guestInitiator } from "../helpers/guest-initiator.ts";

/** DISK stands for the disk; KEY lines of persistent reservations come in their order. */
const COMMANDS = `
sg_inq DISK
sg_inq -e -p 0x80 DISK
sg_vpd DISK
sg_vpd -p di DISK
sg_vpd -p bl DISK
sg_vpd -p bdc DISK
sg_vpd -p lbpv DISK
sg_vpd -p ei DISK
sg_vpd -p mpp DISK
sg_vpd -p tpc DISK
sg_turs DISK
sg_readcap DISK
sg_readcap --16 DISK
sg_luns DISK
sg_modes -a DISK
sg_modes --page=8 --control=1 DISK
sg_modes --page=0xa,1 DISK
sg_logs DISK
sg_logs -a DISK
sg_logs --page=0xc DISK
sg_requests DISK
sg_requests --desc DISK
sg_opcodes DISK
sg_opcodes --opcode=0x28 DISK
sg_opcodes --opcode=0x9e,0x10 DISK
sg_opcodes --rctd DISK
sg_opcodes --tmf DISK
sg_rtpg --extended DISK
sg_stpg --tp=1 --state=ao DISK
sg_get_lba_status --lba=0 DISK
sg_sync DISK
sg_sync --16 DISK
sg_start --stop DISK
sg_start --start DISK
sg_verify --lba=0 --count=128 DISK
sg_verify --16 --lba=0 --count=128 DISK
sg_persist --in --read-keys DISK
sg_persist --in --report-capabilities DISK
sg_persist --out --register --param-sark=0x1 DISK
sg_persist --out --reserve --param-rk=0x1 --prout-type=5 DISK
sg_persist --in --read-reservation DISK
sg_persist --in --read-full-status DISK
sg_persist --out --preempt --param-rk=0x1 --param-sark=0x1 --prout-type=5 DISK
sg_persist --out --release --param-rk=0x1 --prout-type=5 DISK
sg_persist --out --clear --param-rk=0x1 DISK
`;

test("sg_inq, sg_vpd, sg_modes, sg_logs, sg_opcodes, sg_persist and others find nothing to complain of", async (t) => {
  t.timeout(300_000);
  const guest = await guestInitiator(t);
  const disk = await guest.login();
  for (const command of COMMANDS.trim().split("\n")) {
    const { exitCode, said } = await guest.attempt(command.replace("DISK", disk));
    t.is(exitCode, 0, `${command}\n${said}`);
    t.notRegex(said, /illegal request|invalid field|malformed|aborted command|unexpected|too short/i, command);
  }
});

test("sg_write_same, sg_unmap and sg_compare_and_write do what they say", async (t) => {
  t.timeout(300_000);
  const { sh, attempt, login } = await guestInitiator(t);
  const disk = await login();
  const blocks = (first: number, count: number) =>
    sh(`dd if=${disk} bs=512 skip=${first} count=${count} iflag=direct 2> /dev/null | md5sum`);
  const zeros = await sh("head -c 65536 /dev/zero | md5sum");
  await sh(`head -c 65536 /dev/urandom > /run/data; dd if=/run/data of=${disk} bs=64k oflag=direct 2> /dev/null`);
  const data = await sh("md5sum < /run/data");
  t.is(await blocks(0, 128), data);

  await sh(`dd if=/run/data of=${disk} bs=64k seek=8 oflag=direct 2> /dev/null`);
  await sh(`sg_unmap --lba=1024 --num=128 ${disk}`);
  t.is(await blocks(1024, 128), zeros, "sg_unmap leaves zeros");
  t.regex(await sh(`sg_get_lba_status --lba=1024 ${disk}`), /deallocated/i);

  await sh(`head -c 512 /run/data > /run/block; sg_write_same --16 --in=/run/block --lba=2048 --num=64 ${disk}`);
  const repeated = await sh("i=0; while [ $i -lt 64 ]; do cat /run/block; i=$((i + 1)); done | md5sum");
  t.is(await blocks(2048, 64), repeated);
  await sh(`sg_write_same --16 --unmap --in=/dev/zero --xferlen=512 --lba=2048 --num=128 ${disk}`);
  t.is(await blocks(2048, 128), zeros);

  await sh(
    `head -c 512 /dev/zero | cat - /run/block > /run/pair; sg_compare_and_write --in=/run/pair --lba=4096 --num=1 ${disk}`,
  );
  t.is(await blocks(4096, 1), await sh("md5sum < /run/block"));
  const miscompare = await attempt(`sg_compare_and_write --in=/run/pair --lba=4096 --num=1 ${disk}`);
  t.is(miscompare.exitCode, 14, "SG_LIB_CAT_MISCOMPARE");
});

test("sg_xcopy has the target copy, and so has sg_raw by tokens", async (t) => {
  t.timeout(300_000);
  const { sh, login, target } = await guestInitiator(t);
  const disk = await login();
  const opcodes: number[] = [];
  target.on("command", ({ cdb }) => opcodes.push((cdb[0] as number) * 256 + ((cdb[1] as number) & 0x1f)));
  await sh(`head -c 1048576 /dev/urandom > /run/data; dd if=/run/data of=${disk} bs=1M oflag=direct 2> /dev/null`);
  const data = await sh("md5sum < /run/data");
  const megabyte = (at: number) => sh(`dd if=${disk} bs=1M skip=${at} count=1 iflag=direct 2> /dev/null | md5sum`);

  await sh(`sg_xcopy if=${disk} of=${disk} bs=512 count=2048 seek=8192`);
  t.is(await megabyte(4), data);
  t.true(opcodes.includes(0x8300), "it was EXTENDED COPY (LID1)");

  const source = Buffer.concat([range(0, 1024), range(1024, 1024)]);
  const asked = PopulateTokenHeader.encode({ followingBytes: 14 + source.length, rangeBytes: source.length });
  await sh(`printf '${octal(Buffer.concat([asked, source]))}' > /run/asked
    sg_raw -s 48 -i /run/asked ${disk} 83 10 00 00 00 00 00 00 00 01 00 00 00 30 00 00
    sg_raw -r 1024 -o /run/told ${disk} 84 07 00 00 00 01 00 00 00 00 00 00 04 00 00 00
    dd if=/run/told of=/run/token bs=1 skip=38 count=512 2> /dev/null`);
  const writing = WriteUsingTokenHeader.encode({ followingBytes: 550, rangeBytes: 16 });
  await sh(`{ printf '${octal(writing.subarray(0, 16))}'; cat /run/token; printf '${octal(writing.subarray(528))}'
    printf '${octal(range(16_384, 2048))}'; } > /run/writing
    sg_raw -s 552 -i /run/writing ${disk} 83 11 00 00 00 00 00 00 00 02 00 00 02 28 00 00`);
  t.is(await megabyte(8), data);
});

function range(lba: number, blocks: number): Buffer {
  return RangeDescriptor.encode({ lba, blocks });
}

/** For printf of the shell. */
function octal(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
