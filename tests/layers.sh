# The layers of proof, each to be run alone, and all of them in one long run; read by `dev`, whose functions they use.
# What a layer proves is told in docs/testing.md.

# layer_of ARGUMENTS…: some tests of the release build, of which just those programs are built; their result and sums.
layer_of() {
  configure_release
  suites build "$@"
  [ ! -e build/meson-logs/testlog.txt ] || python3 -B tests/totals/totals.py build/meson-logs/testlog.txt
  verdict
}

# A count for RINGFLEET_TEST_ROUNDS, if one is given. Who wants more than usual gets the time for it.
more_time=()
rounds() {
  [ $# -gt 0 ] || return 0
  [[ $1 =~ ^[1-9][0-9]{0,14}$ ]] || die "how many? '$1' is no number from 1 on"
  export RINGFLEET_TEST_ROUNDS=$1
  more_time=(-t 0)
}

# command_explore [EXECUTIONS]: at most so many of each world, instead of what a test run has time for.
command_explore() {
  rounds "$@"
  layer_of --suite explore "${more_time[@]}"
}

# command_flips [INSTRUCTIONS]: so many for each attack.
command_flips() {
  rounds "$@"
  layer_of flip_frame flip_producer flip_ring flip_member flip_call flip_lane flip_file "${more_time[@]}"
}

# command_syscalls [all | ROW…]: a sample of every row, everything, or everything of these rows.
command_syscalls() {
  if [ $# -gt 0 ]; then
    RINGFLEET_SYSCALLS=$(
      IFS=,
      echo "$*"
    )
    export RINGFLEET_SYSCALLS
  fi
  layer_of --suite syscalls -v -t 0
}

# Modules and processes that fail in every way of docs/failures.md.
command_zoo() { layer_of --suite runner --suite fleet --no-suite explore --no-suite kill; }

# Every recovery is stepped and killed as well, where a test run has a sample of them.
command_kills() {
  configure_release
  local -a programs
  mapfile -t programs < <(sed -n "s/^  '\([a-z_]*\)': \[files('[a-z_]*_stepkill.cpp').*/stepkill_\1/p" tests/kill/meson.build)
  say "building ${#programs[@]} programs"
  ninja -C build "${programs[@]/#/tests/kill/}" >&2
  RINGFLEET_STEPKILL=all meson test -C build --no-rebuild -t 4 -v "$@" "${programs[@]}"
}

# command_mutants ARGUMENTS…: a build folder with ThreadSanitizer is used if it is there, for the weakened memory orders.
# What it says is kept for `./dev totals`.
command_mutants() {
  configure_release
  local -a tsan=()
  [ ! -e build-tsan/build.ninja ] || tsan=(--tsan-build build-tsan)
  python3 -B tests/mutation/mutate.py build "${tsan[@]}" "$@" | tee build/mutants.log
}

fuzz_targets() {
  local source
  for source in tests/fuzz/*.cpp; do
    source=$(basename "$source" .cpp)
    [ "$source" = driver ] || echo "$source"
  done
}

fuzz_executions=0 fuzz_findings=0
# fuzz_one TARGET SECONDS
fuzz_one() {
  local target=$1 seconds=$2 status=0 log finding
  local program=build-fuzz/tests/fuzz/${target}_fuzz work=build-fuzz/corpus/$target kept=tests/fuzz/corpus/$target
  mkdir -p "$work"
  log=build-fuzz/$target.log
  say "$target: $seconds seconds (what libFuzzer says is in $log)"
  ASAN_OPTIONS=detect_stack_use_after_return=0:malloc_context_size=8 UBSAN_OPTIONS=print_stacktrace=1 \
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/finding-$target-" "$work" "$kept" >"$log" 2>&1 || status=$?
  fuzz_executions=$((fuzz_executions + $(awk '/^stat::number_of_executed_units:/ { n = $2 } END { print n + 0 }' "$log")))
  [ "$status" -ne 0 ] || return 0
  fuzz_findings=$((fuzz_findings + 1))
  cat "$log" >&2
  finding=$(awk '/Test unit written to/ { path = $NF } END { print path }' "$log")
  say "$target: a finding; the input is ${finding:-not known}. See it again: $program ${finding:-FILE}"
  say "when it is fixed: cp ${finding:-FILE} $kept/WHAT-IT-WAS, and every test run has it"
}

command_fuzz() {
  local wanted=${1:-} seconds=${2:-60} target
  local -a targets
  mapfile -t targets < <(fuzz_targets)
  if [ -z "$wanted" ]; then
    printf '%s\n' "${targets[@]}"
    return 0
  fi
  [[ $seconds =~ ^[1-9][0-9]{0,6}$ ]] || die "fuzz for how many seconds? '$seconds' is no number from 1 on"
  if [ "$wanted" = all ]; then
    seconds=$(((seconds + ${#targets[@]} - 1) / ${#targets[@]}))
  else
    grep -qx -- "$wanted" <<<"$(printf '%s\n' "${targets[@]}")" ||
      die "no fuzz target '$wanted'; there are: all ${targets[*]}"
    targets=("$wanted")
  fi
  need "${build_packages[@]}" "${fuzz_packages[@]}"
  configure build-fuzz --native-file tests/presets/fuzz.ini
  local -a programs=("${targets[@]/#/tests/fuzz/}")
  ninja -C build-fuzz "${programs[@]/%/_fuzz}" >&2
  for target in "${targets[@]}"; do
    fuzz_one "$target" "$seconds"
  done
  echo "totals: fuzz_executions=$fuzz_executions fuzz_findings=$fuzz_findings"
  [ "$fuzz_findings" -eq 0 ]
}

# Hostile input once more, for what no sanitizer of ours sees: values that nobody has written. Valgrind has no
# epoll_pwait2 and no pidfd, so targets that are or watch processes stay out.
command_valgrind() {
  need "${build_packages[@]}" "${valgrind_packages[@]}"
  local target
  local -a tests=()
  for target in $(fuzz_targets); do
    case $target in
      control_server | lane_broker | ring_files) ;;
      *) tests+=("fuzz_$target") ;;
    esac
  done
  layer_of "${tests[@]}" -t 10 --wrapper 'valgrind -q --error-exitcode=9'
}

# command_soak [--all] [MINUTES] [--seed SEED]: ends with 1 when anything was lost or left behind, and says how to see it again.
command_soak() {
  if [ "${1:-}" = --all ]; then
    shift
    command_everything "$@"
    return
  fi
  configure_release
  say "building the soak and what it starts"
  ninja -C build soak-parts >&2
  build/tests/soak/soak "$@"
}

# layer NAME ARGUMENTS…: `./dev ARGUMENTS…` as one layer of a long run; what became of it, now and at the end.
layer_results=''
layer() {
  local name=$1 began=$SECONDS status=0 result
  shift
  say "layer $name: ./dev $*"
  ./dev "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1)) result=passed
  else
    failed=$((failed + 1)) result=FAILED
  fi
  result="$result  $name  $(((SECONDS - began) / 60)) min  (./dev $*)"
  say "$result"
  layer_results+="$result"$'\n'
}

# command_everything [MINUTES] [--seed SEED]: every layer as far as it goes; MINUTES for the random operations, as many for
# the search for hostile input. One layer that fails does not stop the others.
command_everything() {
  local minutes=30
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    minutes=$1
    shift
  fi
  [[ $minutes =~ ^[1-9][0-9]{0,5}$ ]] || die "soak for how many minutes? '$minutes' is no number from 1 on"
  (configure_release && configure build-tsan --native-file tests/presets/tsan.ini -Dbench=disabled) || true # weakened orders
  layer random soak "$minutes" "$@"
  layer models models
  layer explored explore 1000000
  layer killed kills
  layer changed flips 2000000
  layer syscalls syscalls all
  layer zoo zoo
  layer mutants mutants
  layer unwritten valgrind
  layer fuzz fuzz all "$((minutes * 60))"
  layer coverage coverage
  printf '%s' "$layer_results"
  verdict
}
