/** Linux' own initiator, in a guest: every way of moving write data, digests, and CHAP. */
import test from "ava";
import type { ChapCredentials } from "node-iscsi-target";
import { type GuestInitiator, guestInitiator } from "../helpers/guest-initiator.ts";

const YES_NO = ["Yes", "No"] as const;

test("open-iscsi writes and reads with every combination of InitialR2T, ImmediateData and digests", async (t) => {
  t.timeout(300_000);
  const guest = await guestInitiator(t);
  for (const initialR2t of YES_NO) {
    for (const immediateData of YES_NO) {
      for (const digests of [false, true]) {
        const digest = digests ? "CRC32C" : "None";
        const disk = await guest.login({
          "node.session.iscsi.InitialR2T": initialR2t,
          "node.session.iscsi.ImmediateData": immediateData,
          "node.conn[0].iscsi.HeaderDigest": digest,
          "node.conn[0].iscsi.DataDigest": digest,
        });
        const [session] = guest.target.sessions();
        t.is(session?.headerDigest, digests);
        t.is(session?.dataDigest, digests);
        const negotiated = await guest.sh("iscsiadm -m session -P 2");
        t.regex(negotiated, new RegExp(`InitialR2T: ${initialR2t}`));
        t.regex(negotiated, new RegExp(`ImmediateData: ${immediateData}`));
        await writeAndRead(guest, disk);
        await guest.logout();
      }
    }
  }
  t.pass();
});

test("open-iscsi proves itself by CHAP, makes the target prove itself, and is not let in with a wrong secret", async (t) => {
  t.timeout(300_000);
  const credentials: ChapCredentials = {
    user: "host",
    secret: "a-secret-of-the-host",
    mutual: { user: "target", secret: "another-of-the-target" },
  };
  const guest = await guestInitiator(t, { authorize: () => true, credentials: () => credentials });
  const oneWay = {
    "node.session.auth.authmethod": "CHAP",
    "node.session.auth.username": "host",
    "node.session.auth.password": "a-secret-of-the-host",
  };
  const mutual = {
    "node.session.auth.username_in": "target",
    "node.session.auth.password_in": "another-of-the-target",
  };

  await writeAndRead(guest, await guest.login(oneWay));
  await guest.logout();
  for (const algorithms of ["MD5", "SHA1,MD5", "SHA256,SHA1,MD5", "SHA3-256,MD5"]) {
    await writeAndRead(guest, await guest.login({ ...oneWay, ...mutual, "node.session.auth.chap_algs": algorithms }));
    await guest.logout();
  }

  await t.throwsAsync(guest.login(), { message: /authorization failure|login failed/i });
  const wrong = { ...oneWay, "node.session.auth.password": "not-the-secret-at-all" };
  await t.throwsAsync(guest.login(wrong), { message: /authorization failure|login failed/i });
  const impostor = { ...mutual, "node.session.auth.password_in": "who-are-you-really" };
  await t.throwsAsync(guest.login({ ...oneWay, ...impostor }), { message: /authentication|login/i });
  t.deepEqual(guest.target.sessions(), []);
});

/** Writes of several sizes past the cache, below and above every burst length; what is read back has the same checksum. */
async function writeAndRead({ sh }: GuestInitiator, disk: string): Promise<void> {
  await sh("[ -e /run/data ] || head -c 4194304 /dev/urandom > /run/data");
  for (const blockBytes of [512, 4096, 65_536, 524_288, 4_194_304]) {
    const count = Math.min(64, 4_194_304 / blockBytes);
    const shape = `bs=${blockBytes} count=${count}`;
    await sh(`dd if=/run/data of=${disk} ${shape} oflag=direct conv=notrunc 2> /dev/null
      a=$(dd if=/run/data ${shape} 2> /dev/null | md5sum); b=$(dd if=${disk} ${shape} iflag=direct 2> /dev/null | md5sum)
      [ "$a" = "$b" ] || { echo "blocks of ${blockBytes}: wrote $a, read $b"; exit 1; }`);
  }
}
