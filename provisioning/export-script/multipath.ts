/**
 * multipath.conf (multipath.conf(5)): one device for all paths to a disk, under the disk's name, used as the ALUA states of
 * the agents say. What else the machine has is left alone.
 */
import { plainName } from "../lab/unit-name.ts";
import type { ScriptSubject } from "./subject.ts";

export function multipathConf({ host, disks }: ScriptSubject): string {
  const names = disks.map(
    ({ name, wwid }) => `  multipath {
    wwid  ${wwid}
    alias ${plainName(name)}
  }`,
  );
  return `# The disks of host '${host}', for /etc/multipath.conf or a file in /etc/multipath/conf.d
defaults {
  find_multipaths no
  user_friendly_names yes
}
blacklist {
  device {
    vendor  ".*"
    product ".*"
  }
}
blacklist_exceptions {
  device {
    vendor  "SANLAB"
    product ".*"
  }
}
devices {
  device {
    vendor               "SANLAB"
    product              ".*"
    path_grouping_policy group_by_prio
    prio                 alua
    failback             immediate
    path_checker         tur
    no_path_retry        12
  }
}
${names.length === 0 ? "" : `multipaths {\n${names.join("\n")}\n}\n`}`;
}
