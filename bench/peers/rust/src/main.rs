//! One row of a benchmark, measured over a transport that is published as a crate:
//!
//!   rust_peers stream disruptor-mp BYTES BATCH SECONDS SINK_CORE SOURCE_CORE
//!   rust_peers stream myelon       BYTES 1     SECONDS SINK_CORE SOURCE_CORE
//!   rust_peers trip   iceoryx2     BYTES 1     SECONDS CLIENT_CORE SERVER_CORE
//!
//! The last line on stdout is a JSON object: `ops_per_s`, and for round trips `latency`, pairs of nanoseconds and how
//! often. Same messages, same pinning, same check of every word as in our own rows.

mod disruptor_stream;
mod harness;
mod iceoryx2_trip;
mod myelon_stream;

use harness::{Measured, Task};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [kind, transport, bytes, batch, seconds, here, there] = words[..] else {
        eprintln!("usage: rust_peers stream|trip TRANSPORT BYTES BATCH SECONDS CORE CORE");
        std::process::exit(2);
    };
    let task = Task {
        bytes: number(bytes),
        batch: number(batch),
        seconds: number(seconds),
        here: number(here),
        there: number(there),
    };
    let measured: Measured = match (kind, transport, task.bytes) {
        ("stream", "disruptor-mp", 8) => disruptor_stream::measure::<1>(&task),
        ("stream", "disruptor-mp", 64) => disruptor_stream::measure::<8>(&task),
        ("stream", "myelon", _) => myelon_stream::measure(&task),
        ("trip", "iceoryx2", _) => iceoryx2_trip::measure(&task),
        _ => {
            eprintln!("rust_peers: there is no row {kind} {transport} with {bytes} bytes");
            std::process::exit(2);
        }
    };
    println!("{}", measured.json());
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| {
        eprintln!("rust_peers: '{text}' is not a number");
        std::process::exit(2);
    })
}
