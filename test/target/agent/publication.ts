/** What an agent's hosts are told of what they see. */
import test from "ava";
import { TargetPublication } from "node-iscsi-target/agent/publication.ts";
import { UnitReplica } from "node-iscsi-target/agent/units/unit-replica.ts";
import { FRESH_UNIT } from "node-iscsi-target/mapping/messages/units.ts";
import type { PublishHost } from "node-iscsi-target/mapping/protocol.ts";
import type { Nexus } from "node-iscsi-target/scsi/transport.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";

const [ONE, TWO] = ["iqn.2026-11.example:one", "iqn.2026-11.example:two"];

test("a host is told of what has changed for it, and of nothing else", async (t) => {
  const told: string[] = [];
  const publication = new TargetPublication();
  publication.sessionsOf = {
    drop: async () => undefined,
    nexuses: (initiatorName) => [{ id: initiatorName, initiatorName } as unknown as Nexus],
    inventoryChanged: async ({ initiatorName }) => void told.push(initiatorName),
    rows: () => [],
  };
  const heard = () => told.splice(0);
  publishUnit(publication, "first");
  await publication.publishHost(host(ONE, ["first"], ["a", "b"]));
  await publication.publishHost(host(TWO, [], ["a"]));
  heard();

  await publication.publishHost(host(ONE, ["first"], ["b", "a"]));
  await publication.publishHost(host(TWO, [], ["a"]));
  t.deepEqual(heard(), [], "another controller has said it again");

  publishUnit(publication, "second");
  t.deepEqual(heard(), [], "a unit that neither sees");

  await publication.publishHost(host(ONE, ["first", "second"], ["a", "b"]));
  t.deepEqual(heard(), [ONE]);
  await publication.publishHost(host(TWO, [], ["a", "b"]));
  t.deepEqual(heard(), [TWO], "it sees another agent");
  await publication.unpublishUnit("second");
  t.deepEqual(heard(), [ONE]);
});

test("what a host's LUN leads to is what was published last, also where it was just asked for", async (t) => {
  const publication = new TargetPublication();
  const [nexus, stranger] = [ONE, TWO].map((initiatorName) => ({ initiatorName }) as unknown as Nexus) as [
    Nexus,
    Nexus,
  ];
  const serial = (lun: number) => publication.lookup(nexus, lun)?.identity.serial;
  t.is(serial(0), undefined);
  publishUnit(publication, "first");
  t.is(serial(0), undefined);
  await publication.publishHost(host(ONE, ["first"], ["a"]));
  t.is(serial(0), "first");
  t.is(publication.lookup(stranger, 0), undefined, "nobody has told of that host");
  t.is(serial(1), undefined);
  const before = publication.lookup(nexus, 0);
  publishUnit(publication, "first");
  t.not(publication.lookup(nexus, 0), before, "it was published anew");
  publishUnit(publication, "second");
  await publication.publishHost(host(ONE, ["second"], ["a"]));
  t.is(serial(0), "second");
  await publication.unpublishUnit("second");
  t.is(serial(0), undefined);
  await publication.publishHost(host(ONE, ["first"], ["a"]));
  t.is(serial(0), "first");
  await publication.unpublishHost(ONE);
  t.is(serial(0), undefined);
});

function host(initiator: string, units: readonly string[], agents: readonly string[]): PublishHost {
  const luns = units.map((unit, lun) => ({ lun, unit }));
  return { type: "publish_host", cluster: "c", incarnation: 1, epoch: 1, seq: 1, initiator, luns, agents };
}

function publishUnit(publication: TargetPublication, id: string): void {
  const self = () => ({ agent: "a", incarnation: 1 });
  const replica = new UnitReplica({ unit: id, state: FRESH_UNIT, self, nextNumber: () => 1, send: () => undefined });
  const unit = { id, table: "t1", name: id, naa: "6525400000000000000000000000000a", serial: id, readOnly: false };
  publication.publishUnit(unit, new MemoryDevice({ sizeBytes: 1024 * 1024 }), replica);
}
