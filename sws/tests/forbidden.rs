//! Where io_uring is forbidden, as in a container under Docker's default profile: an error that names the cure, or epoll.
//!
//! A seccomp filter holds for the thread that installs it and those that it starts, so each test makes a thread.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config};
use sws::{EngineKind, Request, Response, Server};

/// Makes `io_uring_setup` fail with EPERM on this thread from now on.
fn forbid_io_uring() {
    let statement = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let mut filter = [
        // The number of the system call, the first word of seccomp_data.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: libc::SYS_io_uring_setup as u32,
        },
        statement(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: touches no memory.
    let promised = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(promised, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel copies the program, which lives through the call.
    let installed = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
            0,
            0,
        )
    };
    assert_eq!(installed, 0, "{}", std::io::Error::last_os_error());
}

fn forbidden<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                forbid_io_uring();
                test()
            })
            .join()
            .unwrap()
    })
}

#[test]
fn asked_for_it_is_an_error_that_names_the_cure() {
    let error = forbidden(|| {
        Server::builder()
            .config(config(EngineKind::IoUring))
            .start()
            .unwrap_err()
            .to_string()
    });
    assert!(error.contains("seccomp=unconfined"), "{error}");
    assert!(error.contains("kernel.io_uring_disabled"), "{error}");
}

#[test]
fn by_default_epoll_serves_and_the_reason_is_said() {
    forbidden(|| {
        let server = Server::builder()
            .config(config(EngineKind::Auto))
            .get(
                "/",
                |_: &mut (), _: &Request<'_>, response: Response<'_>| response.text("served"),
            )
            .start()
            .unwrap();
        let line = server.to_string();
        assert!(
            line.contains("engine epoll (io_uring is forbidden"),
            "{line}"
        );
        assert_eq!(Client::new(server.addr()).get("/").text(), "served");
        server.stop().unwrap();
    });
}
