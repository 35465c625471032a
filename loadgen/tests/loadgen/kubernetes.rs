//! The Job of `docs/kubernetes/`: its fields, its command line, and its seccomp profile, under which the binary is run.
//! There is no cluster here.

use crate::{
    files::read,
    server::{OK, Server},
    tool::{number, run, words},
};
use seccompiler::{BpfProgram, TargetArch};
use serde_json::Value;
use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, SystemTime},
};
use yaml_rust2::{Yaml, YamlLoader};

const BINARY: &str = env!("CARGO_BIN_EXE_loadgen");

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kubernetes");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn job() -> Yaml {
    let mut documents = YamlLoader::load_from_str(&file("job.yaml")).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// What a mapping may have in it, of the fields that the API's reference (batch/v1 Job, Kubernetes 1.24 and later) names.
const FIELDS: [(&str, &[&str]); 12] = [
    ("", &["apiVersion", "kind", "metadata", "spec"]),
    ("/metadata", &["name", "labels", "annotations", "namespace"]),
    (
        "/spec",
        &[
            "completionMode",
            "completions",
            "parallelism",
            "backoffLimit",
            "template",
            "activeDeadlineSeconds",
            "ttlSecondsAfterFinished",
        ],
    ),
    ("/spec/template", &["metadata", "spec"]),
    (
        "/spec/template/spec",
        &[
            "restartPolicy",
            "securityContext",
            "affinity",
            "containers",
            "nodeSelector",
            "tolerations",
            "hostNetwork",
        ],
    ),
    (
        "/spec/template/spec/securityContext",
        &["runAsNonRoot", "runAsUser", "seccompProfile", "sysctls"],
    ),
    (
        "/spec/template/spec/securityContext/seccompProfile",
        &["type", "localhostProfile"],
    ),
    (
        "/spec/template/spec/affinity",
        &["podAntiAffinity", "podAffinity", "nodeAffinity"],
    ),
    (
        "/spec/template/spec/affinity/podAntiAffinity",
        &[
            "requiredDuringSchedulingIgnoredDuringExecution",
            "preferredDuringSchedulingIgnoredDuringExecution",
        ],
    ),
    (
        "/spec/template/spec/containers/0",
        &[
            "name",
            "image",
            "command",
            "args",
            "env",
            "securityContext",
            "resources",
            "volumeMounts",
        ],
    ),
    (
        "/spec/template/spec/containers/0/securityContext",
        &[
            "allowPrivilegeEscalation",
            "readOnlyRootFilesystem",
            "capabilities",
        ],
    ),
    (
        "/spec/template/spec/containers/0/resources",
        &["requests", "limits"],
    ),
];

fn at<'y>(root: &'y Yaml, path: &str) -> &'y Yaml {
    path.split('/').skip(1).fold(root, |here, step| {
        let below = match step.parse::<usize>() {
            Ok(number) => &here[number],
            Err(_) => &here[step],
        };
        assert!(!below.is_badvalue(), "{path}: there is no {step}");
        below
    })
}

#[test]
fn the_job_s_fields_are_those_of_an_indexed_job() {
    let job = job();
    for (path, known) in FIELDS {
        let path_of = if path.is_empty() { "/" } else { path };
        let here = if path.is_empty() {
            &job
        } else {
            at(&job, path)
        };
        for key in here.as_hash().unwrap().keys() {
            let key = key.as_str().unwrap();
            assert!(known.contains(&key), "{path_of} has no field {key}");
        }
    }
    let text = |path: &str| at(&job, path).as_str().unwrap();
    let count = |path: &str| at(&job, path).as_i64().unwrap();
    assert_eq!((text("/apiVersion"), text("/kind")), ("batch/v1", "Job"));
    assert_eq!(text("/spec/completionMode"), "Indexed");
    assert_eq!(count("/spec/backoffLimit"), 0);
    // All at once, and as many as the workers believe.
    let workers = count("/spec/completions");
    assert_eq!(count("/spec/parallelism"), workers);
    assert!(arguments(&job).contains(&format!("--worker=auto/{workers}")));
    let pod = "/spec/template/spec";
    assert_eq!(text(&format!("{pod}/restartPolicy")), "Never");
    let profile = format!("{pod}/securityContext/seccompProfile");
    assert_eq!(text(&format!("{profile}/type")), "Localhost");
    assert_eq!(text(&format!("{profile}/localhostProfile")), "loadgen.json");
    let resources = at(&job, &format!("{pod}/containers/0/resources"));
    assert_eq!(resources["requests"], resources["limits"]);
    assert!(
        resources["limits"]["cpu"]
            .as_str()
            .unwrap()
            .parse::<u32>()
            .is_ok()
    );
    // One pod a node: the label is the one that the Job controller sets.
    let rule =
        format!("{pod}/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0");
    assert_eq!(
        text(&format!("{rule}/labelSelector/matchLabels/job-name")),
        text("/metadata/name")
    );
    assert_eq!(
        text(&format!("{rule}/topologyKey")),
        "kubernetes.io/hostname"
    );
}

fn arguments(job: &Yaml) -> Vec<String> {
    let container = at(job, "/spec/template/spec/containers/0");
    assert_eq!(container["command"][0].as_str(), Some("loadgen"));
    let arguments = container["args"].as_vec().unwrap().iter();
    arguments
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// Starts the pods' own command line, with a smaller load, on this machine; returns what they print.
fn pods(job: &Yaml, url: &str, folder: &Path, lead: Duration) -> Vec<PathBuf> {
    let begin = humantime::format_rfc3339_millis(SystemTime::now() + lead);
    let begin = format!("--start-at={begin}");
    let start = |index: i64| -> Child {
        let words = arguments(job).into_iter();
        Command::new(BINARY)
            .args(words.map(|word| match word.starts_with("http://") {
                true => url.to_owned(),
                false => word,
            }))
            .args(["-c", "9", "-t", "1", "-d", "1s", "-w", "100ms", &begin])
            .env("JOB_COMPLETION_INDEX", index.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let workers = at(job, "/spec/completions").as_i64().unwrap();
    let pods: Vec<Child> = (0..workers).map(start).collect();
    let logs = pods.into_iter().enumerate().map(|(index, pod)| {
        let path = folder.join(format!("w{index}.json"));
        fs::write(&path, pod.wait_with_output().unwrap().stdout).unwrap();
        path
    });
    logs.collect()
}

#[test]
fn the_job_s_command_line_gives_parts_that_merge() {
    let (job, server) = (job(), Server::answering(OK));
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("run.json");
    // A machine too slow to begin in time gets more of it.
    let merged = [2, 6, 15].map(Duration::from_secs).into_iter().any(|lead| {
        let logs = pods(&job, &server.url(), folder.path(), lead);
        let logs = logs.iter().map(|log| log.to_str().unwrap());
        let merge = ["merge", "-o", whole.to_str().unwrap()].into_iter();
        let merged = run(&merge.chain(logs).collect::<Vec<_>>());
        println!("{merged:?}");
        merged.code == Some(0)
    });
    assert!(merged);
    assert_eq!(number(&read(&whole)["connections"]), 9);
}

/// The profile as a filter of this machine, without some of what it allows.
fn filter(without: &str) -> BpfProgram {
    let profile: Value = serde_json::from_str(&file("seccomp.json")).unwrap();
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    let mut allowed = Vec::new();
    for rule in profile["syscalls"].as_array().unwrap() {
        assert_eq!(rule["action"], "SCMP_ACT_ALLOW");
        for name in rule["names"].as_array().unwrap() {
            if without.is_empty() || !name.as_str().unwrap().starts_with(without) {
                allowed.push(serde_json::json!({ "syscall": name }));
            }
        }
    }
    let own = serde_json::json!({ "main": {
        "mismatch_action": { "errno": profile["defaultErrnoRet"] },
        "match_action": "allow",
        "filter": allowed,
    }});
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let mut filters = seccompiler::compile_from_json(Cursor::new(own.to_string()), arch).unwrap();
    filters.remove("main").unwrap()
}

/// Runs the binary under a filter, which holds for one thread and what it starts.
fn confined(filter: &BpfProgram, args: &[&str]) -> Output {
    thread::scope(|scope| {
        let confined = scope.spawn(|| {
            seccompiler::apply_filter(filter).unwrap();
            Command::new(BINARY).args(args).output().unwrap()
        });
        confined.join().unwrap()
    })
}

#[test]
fn the_seccomp_profile_allows_what_is_needed() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: the names of other architectures' calls differ");
        return;
    }
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let url = format!("http://localhost:{}/", server.address().port());
    let (json, html, log) = (path("w0.json"), path("w0.html"), path("w0.csv"));
    let text = format!(
        "{url} -c 4 -t 2 -d 300ms --rate 200 --worker 0/1 --start-at next:100ms \
        -o {json} --html {html} --raw-log {log}"
    );
    let line = words(&text);
    let output = confined(&filter(""), &line);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(number(&read(json.as_ref())["responses"]) > 0);

    let output = confined(&filter("io_uring_"), &line);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("io_uring"), "{said}");
}
