//! Fixed-size messages through the ring of `disruptor-mp`, one producer, one consumer.

use crate::harness::{attach, pin_to, remove_leftovers, time_stream, Child, End, Measured, Task, BLOCK, RING_BYTES};
use disruptor_mp::{attach_shared_consumer, build_shared_single_producer, portable_shm_segment_name};
use std::time::Duration;

#[derive(Clone, Copy)]
#[repr(C)]
struct Message<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Default for Message<WORDS> {
    fn default() -> Self {
        Message([0; WORDS])
    }
}

impl<const WORDS: usize> Message<WORDS> {
    fn fill(&mut self, number: u64) {
        for (i, word) in self.0.iter_mut().enumerate() {
            *word = number + i as u64;
        }
    }
    fn difference_from(&self, number: u64) -> u64 {
        self.0.iter().enumerate().fold(0, |difference, (i, word)| difference | (word ^ (number + i as u64)))
    }
}

pub fn measure<const WORDS: usize>(task: &Task) -> Measured {
    let slots = RING_BYTES / task.bytes;
    let segment = portable_shm_segment_name("rfbench");
    let end = End::shared();
    let child = Child::start(task.there, || {
        let mut producer = build_shared_single_producer::<Message<WORDS>>(&segment, slots)
            .discover_consumer_with_prefix_and_interval(1, "cp", Duration::from_millis(1))
            .wait_for_consumers(1, Duration::from_secs(10))
            .build_producer(Message::default)
            .expect("producer");
        while producer.get_consumer_count() == 0 {
            let _ = producer.min_gating_sequence();
        }
        let mut number = 0;
        while number == 0 || !end.is_stopped() {
            let until = number + BLOCK;
            while number < until {
                if task.batch == 1 {
                    producer.publish(|message| message.fill(number));
                    number += 1;
                } else if producer.try_batch_publish(task.batch, |message, i| message.fill(number + i as u64)).is_ok() {
                    number += task.batch as u64;
                }
            }
        }
        end.tell_sent(number);
        while !end.is_drained() {
            std::hint::spin_loop();
        }
    });
    pin_to(task.here);
    let mut consumer =
        attach(|| attach_shared_consumer::<Message<WORDS>>(&segment, slots).with_consumer_id("cp_0").build_consumer());
    let (mut number, mut difference) = (0, 0);
    let measured = time_stream(task, end, child, || {
        consumer.process_available(|message, _| {
            difference |= message.difference_from(number);
            number += 1;
        }) as u64
    });
    drop(consumer);
    remove_leftovers(&segment);
    assert!(difference == 0, "the stream differs from what was sent");
    measured
}
