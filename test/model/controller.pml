/* The controller (120): one operation at a time, every durable step on its own, dying anywhere between. */

#define HAS_ENDED(a) (waits[a] == NOBODY || (waits[a] < AWAITED && IS_ACKNOWLEDGED(a, waits[a])))
#define HAS_FAULT(a) \
  (known[a] && mine[a] && session[a] == spoken[a] && phase[a] == HELD && !answered[a])
#define IS_SHARED (LOCATION(table[0]) == LOCATION(table[1]) && IS_MAPPED(table[0]) && IS_MAPPED(table[1]))

inline dieController() {
  crashes++;
#ifdef LEASE
  cannotGo = 0;
#endif
  up = 0;
  known[0] = 0; known[1] = 0;
  waits[0] = NOBODY; waits[1] = NOBODY;
  answered[0] = 0; answered[1] = 0;
  agent = 0; disk = 0; spot = 0; fresh = 0; asked = 0
}
#if MAX_CRASHES > 0
#define MAY_CRASH if :: d_step { crashes < MAX_CRASHES -> dieController() }; goto restart :: skip fi;
#define OR_CRASH :: d_step { crashes < MAX_CRASHES -> dieController() }; goto restart
#else
#define MAY_CRASH
#define OR_CRASH
#endif

/* A message to one agent of the table, whether it is there or not. */
inline tell(a, d, e) {
  if
  :: !holds[a]
  :: holds[a] && known[a] -> send(a, SET, d, e, 1); waits[a] = sent[a]
  :: holds[a] && !known[a] -> waits[a] = AWAITED
  fi
}
inline tellAll(d, e) {
  d_step { tell(0, d, e); tell(1, d, e) }
}

/* Fencing by kill: certain, and at once. By lease: see lease.pml. */
inline fence(a) {
  waits[a] = NOBODY;
  known[a] = 0;
  holds[a] = 0;
  answered[a] = 0
#ifdef LEASE
  ; refused = 1
#else
#ifndef MUTANT_FENCE_UNSEEN
  ; die(a)
#endif
#endif
}
#ifdef LEASE
#define MAY_FENCE(a) ((a) == 0 && cannotGo == 0 && deaths < MAX_DEATHS)
#else
#define MAY_FENCE(a) (deaths < MAX_DEATHS)
#endif
#define FENCES(a) d_step { !HAS_ENDED(a) && MAY_FENCE(a) -> deaths++; fence(a) }

/* A response without change, for I/O that only lacks the entry. */
#define NEEDS_NO_CHANGE(a) (!writing[a] || STATE(table[target[a]]) == RW || table[target[a]] == ABSENT)
#define ANSWERS(a, busy) d_step { HAS_FAULT(a) && target[a] != busy && busy != ALL && NEEDS_NO_CHANGE(a) -> \
    send(a, RESPONSE, target[a], table[target[a]], 0); answered[a] = 1 }

/* Until every agent has acknowledged entry e of disk d or is fenced; faults of other families than `busy` are answered meanwhile. */
#define ALL 3
#define NO_DISK 2
inline await(d, e, busy) {
  do
  :: d_step { HAS_ENDED(0) && HAS_ENDED(1) -> waits[0] = NOBODY; waits[1] = NOBODY } -> break
  :: d_step { waits[0] == AWAITED && known[0] -> send(0, SET, d, e, 1); waits[0] = sent[0] }
  :: d_step { waits[1] == AWAITED && known[1] -> send(1, SET, d, e, 1); waits[1] = sent[1] }
  :: FENCES(0)
  :: FENCES(1)
  :: ANSWERS(0, busy)
  :: ANSWERS(1, busy)
  OR_CRASH
  od
}

/* After a restart: until every agent that may hold tables has come back and forgotten its entries, or is fenced. */
#define HAS_RETURNED(a) (!holds[a] || (known[a] && mine[a] && IS_ACKNOWLEDGED(a, 1)))
inline awaitReturn() {
  do
  :: HAS_RETURNED(0) && HAS_RETURNED(1) -> break
  :: d_step { !HAS_RETURNED(0) && MAY_FENCE(0) -> deaths++; fence(0) }
  :: d_step { !HAS_RETURNED(1) && MAY_FENCE(1) -> deaths++; fence(1) }
  OR_CRASH
  od
}

/* To the process that asked; another one under its name has nothing to hear. */
inline respond(a, e) {
  atomic {
    if
    :: HAS_FAULT(a) && spoken[a] == asked && target[a] == disk -> send(a, RESPONSE, target[a], e, 0); answered[a] = 1
    :: else
    fi
  }
}

/* The first location without a record: free. NOWHERE: the pool is full. */
inline takeFree(l) {
  d_step {
    l = 0;
    do
    :: l < LOCATIONS && used[l] -> l++
    :: else -> break
    od;
    if
    :: l == LOCATIONS -> l = NOWHERE
    :: else
    fi
  }
}

/* Nobody names it any more: punched, then free. Nothing may be in flight there (rule 2). */
inline giveBack(l) {
  d_step {
    assert(!(phase[0] == FLIGHT && place[0] == l));
    assert(!(phase[1] == FLIGHT && place[1] == l));
#ifndef MUTANT_NO_ZEROING
    content[l] = 0
#endif
  }
  MAY_CRASH
  used[l] = 0
}

#include "operations.pml"

proctype Controller() {
  bit agent;
  bit disk;
  byte spot, fresh, asked;
  byte at;
  goto serve;

restart:
  /* A new epoch. What a crash left half done is undone, or finished once its agents can be reached. */
  atomic {
    if
    :: operation == SNAPPING -> operation = NONE
    :: else
    fi;
    at = 0;
    do
    :: at < LOCATIONS ->
       frozen[at] = 0;
       if
       :: used[at] && LOCATION(table[0]) != at && LOCATION(table[1]) != at -> content[at] = 0; used[at] = 0
       :: else
       fi;
       at++
    :: else -> break
    od;
    at = 0;
#if defined(LEASE) && !defined(MUTANT_NO_FULL_LEASE)
    cannotGo = LEASE_TICKS + MARGIN;         /* what its predecessor promised is not known */
#endif
    up = 1
  }
#ifndef MUTANT_ACT_BEFORE_RETURN
  awaitReturn();
#endif
#if MAX_SNAPSHOTS > 0
  if
  :: operation == COPIED ->
     disk = faulted;
     finishCopy()
  :: else
  fi;
#endif

serve:
end:
  do
  :: ANSWERS(0, NO_DISK)
  :: ANSWERS(1, NO_DISK)
  :: atomic {
       if
       :: HAS_FAULT(0) && !NEEDS_NO_CHANGE(0) -> agent = 0
       :: HAS_FAULT(1) && !NEEDS_NO_CHANGE(1) -> agent = 1
       fi;
       disk = target[agent];
       asked = spoken[agent]
     }
     if
     :: STATE(table[disk]) == ZERO -> firstWrite()
#if MAX_SNAPSHOTS > 0
     :: STATE(table[disk]) == NW && IS_SHARED -> copyOnWrite()
     :: STATE(table[disk]) == NW && !IS_SHARED -> soleHolder()
#endif
     fi;
     d_step { agent = 0; disk = 0; spot = 0; fresh = 0; asked = 0 }
#if MAX_UNMAPS > 0
  :: atomic { unmaps < MAX_UNMAPS && (STATE(table[0]) == RW || STATE(table[1]) == RW) ->
       if
       :: STATE(table[0]) == RW -> disk = 0
       :: STATE(table[1]) == RW -> disk = 1
       fi;
       unmaps++ }
     unmap();
     d_step { disk = 0; spot = 0 }
#endif
#if MAX_SNAPSHOTS > 0
  :: d_step { snapshots < MAX_SNAPSHOTS && table[1] == ABSENT && IS_MAPPED(table[0]) -> snapshots++ }
     snapshot();
     spot = 0
  :: d_step { deletions < MAX_DELETIONS && table[1] != ABSENT -> deletions++; disk = 1 }
     deleteDisk();
     d_step { disk = 0; spot = 0 }
#endif
  OR_CRASH
  od
}
