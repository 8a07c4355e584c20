//! Framed messages through `myelon`, one producer, one consumer; the frame is as large as the message.

use crate::harness::{attach, pin_to, remove_leftovers, time_stream, Child, End, Measured, Task, BLOCK};
use myelon::portable_shm_segment_name;
use myelon::transport::{
    AlignedFixedFrame, FramedTransportConsumer, FramedTransportProducer, MyelonWaitStrategy, ReassemblyBuffer,
};
use std::time::Duration;

const DEPTH_BYTES: usize = 4 << 20;

macro_rules! with_frame_of {
    ($task:expr, $($bytes:literal),*) => {
        match $task.bytes {
            $($bytes => measure_frames::<AlignedFixedFrame<$bytes>>($task),)*
            bytes => panic!("no frame of {bytes} bytes"),
        }
    };
}

pub fn measure(task: &Task) -> Measured {
    with_frame_of!(task, 32, 1024, 16384, 65536)
}

/// Constant but for its first and its last word, which are the number.
struct Payload {
    bytes: Vec<u8>,
    sum_of_the_rest: u64,
}

impl Payload {
    fn new(bytes: usize) -> Payload {
        let bytes: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
        let sum_of_the_rest = sum(&bytes[8..bytes.len() - 8]);
        Payload { bytes, sum_of_the_rest }
    }
    fn numbered(&mut self, number: u64) -> &[u8] {
        let last = self.bytes.len() - 8;
        self.bytes[..8].copy_from_slice(&number.to_ne_bytes());
        self.bytes[last..].copy_from_slice(&number.to_ne_bytes());
        &self.bytes
    }
    fn difference_from(&self, number: u64, received: &[u8]) -> u64 {
        let expected = self.sum_of_the_rest.wrapping_add(number.wrapping_mul(2));
        u64::from(received.len() != self.bytes.len()) | (sum(received) ^ expected)
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks_exact(8).fold(0u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(word.try_into().expect("word"))))
}

fn measure_frames<Frame: myelon::transport::FramedTransportFrame>(task: &Task) -> Measured {
    let depth = (DEPTH_BYTES / task.bytes).clamp(16, 8192).next_power_of_two();
    let segment = portable_shm_segment_name("rfbench");
    let end = End::shared();
    let child = Child::start(task.there, || {
        let mut producer = FramedTransportProducer::<Frame>::create(&segment, depth).expect("producer");
        assert!(producer.discover_consumers(Duration::from_secs(10)), "the consumer is not there");
        let mut payload = Payload::new(task.bytes);
        let mut number = 0;
        while number == 0 || !end.is_stopped() {
            for _ in 0..BLOCK {
                producer.publish(payload.numbered(number), 1);
                number += 1;
            }
        }
        end.tell_sent(number);
        while !end.is_drained() {
            std::hint::spin_loop();
        }
    });
    pin_to(task.here);
    let mut consumer =
        attach(|| FramedTransportConsumer::<Frame>::attach(&segment, depth, MyelonWaitStrategy::BusySpin));
    let mut reassembly = ReassemblyBuffer::new(task.bytes);
    let expected = Payload::new(task.bytes);
    let (mut number, mut difference) = (0, 0);
    let measured = time_stream(task, end, child, || {
        consumer.process_available_messages(&mut reassembly, |_, received| {
            difference |= expected.difference_from(number, received);
            number += 1;
        }) as u64
    });
    drop(consumer);
    remove_leftovers(&segment);
    assert!(difference == 0, "the stream differs from what was sent");
    measured
}
