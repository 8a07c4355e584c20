#include "program.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::tests {
namespace {

constexpr int look_every_ms = 5;
constexpr int text_patience_ms = 20'000;

std::string content_of(int file) {
  struct stat status{};
  fstat(file, &status);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const auto got = pread(file, text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

int input_file(const std::string& text) {
  const int file = memfd_create("input", MFD_CLOEXEC);
  if (write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()) || lseek(file, 0, SEEK_SET) != 0) {
    throw std::runtime_error("prepare the input of a program");
  }
  return file;
}

[[noreturn]] void become(const std::vector<char*>& arguments, const Invocation& invocation, int in, int out, int err) {
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  for (const auto& [name, value] : invocation.environment) {
    setenv(name.c_str(), value.c_str(), 1);
  }
  execv(arguments.front(), arguments.data());
  _exit(127);
}

} // namespace

Program::Program(const Invocation& invocation) {
  std::vector<char*> arguments;
  for (const auto& word : invocation.command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  const int in = input_file(invocation.input);
  out_ = memfd_create("out", MFD_CLOEXEC);
  err_ = memfd_create("err", MFD_CLOEXEC);
  fcntl(out_, F_SETFL, O_APPEND);
  fcntl(err_, F_SETFL, O_APPEND);
  pid_ = fork();
  if (pid_ == 0) {
    become(arguments, invocation, in, out_, err_);
  }
  close(in);
  if (pid_ < 0) {
    throw std::runtime_error("fork");
  }
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
}

Program::~Program() {
  if (!reaped_) {
    kill(pid_, SIGKILL);
    static_cast<void>(ended(-1));
  }
  for (const int file : {pidfd_, out_, err_}) {
    close(file);
  }
}

void Program::signal(int number) const {
  kill(pid_, number);
}

std::string Program::out() const {
  return content_of(out_);
}
std::string Program::err() const {
  return content_of(err_);
}

bool Program::ended(int timeout_ms) {
  if (reaped_) {
    return true;
  }
  pollfd watched{pidfd_, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&watched, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) {
    return false;
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  reaped_ = true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Program::wait_for_text(const std::string& text) {
  for (int waited_ms = 0; waited_ms < text_patience_ms; waited_ms += look_every_ms) {
    // A program that has ended has said everything: look once more.
    const bool over = ended(look_every_ms);
    if (out().find(text) != std::string::npos || err().find(text) != std::string::npos) {
      return true;
    }
    if (over) {
      return false;
    }
  }
  return false;
}

Result Program::wait(std::chrono::seconds patience) {
  if (!ended(static_cast<int>(std::chrono::milliseconds(patience).count()))) {
    kill(pid_, SIGKILL);
    static_cast<void>(ended(-1));
  }
  return {exit_code_, out(), err()};
}

Result run(const Invocation& invocation) {
  return Program(invocation).wait();
}

} // namespace ringfleet::tests
