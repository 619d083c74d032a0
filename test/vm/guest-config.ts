import { guestOverlay, macAddress, VmError } from "@sanlab/vm";
import test from "ava";
import { type GuestConfig, hostConf } from "../../vm/guest-config.ts";

const CONFIG: GuestConfig = {
  hostname: "web",
  initiatorName: "iqn.2026-11.example:web",
  nics: [{ mac: "52:54:00:00:00:01", address: "10.0.2.15/24", gateway: "10.0.2.2" }],
  portals: [
    { portal: "10.0.2.2:3260", target: "iqn.2026-11.example:a" },
    { portal: "10.0.2.2:3261", target: "iqn.2026-11.example:b", portalGroupTag: 2 },
  ],
  iscsiSettings: { "node.session.timeo.replacement_timeout": "20" },
  multipath: true,
};

test("a host's settings are a keyword and its values a line", (t) => {
  t.is(
    hostConf(CONFIG),
    [
      "hostname web",
      "initiator iqn.2026-11.example:web",
      "nic 52:54:00:00:00:01 10.0.2.15/24 10.0.2.2",
      "portal 10.0.2.2:3260 iqn.2026-11.example:a",
      "portal 10.0.2.2:3261,2 iqn.2026-11.example:b",
      "multipath",
      "setting node.session.timeo.replacement_timeout 20",
      "",
    ].join("\n"),
  );
});

for (const word of ["", "a b", "a\nportal evil", "a\\b"]) {
  test(`${JSON.stringify(word)} cannot be a target's name`, (t) => {
    const portals = [{ portal: "10.0.2.2:3260", target: word }];
    const error = t.throws(() => guestOverlay({ ...CONFIG, portals }), { instanceOf: VmError });
    t.is(error.code, "INVALID_HOST");
  });
}

test("a setting's value cannot add another line", (t) => {
  t.throws(() => guestOverlay({ ...CONFIG, iscsiSettings: { a: "1\nportal x y" } }), { instanceOf: VmError });
});

test("the overlay holds the settings and the host's own files", (t) => {
  const files = [{ kind: "file" as const, path: "etc/motd", mode: 0o644, content: Buffer.from("hello") }];
  const overlay = guestOverlay({ ...CONFIG, files }).toString("latin1");
  for (const part of ["etc/sanlab/host.conf\0", "etc/hostname\0", "etc/motd\0", "hello"])
    t.true(overlay.includes(part));
});

test("a card's MAC address is stable, QEMU's, and differs between hosts and cards", (t) => {
  t.is(macAddress("lab/web", 0), macAddress("lab/web", 0));
  t.regex(macAddress("lab/web", 0), /^52:54:00(:[0-9a-f]{2}){3}$/);
  t.is(new Set([macAddress("lab/web", 0), macAddress("lab/web", 1), macAddress("lab/db", 0)]).size, 3);
});
