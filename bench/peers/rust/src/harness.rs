//! What every row needs: two pinned processes, the words by which they find their end, the loop that measures, and the
//! result as JSON.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub struct Task {
    pub bytes: usize,
    pub batch: usize,
    pub seconds: f64,
    pub here: usize,
    pub there: usize,
}

/// Slots of every ring that streams are measured on take as much as ours do.
pub const RING_BYTES: usize = 256 << 10;
/// A source looks whether it shall stop once in so many messages.
pub const BLOCK: u64 = 1024;

#[derive(Default)]
pub struct Measured {
    pub ops_per_s: f64,
    pub latency: BTreeMap<u64, u64>,
}

impl Measured {
    pub fn json(&self) -> String {
        let pairs: Vec<String> = self.latency.iter().map(|(ns, count)| format!("[{ns},{count}]")).collect();
        format!("{{\"ops_per_s\":{:.1},\"latency\":[{}]}}", self.ops_per_s, pairs.join(","))
    }
}

/// In memory that both processes share; zeroed.
#[repr(C, align(4096))]
pub struct End {
    stop: AtomicU64,
    sent: AtomicU64,
    drained: AtomicU64,
}

impl End {
    pub fn shared() -> &'static End {
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                std::mem::size_of::<End>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert!(memory != libc::MAP_FAILED, "no shared memory");
        unsafe { &*memory.cast::<End>() }
    }
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire) != 0
    }
    pub fn stop(&self) {
        self.stop.store(1, Ordering::Release);
    }
    pub fn tell_sent(&self, sent: u64) {
        self.sent.store(sent, Ordering::Release);
    }
    /// Nobody reads any more: the source may take its segments away.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire) != 0
    }
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }
}

pub fn pin_to(core: usize) {
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        let result = libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set);
        assert!(result == 0, "cannot pin to core {core}");
    }
}

/// Runs `body` in a child process on `core`. To be called before any thread and any segment exists here.
pub struct Child(libc::pid_t);

impl Child {
    pub fn start(core: usize, body: impl FnOnce()) -> Child {
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "cannot fork");
        if pid == 0 {
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            pin_to(core);
            silence_stdout();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            unsafe { libc::_exit(i32::from(result.is_err())) };
        }
        Child(pid)
    }
    pub fn join(self) {
        let mut status = 0;
        unsafe { libc::waitpid(self.0, &mut status, 0) };
        assert!(status == 0, "the other process ended with wait status {status}");
    }
}

/// Transports print; only the result may be on stdout.
fn silence_stdout() {
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY);
        libc::dup2(null, 1);
    }
}

/// The crates leave some segments whose names begin with that of the ring.
pub fn remove_leftovers(segment: &str) {
    for entry in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(segment) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Tries until it works, for ten seconds.
pub fn attach<T, E: std::fmt::Debug>(mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match attempt() {
            Ok(attached) => return attached,
            Err(error) => assert!(Instant::now() < deadline, "cannot attach: {error:?}"),
        }
        std::thread::yield_now();
    }
}

/// The rate at the sink. `poll` takes what there is and returns the number of messages.
pub fn time_stream(task: &Task, end: &End, child: Child, mut poll: impl FnMut() -> u64) -> Measured {
    let mut taken = 0;
    let mut take_block = |taken: &mut u64| {
        let goal = *taken + BLOCK;
        while *taken < goal {
            *taken += poll();
        }
    };
    let warm_up = Instant::now();
    while warm_up.elapsed().as_secs_f64() < task.seconds * 0.2 {
        take_block(&mut taken);
    }
    let before = taken;
    let begin = Instant::now();
    let mut elapsed = 0.0;
    while elapsed < task.seconds {
        take_block(&mut taken);
        elapsed = begin.elapsed().as_secs_f64();
    }
    let ops_per_s = (taken - before) as f64 / elapsed;
    end.stop();
    while taken != end.sent() {
        taken += poll();
    }
    end.drained.store(1, Ordering::Release);
    child.join();
    Measured { ops_per_s, ..Measured::default() }
}

/// One sample a trip, to three digits.
pub fn time_trips(task: &Task, mut trip: impl FnMut(u64)) -> Measured {
    let mut number = 0;
    let warm_up = Instant::now();
    while warm_up.elapsed().as_secs_f64() < task.seconds * 0.2 {
        number += 1;
        trip(number);
    }
    let mut measured = Measured::default();
    let before = number;
    let begin = Instant::now();
    let mut now = begin;
    while (now - begin).as_secs_f64() < task.seconds {
        number += 1;
        trip(number);
        let after = Instant::now();
        *measured.latency.entry(to_three_digits((after - now).as_nanos() as u64)).or_default() += 1;
        now = Instant::now();
    }
    measured.ops_per_s = (number - before) as f64 / (now - begin).as_secs_f64();
    measured
}

fn to_three_digits(ns: u64) -> u64 {
    let mut unit = 1;
    while ns / unit >= 1000 {
        unit *= 10;
    }
    (ns + unit / 2) / unit * unit
}
