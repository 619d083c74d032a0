/** Without these, an emulated boot waits for timers and self-tests that a guest of this kind does not need. */
export const KERNEL_WORDS = [
  ..."console=ttyS0 quiet panic=-1 mitigations=off nokaslr".split(" "),
  ..."tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on".split(" "),
];
