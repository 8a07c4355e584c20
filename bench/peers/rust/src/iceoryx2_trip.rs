//! A loan there and a loan back through `iceoryx2`: only the first and the last bytes are touched.

use crate::harness::{attach, pin_to, time_trips, Child, End, Measured, Task};
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;

const END_OF_RUN: u64 = u64::MAX;

struct Ports {
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
}

fn open(node: &Node<ipc::Service>, sends: &str, receives: &str, bytes: usize) -> Ports {
    let service = |name: &str| {
        node.service_builder(&name.try_into().expect("service name"))
            .publish_subscribe::<[u8]>()
            .max_publishers(1)
            .max_subscribers(1)
            .history_size(0)
            .subscriber_max_buffer_size(2)
            .subscriber_max_borrowed_samples(2)
            .open_or_create()
            .expect("service")
    };
    Ports {
        publisher: service(sends)
            .publisher_builder()
            .initial_max_slice_len(bytes)
            .max_loaned_samples(2)
            .create()
            .expect("publisher"),
        subscriber: service(receives).subscriber_builder().create().expect("subscriber"),
    }
}

/// The payload stays as it is but for its header and its last word.
fn send(ports: &Ports, number: u64, bytes: usize) {
    let mut sample = ports.publisher.loan_slice_uninit(bytes).expect("loan");
    let payload = sample.payload_mut();
    let word = number.to_ne_bytes();
    for (i, byte) in word.iter().enumerate() {
        payload[i].write(*byte);
        payload[bytes - word.len() + i].write(*byte);
    }
    unsafe { sample.assume_init() }.send().expect("send");
}

fn receive(ports: &Ports, bytes: usize) -> u64 {
    loop {
        if let Some(sample) = ports.subscriber.receive().expect("receive") {
            let payload = sample.payload();
            let number = u64::from_ne_bytes(payload[..8].try_into().expect("eight bytes"));
            let last = u64::from_ne_bytes(payload[bytes - 8..].try_into().expect("eight bytes"));
            assert!(payload.len() == bytes && number == last, "the payload differs from what was sent");
            return number;
        }
    }
}

pub fn measure(task: &Task) -> Measured {
    let pid = std::process::id();
    let (there, back) = (format!("ringfleet-bench/{pid}/there"), format!("ringfleet-bench/{pid}/back"));
    set_log_level(LogLevel::Fatal);
    let bytes = task.bytes;
    let end = End::shared();
    let child = Child::start(task.there, || {
        let node = NodeBuilder::new().create::<ipc::Service>().expect("node");
        let ports = open(&node, &back, &there, bytes);
        end.tell_sent(1);
        loop {
            let number = receive(&ports, bytes);
            send(&ports, number, bytes);
            if number == END_OF_RUN {
                end.tell_sent(2);
                while !end.is_stopped() {
                    std::hint::spin_loop();
                }
                break;
            }
        }
    });
    pin_to(task.here);
    let node = NodeBuilder::new().create::<ipc::Service>().expect("node");
    let ports = open(&node, &there, &back, bytes);
    attach(|| if end.sent() == 0 { Err("the server is not there") } else { Ok(()) });
    let trip = |number| {
        send(&ports, number, bytes);
        assert!(receive(&ports, bytes) == number, "the answer belongs to another question");
    };
    let measured = time_trips(task, trip);
    send(&ports, END_OF_RUN, bytes);
    assert!(receive(&ports, bytes) == END_OF_RUN);
    end.stop();
    child.join();
    measured
}
