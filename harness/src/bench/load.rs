//! The load generator's command line.

use crate::error::Error;
use crate::profiles::{Load, Profile};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One run of the generator.
#[derive(Debug)]
pub struct Run<'a> {
    /// What is sent.
    pub profile: &'a Profile,
    /// Concurrent connections.
    pub connections: u32,
    /// Threads of the generator.
    pub threads: usize,
    /// How long to measure. The arena's generator knows whole seconds only.
    pub window: Duration,
    /// Load before it; the generator's own habit when `None`. Only ours can.
    pub warmup: Option<Duration>,
    /// The server's first process, to be watched. Only ours can.
    pub server: Option<u32>,
    /// The server's port.
    pub port: u16,
    /// The folder of templates.
    pub requests: &'a Path,
}

impl Run<'_> {
    /// The arguments in the arena's shape, and `--json`.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut url = format!("http://127.0.0.1:{}", self.port);
        let mut list: Vec<OsString> = Vec::new();
        match self.profile.load {
            Load::Url(path) => {
                url += path;
                list.push(url.into());
            }
            Load::WebSocket(path) => {
                url += path;
                list.extend([url.into(), "--ws".into()]);
            }
            Load::Raw(stems) => {
                list.push(url.into());
                list.push("--raw".into());
                let mut files = OsString::new();
                for (index, path) in self.templates(stems).iter().enumerate() {
                    if index > 0 {
                        files.push(",");
                    }
                    files.push(path);
                }
                list.push(files);
            }
        }
        let pairs = [
            ("-c", self.connections.to_string()),
            ("-t", self.threads.to_string()),
            ("-d", time(self.window)),
            ("-p", self.profile.pipeline.to_string()),
        ];
        for (flag, value) in pairs {
            list.extend([flag.into(), value.into()]);
        }
        if self.profile.requests_per_connection > 0 {
            let requests = self.profile.requests_per_connection.to_string();
            list.extend(["-r".into(), requests.into()]);
        }
        if let Some(warmup) = self.warmup {
            list.extend(["-w".into(), time(warmup).into()]);
        }
        if let Some(server) = self.server {
            list.extend(["--server-pid".into(), server.to_string().into()]);
        }
        list.push("--json".into());
        list
    }

    fn templates(&self, stems: &[&str]) -> Vec<PathBuf> {
        stems
            .iter()
            .map(|stem| self.requests.join(format!("{stem}.raw")))
            .collect()
    }
}

/// `5s`, `500ms`.
pub fn time(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}

/// The mean size of a profile's templates in bytes; `None` without templates.
///
/// # Errors
/// When a template file is missing.
pub fn template_size(profile: &Profile, requests: &Path) -> Result<Option<f64>, Error> {
    let Load::Raw(stems) = profile.load else {
        return Ok(None);
    };
    let mut total = 0;
    for stem in stems {
        let path = requests.join(format!("{stem}.raw"));
        let found = std::fs::metadata(&path).map_err(|error| {
            Error::environment(format!(
                "template file {} is missing ({error}); remove the data folder to have it generated again",
                path.display()
            ))
        })?;
        total += found.len();
    }
    Ok(Some(total as f64 / stems.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::{Generation, find};

    fn run(name: &str) -> Vec<String> {
        let profile = find(name, Generation::March2026).unwrap();
        let run = Run {
            profile,
            connections: 32,
            threads: 2,
            window: Duration::from_secs(5),
            warmup: None,
            server: None,
            port: 8080,
            requests: Path::new("/r"),
        };
        run.arguments()
            .into_iter()
            .map(|text| text.into_string().unwrap())
            .collect()
    }

    #[test]
    fn arguments_have_the_arenas_shape() {
        assert_eq!(
            run("pipelined").join(" "),
            "http://127.0.0.1:8080/pipeline -c 32 -t 2 -d 5s -p 16 --json"
        );
        assert_eq!(
            run("limited-conn").join(" "),
            "http://127.0.0.1:8080 --raw /r/get.raw,/r/post_cl.raw,/r/post_chunked.raw \
             -c 32 -t 2 -d 5s -p 1 -r 10 --json"
        );
        assert_eq!(
            run("echo-ws").join(" "),
            "http://127.0.0.1:8080/ws --ws -c 32 -t 2 -d 5s -p 16 --json"
        );
    }

    #[test]
    fn what_only_our_generator_can_is_asked_of_it_alone() {
        let run = Run {
            profile: find("pipelined", Generation::March2026).unwrap(),
            connections: 32,
            threads: 2,
            window: Duration::from_millis(1500),
            warmup: Some(Duration::from_secs(1)),
            server: Some(77),
            port: 8080,
            requests: Path::new("/r"),
        };
        let list = run.arguments();
        let text: Vec<_> = list.iter().filter_map(|word| word.to_str()).collect();
        assert_eq!(
            text[1..].join(" "),
            "-c 32 -t 2 -d 1500ms -p 16 -w 1s --server-pid 77 --json"
        );
    }

    #[test]
    fn template_sizes_are_averaged_and_a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let profile = find("limited-conn", Generation::March2026).unwrap();
        for (name, size) in [
            ("get.raw", 10),
            ("post_cl.raw", 20),
            ("post_chunked.raw", 60),
        ] {
            let error = template_size(profile, folder.path()).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            std::fs::write(folder.path().join(name), vec![0; size]).unwrap();
        }
        assert_eq!(template_size(profile, folder.path()).unwrap(), Some(30.0));
        let url = find("pipelined", Generation::March2026).unwrap();
        assert_eq!(template_size(url, folder.path()).unwrap(), None);
    }
}
