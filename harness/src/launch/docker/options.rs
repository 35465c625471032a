//! The arguments of `docker run`: what the arena gives a container, by
//! generation and purpose.

use super::containers::{LABEL, Owner};
use super::limits::Allowed;
use super::{Docker, cpu_list, image};
use crate::entries::Entry;
use crate::launch::{Purpose, Start, ports};
use crate::profiles::Generation;
use std::path::PathBuf;

/// What decides the arguments of `docker run`.
#[derive(Debug)]
pub(in crate::launch) struct RunOptions {
    pub(super) name: String,
    pub(super) image: String,
    owner: String,
    purpose: Purpose,
    generation: Generation,
    io_uring: bool,
    seccomp: Option<PathBuf>,
    /// The engine has the network that ports are published on.
    bridge: bool,
    port: u16,
    cpus: Option<String>,
    nofile: u64,
    mounts: Vec<(PathBuf, &'static str)>,
}

impl RunOptions {
    pub(in crate::launch) fn new(entry: &Entry, start: &Start<'_>, docker: &Docker) -> Self {
        let files: &[&'static str] = match start.generation {
            Generation::March2026 => &["dataset.json", "dataset-large.json", "benchmark.db"],
            Generation::April2026 => &["dataset.json"],
        };
        Self {
            name: super::container_name(entry, start.purpose),
            image: image(entry),
            owner: Owner::this_process().to_string(),
            purpose: start.purpose,
            generation: start.generation,
            io_uring: entry.meta.engine == "io_uring",
            seccomp: docker.seccomp.clone(),
            bridge: docker.has_bridge(),
            port: start.port,
            cpus: start.cpus.map(cpu_list),
            nofile: hard_nofile(),
            mounts: files
                .iter()
                .map(|file| (start.data.join(file), *file))
                .collect(),
        }
    }

    /// The validation of 2026-03 gives a container nothing but a port, so there
    /// Docker's default seccomp profile refuses io_uring. From 2026-04 on it
    /// raises the limits, and lifts the profile for io_uring entries.
    /// Measurements run without either for every entry, so that none is favoured.
    fn raises_limits(&self) -> bool {
        self.purpose == Purpose::Bench || self.generation >= Generation::April2026
    }

    fn unconfined(&self) -> bool {
        match self.purpose {
            Purpose::Bench => true,
            Purpose::Validate => self.io_uring && self.generation >= Generation::April2026,
        }
    }

    /// The value of `--security-opt seccomp=`; `None` leaves Docker's default.
    fn profile(&self) -> Option<String> {
        self.seccomp
            .as_ref()
            .map(|file| file.display().to_string())
            .or_else(|| self.unconfined().then(|| "unconfined".into()))
    }

    /// What to know about a container that has to do without what it may need.
    pub(in crate::launch) fn note(&self) -> Option<String> {
        (self.io_uring && self.profile().is_none()).then(|| {
            format!(
                "note: the arena validates {} under the Docker engine's own seccomp profile and limits, \
                 and that profile refuses io_uring from Engine 25 on",
                self.generation
            )
        })
    }

    pub(super) fn arguments(&self, allowed: &Allowed) -> Vec<String> {
        let mut list: Vec<String> = ["run", "--detach", "--name", &self.name]
            .map(str::to_owned)
            .into();
        list.extend(["--label".into(), format!("{LABEL}={}", self.owner)]);
        if self.purpose == Purpose::Validate && self.bridge {
            list.extend([
                "--publish".into(),
                format!("127.0.0.1:{}:{}", self.port, ports::ARENA),
            ]);
        } else {
            list.extend(["--network", "host"].map(str::to_owned));
            if self.port != ports::ARENA {
                list.extend(["--env".into(), format!("PORT={}", self.port)]);
            }
        }
        if let Some(profile) = self.profile() {
            list.extend(["--security-opt".into(), format!("seccomp={profile}")]);
        }
        if self.raises_limits() {
            list.extend(allowed.arguments(self.nofile));
        }
        if let Some(cpus) = &self.cpus {
            list.extend(["--cpuset-cpus".into(), cpus.clone()]);
        }
        for (source, file) in &self.mounts {
            list.extend([
                "--volume".into(),
                format!("{}:/data/{file}:ro", source.display()),
            ]);
        }
        list.push(self.image.clone());
        list
    }
}

/// The host's hard limit of open files; a container cannot be given "no limit".
fn hard_nofile() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .maximum
        .unwrap_or(1_048_576)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(purpose: Purpose, generation: Generation, io_uring: bool) -> RunOptions {
        RunOptions {
            name: "httparena-validate-x".into(),
            image: "httparena-x".into(),
            owner: "boot/1/2".into(),
            purpose,
            generation,
            io_uring,
            seccomp: None,
            bridge: true,
            port: 9000,
            cpus: None,
            nofile: 1000,
            mounts: vec![("/d/dataset.json".into(), "dataset.json")],
        }
    }

    fn line(options: &RunOptions) -> String {
        options.arguments(&Allowed::default()).join(" ")
    }

    #[test]
    fn a_validation_of_2026_03_has_a_port_and_nothing_else() {
        for io_uring in [false, true] {
            let options = options(Purpose::Validate, Generation::March2026, io_uring);
            assert_eq!(
                line(&options),
                "run --detach --name httparena-validate-x --label sws.harness=boot/1/2 --publish 127.0.0.1:9000:8080 \
                 --volume /d/dataset.json:/data/dataset.json:ro httparena-x"
            );
            assert_eq!(options.note().is_some(), io_uring);
        }
    }

    #[test]
    fn a_validation_of_2026_04_raises_limits_and_unconfines_io_uring() {
        let plain = options(Purpose::Validate, Generation::April2026, false);
        assert!(
            line(&plain).contains("--ulimit memlock=-1:-1 --ulimit nofile=1000:1000"),
            "{plain:?}"
        );
        assert!(!line(&plain).contains("seccomp"), "{plain:?}");
        let ring = options(Purpose::Validate, Generation::April2026, true);
        assert!(
            line(&ring).contains("--security-opt seccomp=unconfined --ulimit memlock=-1:-1"),
            "{ring:?}"
        );
        assert_eq!(ring.note(), None);
    }

    #[test]
    fn a_measurement_uses_the_host_network_without_limits() {
        for generation in Generation::ALL {
            let mut options = options(Purpose::Bench, generation, false);
            options.cpus = Some(cpu_list(&[0, 2]));
            options.port = ports::ARENA;
            let list = line(&options);
            assert!(
                list.contains("--network host --security-opt seccomp=unconfined --ulimit memlock"),
                "{list}"
            );
            assert!(list.contains("--cpuset-cpus 0,2"), "{list}");
            assert!(
                !list.contains("--publish") && !list.contains("PORT="),
                "{list}"
            );
            options.port = 9001;
            assert!(line(&options).contains("--env PORT=9001"));
        }
    }

    #[test]
    fn a_profile_of_the_users_own_takes_the_place_of_none() {
        for purpose in [Purpose::Validate, Purpose::Bench] {
            let mut options = options(purpose, Generation::March2026, true);
            options.seccomp = Some("/p/own.json".into());
            let list = line(&options);
            assert!(
                list.contains("--security-opt seccomp=/p/own.json") && !list.contains("unconfined"),
                "{list}"
            );
            assert_eq!(options.note(), None);
        }
    }

    #[test]
    fn without_a_bridge_a_validation_uses_the_host_network() {
        let mut options = options(Purpose::Validate, Generation::March2026, false);
        options.bridge = false;
        let list = line(&options);
        assert!(
            list.contains("--network host --env PORT=9000") && !list.contains("--publish"),
            "{list}"
        );
    }
}
