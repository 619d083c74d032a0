/* What the parts of the model share: entries, tables, storage, I/O, and the ghosts that assertions look at. */

/* Scope, overridden with -D; docs/model.md says what is checked with which. */
#ifndef LOCATIONS
#define LOCATIONS 2
#endif
#ifndef MAX_WRITES
#define MAX_WRITES 2
#endif
#ifndef MAX_UNMAPS
#define MAX_UNMAPS 0
#endif
#ifndef MAX_SNAPSHOTS
#define MAX_SNAPSHOTS 0
#endif
#ifndef MAX_DELETIONS
#define MAX_DELETIONS 0
#endif
#ifndef MAX_CRASHES
#define MAX_CRASHES 0
#endif
#ifndef MAX_DEATHS
#define MAX_DEATHS 0
#endif

#define AGENTS 2
#define DISKS 2

/* An entry (210): a state in two bits, a location above. */
#define INV 0
#define ZERO 1
#define NW 2
#define RW 3
#define NOWHERE 3
#define ENTRY(state, location) ((state) | ((location) << 2))
#define STATE(entry) ((entry) & 3)
#define LOCATION(entry) ((entry) >> 2)
/* In a table: the disk does not exist. */
#define ABSENT ENTRY(INV, NOWHERE)
#define IS_MAPPED(entry) (STATE(entry) >= NW)

/* ---- Persistent: the controller's store and the devices ------------------------------------- */

byte table[DISKS];         /* one segment a disk */
bit used[LOCATIONS];       /* the record that a location is taken */
#define NONE 0
#define SNAPPING 1
#define COPIED 2           /* step 550 is committed, 560 is not complete */
byte operation;
bit faulted;               /* COPIED: the disk that faulted and keeps its place */
bit holds[AGENTS];         /* the agent's record: this incarnation may hold tables */
/* 0: zeros. 1 to 7: the so manieth change of disk 0. 8 + n: the n-th change of disk 1. */
byte content[LOCATIONS];

/* ---- Agents: volatile ------------------------------------------------------------------------ */

byte entry[AGENTS * DISKS];
#define ENTRY_OF(a, d) entry[(a) * DISKS + (d)]

/* One I/O of a host at a time through each agent. */
#define IDLE 0
#define LOOK 1             /* about to look at its entry */
#define HELD 2             /* its fault waits for the controller; it holds no reference */
#define FLIGHT 3           /* in its system call; it holds a reference */
byte phase[AGENTS];
bit writing[AGENTS];
bit target[AGENTS];        /* the disk */
byte place[AGENTS];        /* the location, in flight */
byte least[AGENTS];        /* of a read: what had been acknowledged when it began */

/* ---- Ghosts: known to assertions only --------------------------------------------------------- */

byte landed[DISKS];        /* changes that reached the disk's contents */
byte acknowledged[DISKS];  /* the newest of them that a host was told of */
byte zeros[DISKS];         /* the change that made the disk zero where it reads so without data */
bit frozen[LOCATIONS];     /* Nw is acknowledged by all, the remap not yet committed */
byte writes, unmaps, snapshots, deletions, crashes, deaths;
#if MAX_SNAPSHOTS > 0
bit isSnapshot;            /* disk 1 began as a snapshot of disk 0 */
byte oldest, newest;       /* what it may read of disk 0 */
byte firstOwn;             /* changes of an earlier disk 1 */
#endif

#define VALUE(d, n) ((d) * 8 + (n))

/* The contents `value`, read for a host through disk d by an I/O that began when `least` had been acknowledged. */
inline judge(d, value, minimum) {
  if
  :: value == 0 ->
#if MAX_SNAPSHOTS > 0
     assert(!(d == 1 && isSnapshot) || (oldest == 0 && minimum == firstOwn));
#endif
     assert(zeros[d] >= minimum)                        /* rule 8 */
  :: value > 0 && value < 8 && d == 0 -> assert(value >= minimum)       /* rule 8 */
  :: value >= 8 && d == 1 ->
     assert(value - 8 >= minimum)                       /* rule 8 */
#if MAX_SNAPSHOTS > 0
     ; assert(value - 8 > firstOwn)                   /* rule 3 */
#endif
  :: value > 0 && value < 8 && d == 1 ->
#if MAX_SNAPSHOTS > 0
     assert(isSnapshot && value >= oldest);           /* rule 5: what was acknowledged before */
     assert(value <= newest);                         /* rule 5: nothing begun after it was done */
     assert(minimum == firstOwn)                        /* rule 8: not after a write of its own */
#else
     assert(false)                                    /* rule 3: another disk's data */
#endif
  :: value >= 8 && d == 0 -> assert(false)            /* rule 3 */
  fi
}
