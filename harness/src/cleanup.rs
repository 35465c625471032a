//! Whatever the harness starts or creates is noted here first, so that a signal
//! at any moment leaves no process, container or folder behind.

mod setting;
pub mod strays;

use crate::error::{Context, Error};
use crate::processes;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

pub use setting::Setting;

#[derive(Debug, Clone)]
enum Debris {
    /// A process group, by the id of its leader.
    Group(u32),
    /// A container: the Docker program and the container's name.
    Container(PathBuf, String),
    Folder(PathBuf),
    /// A file of the kernel's settings, and what was in it before.
    Setting(PathBuf, String),
}

static DEBRIS: Mutex<Vec<(u64, Debris)>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// How long a signal waits for what may not be disturbed.
const PATIENCE: Duration = Duration::from_secs(30);

fn debris() -> MutexGuard<'static, Vec<(u64, Debris)>> {
    DEBRIS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(list: &mut Vec<(u64, Debris)>, item: Debris) -> u64 {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    list.push((id, item));
    id
}

fn forget(id: u64) {
    debris().retain(|(noted, _)| *noted != id);
}

/// Makes SIGINT, SIGTERM and SIGHUP clean up and end this process.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn install() -> Result<(), Error> {
    strays::adopt();
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context(|| "watch for signals".into())?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("\ninterrupted: stopping what was started");
            // Held to the end, so that nothing new can be started.
            match debris_within(PATIENCE) {
                Some(mut list) => sweep(&mut list),
                None => eprintln!("the Docker client hangs; what it starts may stay"),
            }
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

fn debris_within(limit: Duration) -> Option<MutexGuard<'static, Vec<(u64, Debris)>>> {
    let start = Instant::now();
    loop {
        match DEBRIS.try_lock() {
            Ok(list) => return Some(list),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if start.elapsed() >= limit => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Does `work`, and has a signal wait until it is done. For what cannot be taken
/// back half-way; `work` must not note anything.
pub fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let _list = debris();
    work()
}

fn sweep(list: &mut Vec<(u64, Debris)>) {
    let pick = |wanted: fn(&Debris) -> bool| {
        list.iter()
            .map(|(_, item)| item.clone())
            .filter(wanted)
            .collect::<Vec<_>>()
    };
    let groups = pick(|item| matches!(item, Debris::Group(_)));
    for item in &groups {
        if let Debris::Group(leader) = item {
            signal_tree(*leader, Signal::TERM);
        }
    }
    if !groups.is_empty() {
        std::thread::sleep(Duration::from_millis(200));
    }
    for item in groups
        .into_iter()
        .chain(pick(|item| !matches!(item, Debris::Group(_))))
    {
        match item {
            Debris::Group(leader) => signal_tree(leader, Signal::KILL),
            Debris::Container(docker, name) => remove_container(&docker, &name),
            Debris::Folder(path) => remove_folder(&path),
            Debris::Setting(path, before) => drop(std::fs::write(path, before)),
        }
    }
    strays::kill();
    list.clear();
}

/// Somebody may be writing into it.
fn remove_folder(path: &Path) {
    for _ in 0..100 {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => return,
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Signals the group and whatever descends from its leader outside of it.
fn signal_tree(leader: u32, signal: Signal) {
    let descendants = processes::tree(leader);
    let pid = |number: u32| i32::try_from(number).ok().and_then(Pid::from_raw);
    if let Some(group) = pid(leader) {
        let _ = kill_process_group(group, signal);
    }
    for process in descendants.into_iter().filter_map(pid) {
        let _ = kill_process(process, signal);
    }
}

fn remove_container(docker: &Path, name: &str) {
    let _ = Command::new(docker)
        .args(["rm", "--force", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A second Ctrl-C does not reach it.
        .process_group(0)
        .status();
}

/// A started program in a process group of its own; dropping it kills the tree.
#[derive(Debug)]
pub struct Process {
    child: Child,
    note: u64,
}

impl Process {
    /// Starts `command`, optionally on the given CPUs only.
    ///
    /// # Errors
    /// Those of starting a program.
    pub fn spawn(command: &mut Command, cpus: Option<&[usize]>) -> io::Result<Self> {
        command.process_group(0);
        // The lock covers the start: a signal either comes before it, and then
        // nothing starts, or after the group has been noted.
        let mut list = debris();
        let child = match cpus {
            None => command.spawn()?,
            Some(cpus) => spawn_on(command, cpus)?,
        };
        let note = note(&mut list, Debris::Group(child.id()));
        Ok(Self { child, note })
    }

    /// The process id of the group's leader.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, if the leader has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for the leader to end; `None` after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if start.elapsed() >= limit {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// SIGTERM, `grace` to end, then SIGKILL for whatever is left.
    pub fn stop(&mut self, grace: Duration) {
        if self.ended().is_none() {
            signal_tree(self.id(), Signal::TERM);
            self.wait(grace);
        }
        signal_tree(self.id(), Signal::KILL);
        let _ = self.child.wait();
        let list = debris();
        let others = list
            .iter()
            .any(|(note, item)| *note != self.note && matches!(item, Debris::Group(_)));
        if !others {
            strays::kill();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
        forget(self.note);
    }
}

/// A child inherits the CPU mask of the thread that starts it, so a thread that
/// lives for the start only pins the child and nothing else.
fn spawn_on(command: &mut Command, cpus: &[usize]) -> io::Result<Child> {
    let mut set = rustix::thread::CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    std::thread::scope(|scope| {
        let starter = scope.spawn(move || {
            rustix::thread::sched_setaffinity(None, &set)?;
            command.spawn()
        });
        starter
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the starting thread died")))
    })
}

/// A container that is removed when this is dropped.
#[derive(Debug)]
pub struct Container {
    docker: PathBuf,
    name: String,
    note: u64,
}

impl Container {
    /// Notes a container that is about to be started.
    pub fn claim(docker: &Path, name: &str) -> Self {
        let item = Debris::Container(docker.into(), name.into());
        let note = note(&mut debris(), item);
        Self {
            docker: docker.into(),
            name: name.into(),
            note,
        }
    }

    /// The container's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the claim up: the name turned out to be somebody else's.
    pub fn leave(self) {
        forget(self.note);
        // Not dropped, which would remove it.
        std::mem::forget(self);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // A second removal would fail at once, before the first is through.
        let mut list = debris();
        remove_container(&self.docker, &self.name);
        list.retain(|(noted, _)| *noted != self.note);
    }
}

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct TempFolder {
    path: PathBuf,
    note: u64,
}

impl TempFolder {
    /// A new, empty folder below the system's temporary folder.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(purpose: &str) -> Result<Self, Error> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sws-{purpose}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut list = debris();
        std::fs::create_dir_all(&path).context(|| format!("create {}", path.display()))?;
        let note = note(&mut list, Debris::Folder(path.clone()));
        Ok(Self { path, note })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
        forget(self.note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_takes_the_whole_tree() {
        // The grandchild leaves the process group, as a daemon would.
        let mut command = Command::new("sh");
        command.args(["-c", "setsid sleep 60 & sleep 60 & wait"]);
        let mut process = Process::spawn(&mut command, None).unwrap();
        let start = Instant::now();
        while processes::tree(process.id()).len() < 3 && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let tree = processes::tree(process.id());
        assert!(tree.len() >= 3, "{tree:?}");
        process.stop(Duration::from_millis(500));
        let start = Instant::now();
        while tree.iter().any(|pid| processes::is_running(*pid)) {
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "{tree:?} still run"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_child_runs_on_the_asked_cpu_and_this_thread_stays_where_it_was() {
        let before = rustix::thread::sched_getaffinity(None).unwrap();
        let cpu = (0..1024).find(|cpu| before.is_set(*cpu)).unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", "grep Cpus_allowed_list /proc/self/status"])
            .stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command, Some(&[cpu])).unwrap();
        let mut text = String::new();
        let mut output = process.child.stdout.take().unwrap();
        io::Read::read_to_string(&mut output, &mut text).unwrap();
        assert_eq!(
            text.split_whitespace().last(),
            Some(cpu.to_string().as_str())
        );
        assert!(rustix::thread::sched_getaffinity(None).unwrap() == before);
    }

    #[test]
    fn a_temporary_folder_goes_away() {
        let folder = TempFolder::new("test").unwrap();
        let path = folder.path().to_path_buf();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
