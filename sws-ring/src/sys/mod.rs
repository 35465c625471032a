//! Safe wrappers of the few other system calls that an event loop needs.

mod address;
mod clock;
mod cpu;
mod event;
mod limits;
mod mapping;
mod socket;
mod usage;

pub use address::{SocketAddress, local_address, peer_address};
pub use clock::{monotonic, monotonic_coarse, unix_seconds_coarse};
pub use cpu::{allowed_cpus, pin_to_cpu};
pub use event::EventFd;
pub use limits::{NofileLimit, memlock_limit, raise_nofile};
pub use mapping::Mapping;
pub use socket::{
    bind_source, close, hung_up, reset, send_now, send_queue, set_linger_zero, set_nodelay,
    set_receive_buffer, set_send_buffer, shutdown_both, shutdown_write, tcp_socket,
};
pub use usage::{cpu_time_of, process_cpu_time, thread_cpu_time};
