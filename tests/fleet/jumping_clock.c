/* Preloaded: the wall clock of this process and of its children jumps at each reading, a day forth and a day back. The
 * monotonic clocks stay as they are. */

#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { day = 86400 };

static time_t jump(void) {
  static atomic_uint readings;
  return atomic_fetch_add(&readings, 1) % 2 == 0 ? day : -day;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const long status = syscall(SYS_clock_gettime, clock, now);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI)) {
    now->tv_sec += jump();
  }
  return (int)status;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  (void)zone;
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* now) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  if (now != 0) {
    *now = time.tv_sec;
  }
  return time.tv_sec;
}
