/* What the controller does to tables, step by step (docs/protocol.md: First write, Snapshot). */

/* A new place: everybody reads there, before anybody writes there. */
inline bring(d, e, busy) {
#ifndef MUTANT_WRITABLE_AT_ONCE
  tellAll(d, (e) - 1);                               /* Nw is one less than no state */
  await(d, (e) - 1, busy);
#endif
  tellAll(d, e);
  await(d, e, busy)
}

/* First write: allocate, commit, tell every agent and wait, and only then answer. */
inline firstWrite() {
  takeFree(spot);
  if
  :: spot == NOWHERE -> respond(agent, ABSENT)
  :: else ->
#ifdef MUTANT_GRANT_BEFORE_COMMIT
     bring(disk, ENTRY(RW, spot), disk);
     respond(agent, ENTRY(RW, spot));
#endif
     MAY_CRASH
     d_step { table[disk] = ENTRY(RW, spot); used[spot] = 1 }
     MAY_CRASH
#ifndef MUTANT_GRANT_BEFORE_COMMIT
#ifdef MUTANT_NO_WAIT_AT_FIRST_WRITE
     tellAll(disk, ENTRY(RW, spot));
     d_step { waits[0] = NOBODY; waits[1] = NOBODY };
#else
     bring(disk, ENTRY(RW, spot), disk);
#endif
     respond(agent, table[disk])
#endif
  fi
}

#if MAX_UNMAPS > 0
/* Revoked everywhere and drained; committed as zero; punched; free. */
inline unmap() {
  tellAll(disk, ABSENT);
#ifdef MUTANT_FREE_BEFORE_DRAIN
  d_step { waits[0] = NOBODY; waits[1] = NOBODY }
#else
  await(disk, ABSENT, disk);
#endif
  atomic {
    spot = LOCATION(table[disk]);
    table[disk] = ENTRY(ZERO, NOWHERE);
    landed[disk] = landed[disk] + 1;
    zeros[disk] = landed[disk];
    acknowledged[disk] = landed[disk]
  }
  MAY_CRASH
  giveBack(spot)
}
#endif

#if MAX_SNAPSHOTS > 0
/* Recorded; Nw with drain everywhere; committed for both. Copies nothing. */
inline snapshot() {
  d_step { operation = SNAPPING; oldest = acknowledged[0]; spot = LOCATION(table[0]) }
  MAY_CRASH
  tellAll(0, ENTRY(NW, spot));
#ifdef MUTANT_SNAPSHOT_GRANTS
  await(0, ENTRY(NW, spot), NO_DISK);
#else
  await(0, ENTRY(NW, spot), ALL);
#endif
  atomic { frozen[spot] = 1 }
  MAY_CRASH
  d_step {
    table[0] = ENTRY(NW, spot);
    table[1] = ENTRY(NW, spot);
    operation = NONE;
    frozen[spot] = 0;
    isSnapshot = 1;
    newest = landed[0];
    firstOwn = landed[1];
    acknowledged[1] = landed[1];
    zeros[1] = landed[1]
  }
}

/* Step 560 and what follows it, also after a restart: nobody reads the original for the other disk any more. */
inline finishCopy() {
  tellAll(1 - disk, table[1 - disk] - (STATE(table[1 - disk]) == RW));
  await(1 - disk, table[1 - disk] - (STATE(table[1 - disk]) == RW), ALL);
  atomic { table[disk] = ENTRY(RW, LOCATION(table[disk])); operation = NONE }
}

/* A write to what two disks share: the others move to the copy, the one that faulted keeps its place. */
inline copyOnWrite() {
  takeFree(fresh);
  if
  :: fresh == NOWHERE -> respond(agent, ABSENT)
  :: else ->
     d_step { spot = LOCATION(table[disk]);
       used[fresh] = 1
     }
     frozen[spot] = 1;
     content[fresh] = content[spot];
     MAY_CRASH
     /* Step 550. */
     d_step {
       table[1 - disk] = ENTRY(RW, fresh);
       used[fresh] = 1;
       operation = COPIED;
       faulted = disk;
       frozen[spot] = 0
     }
     MAY_CRASH
#ifdef MUTANT_SKIP_560
     tellAll(1 - disk, table[1 - disk]);
     d_step { waits[0] = NOBODY; waits[1] = NOBODY;
       table[disk] = ENTRY(RW, LOCATION(table[disk])); operation = NONE }
#else
     finishCopy();
#endif
     MAY_CRASH
     tellAll(disk, table[disk]);
     await(disk, table[disk], ALL);
     tellAll(1 - disk, table[1 - disk]);
     await(1 - disk, table[1 - disk], ALL);
     respond(agent, table[disk])
  fi
}

/* The last holder of what was shared may write it where it lies. */
inline soleHolder() {
  d_step { table[disk] = ENTRY(RW, LOCATION(table[disk])) }
  MAY_CRASH
  clearNw()
}

/* Nw is cleared at the agents of the disk; only then is the fault answered. */
inline clearNw() {
  tellAll(disk, table[disk]);
  await(disk, table[disk], ALL);
  respond(agent, table[disk])
}

/* What waits on a disk that goes away fails. */
inline failHeld(a) {
  if
  :: (phase[a] == HELD || phase[a] == LOOK) && target[a] == disk -> forgetIo(a)
  :: else
  fi
}

/* Taken from every agent, drained, committed; what nobody else holds is given back. */
inline deleteDisk() {
  tellAll(disk, ABSENT);
  await(disk, ABSENT, ALL);
  atomic {
    spot = (IS_SHARED -> NOWHERE : LOCATION(table[disk]));
    table[disk] = ABSENT;
    isSnapshot = 0;
    failHeld(0);
    failHeld(1)
  }
  MAY_CRASH
  if
  :: spot != NOWHERE -> giveBack(spot)
  :: else
  fi
}
#endif
