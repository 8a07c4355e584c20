// Runs a program and lets one of its system calls fail, or kills the process at its door. Linux, ptrace, no privilege.
//
//   inject REPORT record PROGRAM …                        lists the system calls between the program's two marks
//   inject REPORT PROCESS THREAD CALL NTH KIND PROGRAM …  KIND: an errno (the call is not made and returns it), `kill`,
//                                                         or `storm` (EINTR in place of every second one)
//   inject REPORT steps N PROGRAM …                       single-steps the thread that raises SIGURG until it raises
//                                                         it again; kills its process after N instructions, 0: counts
//
// PROCESS and THREAD count from 0 in the order of their creation, CALL is the number of the system call, NTH counts
// from 0 within that thread between the marks. The report is one line of JSON for each call recorded, and one at the
// end: was the place reached, how the program ended, who crashed, who was left over. The exit status is 0 unless
// ptrace itself does not work here, then it is 77. What is counted begins with the program's mark; with
// `whole` before PROGRAM it begins at the program's entry, where the loader has done its part.
//
// Why not strace: its `when=` counts in each thread by itself, so in a fleet of five threads and two processes one
// case would be up to seven faults. See docs/decisions/0701-the-system-calls-of-one-thread.md.

#include "plan.hpp"
#include "tracee.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace ringfleet::test;

// Generous: it is for what hangs, on a machine that may be slow.
constexpr int watchdog_seconds = 60;
constexpr int orphan_seconds = 20;
std::atomic<int> is_late = 0; // set by the watchdog

class Injector {
public:
  Injector(const Plan& plan, std::FILE* report) : plan_(plan), report_(report) {}

  void run(char** command) {
    root_ = start(command);
    processes_[root_] = {.ordinal = 0, .is_ours = true};
    tracees_[root_] = {.process = root_, .ordinal = 0};
    watch(watchdog_seconds);
    for (;;) {
      int status = 0;
      const pid_t tid = waitpid(-1, &status, __WALL);
      if (is_late.exchange(0) != 0) { // also when there is always something else to see to
        give_up();
      }
      if (tid < 0 && errno == EINTR) {
        continue;
      }
      if (tid < 0) {
        break;
      }
      see_to_all(tid, status);
    }
    say("gone");
  }

private:
  // Everybody who has stopped or ended, before anybody goes on. The kernel tells of our own child first, the program's
  // first thread: when that makes call after call and is stopped again in no time, the others would wait for ever.
  void see_to_all(pid_t tid, int status) {
    std::vector<std::pair<pid_t, int>> all;
    for (; tid > 0; tid = waitpid(-1, &status, __WALL | WNOHANG)) {
      all.emplace_back(tid, status);
    }
    for (const auto& [who, how] : all) {
      WIFSTOPPED(how) ? stopped(who, how) : ended(who, how);
    }
  }

  static void watch(int seconds) {
    const itimerval timer{.it_interval = {1, 0}, .it_value = {seconds, 0}};
    setitimer(ITIMER_REAL, &timer, nullptr);
  }

  void stopped(pid_t tid, int status) {
    const auto found = tracees_.find(tid);
    if (found == tracees_.end()) {
      early_.insert(tid); // its parent's event has yet to come
      adopt_unannounced();
      return;
    }
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) {
      at_call(tid, found->second);
      return;
    }
    if (event == 0 && at_instruction(tid, found->second, signal)) {
      return;
    }
    if (event == PTRACE_EVENT_STOP) {
      const bool is_group_stop = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
      is_group_stop ? void(ptrace(PTRACE_LISTEN, tid, 0, 0)) : resume(tid);
      return;
    }
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
      born(tid, event == PTRACE_EVENT_CLONE);
    } else if (event == PTRACE_EVENT_EXEC) {
      executed(tid);
    }
    resume(tid, event == 0 ? signal : 0);
  }

  void born(pid_t parent, bool is_thread) {
    unsigned long message = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent, 0, &message) != 0) {
      return; // killed meanwhile
    }
    const auto child = static_cast<pid_t>(message);
    const pid_t process = tracees_[parent].process;
    if (is_thread) {
      tracees_[child] = {.process = process, .ordinal = ++processes_[process].threads};
    } else {
      processes_[child] = {.ordinal = ++processes_born_, .is_ours = processes_[process].is_ours};
      tracees_[child] = {.process = child, .ordinal = 0};
    }
    if (early_.erase(child) != 0) {
      resume(child);
    }
  }

  // Whose parent was killed before it could tell of the birth: nobody tells any more. A thread dies with its process.
  void adopt_unannounced() {
    for (auto early = early_.begin(); early != early_.end();) {
      const pid_t child = *early;
      if (status_of(child, "Tgid") != child || processes_.contains(status_of(child, "PPid"))) {
        ++early;
        continue;
      }
      early = early_.erase(early);
      processes_[child] = {.ordinal = ++processes_born_};
      tracees_[child] = {.process = child, .ordinal = 0};
      resume(child);
    }
  }

  // What follows is the dynamic loader's, until the new program speaks to its scheduler.
  void executed(pid_t tid) {
    std::erase_if(tracees_, [&](const auto& item) { return item.second.process == tid && item.first != tid; });
    auto& tracee = tracees_[tid];
    tracee = {.process = tid, .ordinal = 0};
    if (tid != root_) {
      processes_[tid].is_ours = false;
    } else if (plan_.whole) {
      entry_.put_in(tid);
    }
  }

  // The window that is stepped through, and the entry of a program that is counted as a whole.
  [[nodiscard]] bool at_instruction(pid_t tid, const Tracee& tracee, int signal) {
    if (plan_.steps && signal == SIGURG) {
      stepped_ = stepped_ == tid ? 0 : tid;
    } else if (signal == SIGTRAP && tid == stepped_) {
      if (++steps_ == plan_.step) {
        reached_ = true;
        kill(tracee.process, SIGKILL);
      }
    } else if (signal == SIGTRAP && tid == root_ && entry_.is_set()) {
      entry_.take_out(tid);
      phase_ = true;
    } else {
      return false;
    }
    resume(tid);
    return true;
  }

  void at_call(pid_t tid, Tracee& tracee) {
    const Call call = look_at(tid);
    if (!call.is_entry) {
      if (tracee.pending_error != 0) {
        set_result(tid, -tracee.pending_error);
        tracee.pending_error = 0;
      }
      resume(tid);
      return;
    }
    Process& process = processes_[tracee.process];
    if (call.number == SYS_prctl && call.arguments[0] == phase_mark && tid == root_) {
      phase_ = call.arguments[1] != 0;
      is_over_ = !phase_;
      resume(tid);
      return;
    }
    // A runner's first own call asks who made its control socket.
    process.is_ours = process.is_ours || (call.number == SYS_getsockopt && call.arguments[0] == 3);
    if (!phase_ || !process.is_ours || is_done() || plan_.steps) {
      resume(tid);
      return;
    }
    const Place here{process.ordinal, tracee.ordinal, call.number, tracee.counts[call.number]++};
    if (plan_.record) {
      std::fprintf(report_, "{\"process\":%d,\"thread\":%d,\"call\":%ld,\"nth\":%ld,\"arguments\":[%ld,%ld,%ld]}\n",
                   here.process, here.thread, here.call, here.nth, static_cast<long>(call.arguments[0]),
                   static_cast<long>(call.arguments[1]), static_cast<long>(call.arguments[2]));
    } else if (plan_.is_meant(here, call)) {
      reached_ = true;
      if (plan_.error == 0) {
        kill(tracee.process, SIGKILL);
      } else {
        tracee.pending_error = plan_.error;
        skip_call(tid);
      }
    }
    resume(tid);
  }

  [[nodiscard]] bool is_done() const { return reached_ && !plan_.storm; }

  void resume(pid_t tid, int signal = 0) {
    // Once the fault is in, or the part is over, nobody needs to stop any more; who steps one thread looks at no calls.
    const bool at_full_speed = plan_.steps || ((is_done() || is_over_) && tracees_[tid].pending_error == 0);
    const bool by_steps = tid == stepped_ && !is_done();
    ptrace(by_steps ? PTRACE_SINGLESTEP : at_full_speed ? PTRACE_CONT : PTRACE_SYSCALL, tid, 0, signal);
  }

  void ended(pid_t tid, int status) {
    const bool is_process = processes_.contains(tid);
    tracees_.erase(tid);
    early_.erase(tid);
    if (!is_process) {
      return;
    }
    const int ordinal = processes_[tid].ordinal;
    processes_.erase(tid);
    adopt_unannounced();
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (signal != 0 && signal != SIGKILL && signal != SIGTERM) {
      crashes_ += std::string(crashes_.empty() ? "" : ", ") + "\"process " + std::to_string(ordinal) + " ended by SIG" +
                  sigabbrev_np(signal) + "\"";
    }
    if (tid == root_) {
      root_signal_ = signal;
      root_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      if (plan_.whole) { // what it left running may be meant to run: whoever started us decides
        say("ended");
      } else {
        watch(orphan_seconds);
      }
    }
  }

  // The watchdog: either the program hangs, or it is gone and has left somebody behind.
  void give_up() {
    for (const auto& [pid, process] : processes_) {
      std::string calls;
      for (const auto& [tid, tracee] : tracees_) {
        if (tracee.process == pid) {
          std::string line;
          std::getline(std::ifstream("/proc/" + std::to_string(tid) + "/syscall"), line);
          calls += (calls.empty() ? "" : "; ") + line;
        }
      }
      left_ +=
          std::string(left_.empty() ? "" : ", ") + "\"process " + std::to_string(process.ordinal) + ": " + calls + "\"";
    }
    hung_ = hung_ || processes_.contains(root_);
    for (const auto& [pid, process] : processes_) {
      kill(pid, SIGKILL);
    }
    watch(orphan_seconds);
  }

  // `when`: the program has `ended`, or with it everybody who came of it is `gone`.
  void say(const char* when) const {
    std::fprintf(report_,
                 "{\"when\":\"%s\",\"reached\":%s,\"hung\":%s,\"signal\":%d,\"code\":%d,\"steps\":%ld,\"crashes\":[%s],"
                 "\"left\":[%s]}\n",
                 when, reached_ ? "true" : "false", hung_ ? "true" : "false", root_signal_, root_code_, steps_,
                 crashes_.c_str(), left_.c_str());
    std::fflush(report_);
  }

  Plan plan_;
  std::FILE* report_;
  pid_t root_ = 0;
  std::map<pid_t, Tracee> tracees_;
  std::map<pid_t, Process> processes_;
  std::set<pid_t> early_;
  int processes_born_ = 0;
  Entry entry_;
  pid_t stepped_ = 0;
  long steps_ = 0;
  bool phase_ = false;
  bool is_over_ = false;
  bool reached_ = false;
  bool hung_ = false;
  int root_signal_ = 0;
  int root_code_ = 0;
  std::string crashes_;
  std::string left_;
};

} // namespace

int main(int argc, char** argv) {
  Plan plan;
  const int rest = plan.read(argc, argv);
  if (rest == 0) {
    std::fputs(Plan::usage, stderr);
    return 2;
  }
  std::FILE* const report = std::fopen(argv[1], "we");
  if (report == nullptr) {
    std::perror(argv[1]);
    return 2;
  }
  struct sigaction alarm_action{};
  alarm_action.sa_handler = [](int) { is_late = 1; };
  sigaction(SIGALRM, &alarm_action, nullptr); // without SA_RESTART: it ends a waitpid
  prctl(PR_SET_CHILD_SUBREAPER, 1);           // whoever is orphaned becomes ours, and is waited for
  Injector(plan, report).run(argv + rest);
  std::fclose(report);
}
