//! The real binary over loopback sockets, on both engines.

#[cfg(test)]
mod compression;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod missing_data;
#[cfg(test)]
mod process;
#[cfg(test)]
mod support;
#[cfg(test)]
mod uploads;
