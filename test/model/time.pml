/* Time passes for the agent under a lease and for the controller; and that agent's requests for renewal. */
proctype Time() {
end:
  do
  :: d_step { CALL_MAY_LAST -> age(0) }
  :: d_step { CALL_MAY_LAST && !behind && lease > 0 -> age(1) }
  /* It asks, with a nonce; the controller answers one that it has not fenced; the answer comes, or is lost. */
  :: d_step { request == 0 && mine[0] -> request = 1; behindSince = 0 }
  :: d_step { request > 0 && !granted && up && known[0] && mine[0] && !refused ->
       granted = 1; cannotGo = LEASE_TICKS + MARGIN }
  :: d_step { request > 0 && granted ->
       if
       :: LEASE_OF > lease -> lease = LEASE_OF; behind = behindSince
       :: else
       fi;
       request = 0; granted = 0; behindSince = 0 }
  :: d_step { request > 0 -> request = 0; behindSince = 0; KEEP_ANSWER }
  /* Its hello is refused, since it was fenced: the process ends, and another one begins. */
  :: d_step { refused && up -> refused = 0; die(0); endLease() }
  od
}
