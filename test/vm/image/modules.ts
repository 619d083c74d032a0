import { VmError } from "@sanlab/vm";
import test from "ava";
import { moduleClosure, parseModulesDep } from "../../../vm/image/modules.ts";

const DEPENDENCIES =
  parseModulesDep(`kernel/drivers/scsi/iscsi_tcp.ko: kernel/drivers/scsi/libiscsi.ko kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/libiscsi.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/scsi_mod.ko:
kernel/drivers/md/dm-multipath.ko.xz:
`);

test("a module brings what it depends on, each file once", (t) => {
  t.deepEqual(moduleClosure(DEPENDENCIES, new Set(), ["iscsi_tcp", "libiscsi", "dm_multipath"]), [
    "kernel/drivers/md/dm-multipath.ko.xz",
    "kernel/drivers/scsi/iscsi_tcp.ko",
    "kernel/drivers/scsi/libiscsi.ko",
    "kernel/drivers/scsi/scsi_mod.ko",
  ]);
});

test("a module that is built into the kernel needs no file", (t) => {
  t.deepEqual(moduleClosure(DEPENDENCIES, new Set(["virtio_pci"]), ["virtio-pci"]), []);
});

test("a module that the kernel does not have is an error", (t) => {
  const error = t.throws(() => moduleClosure(DEPENDENCIES, new Set(), ["fcoe"]), { instanceOf: VmError });
  t.is(error.code, "IMAGE_BUILD_FAILED");
  t.regex(error.message, /'fcoe'/);
});
