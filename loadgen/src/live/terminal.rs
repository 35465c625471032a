//! The terminal: taken over for the time of a run, and given back however that ends.

use rustix::{
    io as sys,
    termios::{self, InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios},
};
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::{AsFd, OwnedFd},
    panic,
    sync::{Mutex, Once, PoisonError},
};

/// Other screen, no cursor, no line wrap.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// What has to be put back: a panic has to find it too.
static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);
static HOOK: Once = Once::new();

#[derive(Debug)]
struct Taken {
    out: OwnedFd,
    keys: Option<(OwnedFd, Termios)>,
}

/// The whole screen, until it is dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    out: File,
    keys: Option<OwnedFd>,
}

impl Terminal {
    /// Takes over the terminal that is standard error.
    pub(super) fn take() -> io::Result<Self> {
        let out = io::stderr().as_fd().try_clone_to_owned()?;
        let keys = if io::stdin().is_terminal() {
            Some(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            // Standard input is a file or a pipe; keys still come from the terminal, where there is one.
            File::open("/dev/tty").ok().map(OwnedFd::from)
        };
        Self::on(out, keys)
    }

    fn on(out: OwnedFd, keys: Option<OwnedFd>) -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                // So that the message is not lost with the other screen.
                give_back();
                before(panic);
            }));
        });
        let mut taken = Taken {
            out: out.try_clone()?,
            keys: None,
        };
        if let Some(keys) = &keys {
            let modes = termios::tcgetattr(keys)?;
            taken.keys = Some((keys.try_clone()?, modes.clone()));
            termios::tcsetattr(keys, OptionalActions::Now, &keys_at_once(modes))?;
        }
        let mut terminal = Self {
            out: out.into(),
            keys,
        };
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
        terminal.out.write_all(ENTER.as_bytes())?;
        Ok(terminal)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        size(&self.out)
    }

    /// Replaces what is shown.
    pub(super) fn show(&mut self, lines: &[String]) -> io::Result<()> {
        // In one piece, for terminals that can: nothing half-drawn is seen.
        let mut text = String::from("\x1b[?2026h\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                text.push_str("\r\n");
            }
            text.push_str(line);
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J\x1b[?2026l");
        self.out.write_all(text.as_bytes())
    }

    /// Whether a key was pressed that ends the run: q or Ctrl-C.
    pub(super) fn wants_to_quit(&self) -> bool {
        let Some(keys) = &self.keys else {
            return false;
        };
        let mut bytes = [0; 64];
        let count = sys::read(keys, &mut bytes).unwrap_or(0);
        let is_quit = |byte: &u8| matches!(byte, b'q' | b'Q' | 3);
        bytes.iter().take(count).any(is_quit)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Keys come one by one, unseen, and none of them is a signal; reading never waits.
fn keys_at_once(mut modes: Termios) -> Termios {
    modes.local_modes &=
        !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
    modes.input_modes &= !InputModes::IXON;
    modes.special_codes[SpecialCodeIndex::VMIN] = 0;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    modes
}

fn give_back() {
    // A panic in here must not wait for itself.
    let Ok(mut taken) = TAKEN.try_lock() else {
        return;
    };
    if let Some(Taken { out, keys }) = taken.take() {
        if let Some((keys, modes)) = keys {
            let _ = termios::tcsetattr(keys, OptionalActions::Now, &modes);
        }
        let _ = File::from(out).write_all(LEAVE.as_bytes());
    }
}

/// Columns and rows of a terminal; of one that does not know, as many as they used to have.
pub(super) fn size(terminal: impl AsFd) -> (usize, usize) {
    match termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::{
        io::Read,
        os::unix::ffi::OsStrExt,
        path::Path,
        time::{Duration, Instant},
    };

    fn pair() -> (File, OwnedFd) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let slave = File::options().read(true).write(true).open(path).unwrap();
        (master.into(), slave.into())
    }

    /// Until the terminal is given back; what is written comes in any parts.
    fn written(master: &mut File) -> String {
        let mut text = String::new();
        while !text.ends_with(LEAVE) {
            let mut bytes = [0; 4096];
            let count = master.read(&mut bytes).unwrap();
            text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        text
    }

    /// The kernel passes keys on when it comes to it.
    fn quits(terminal: &Terminal) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(30) {
            if terminal.wants_to_quit() {
                return true;
            }
        }
        false
    }

    /// One test, because what is taken is one place for the whole program.
    #[test]
    fn the_terminal_is_given_back_however_it_ends() {
        let (mut master, slave) = pair();
        let before = termios::tcgetattr(&slave).unwrap();
        let take = || {
            let copy = || slave.try_clone().unwrap();
            Terminal::on(copy(), Some(copy())).unwrap()
        };
        let modes = || termios::tcgetattr(&slave).unwrap();

        let mut terminal = take();
        assert!(!modes().local_modes.contains(LocalModes::ICANON));
        assert!(!terminal.wants_to_quit());
        terminal.show(&["one".into(), "two".into()]).unwrap();
        assert_eq!(terminal.size(), (80, 24));
        master.write_all(b"xq").unwrap();
        assert!(quits(&terminal));
        master.write_all(&[3]).unwrap();
        assert!(quits(&terminal));
        drop(terminal);
        assert_eq!(modes().local_modes, before.local_modes);
        let text = written(&mut master);
        assert!(text.starts_with(ENTER) && text.ends_with(LEAVE), "{text:?}");
        // The terminal may add to the line's end.
        assert!(
            text.contains("one\x1b[K\r") && text.contains("\ntwo\x1b[K"),
            "{text:?}"
        );

        let result = panic::catch_unwind(|| {
            let _terminal = take();
            panic!("on purpose");
        });
        assert!(result.is_err());
        assert_eq!(modes().local_modes, before.local_modes);
        let text = written(&mut master);
        assert_eq!(text.matches(LEAVE).count(), 1, "{text:?}");
    }
}
