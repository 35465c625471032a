//! What bodies must be, from the command line.

use crate::{args, error::Failure, template::Template};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const HASH_PREFIX: &str = "sha256:";

/// What the bodies of the answers to one template must be; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub bytes: Option<Arc<[u8]>>,
    pub sha256: Option<[u8; 32]>,
    pub size: Option<u64>,
}

/// For each template; an empty list when nothing was asked for.
pub(super) fn bodies(
    asked: &args::Checks,
    templates: &[Template],
    note: impl FnMut(String),
) -> Result<Vec<Option<Expected>>, Failure> {
    let mut bodies = match (&asked.expect_body, asked.golden.as_slice()) {
        (Some(text), _) => vec![Some(of_text(text)?); templates.len()],
        (None, []) => Vec::new(),
        (None, [folder]) if folder.is_dir() => of_folder(folder, templates, note)?,
        (None, files) => of_files(files, templates)?,
    };
    if let Some(size) = asked.expect_size {
        bodies.resize(templates.len(), None);
        for body in &mut bodies {
            body.get_or_insert_default().size = Some(size);
        }
    }
    Ok(bodies)
}

fn of_text(text: &str) -> Result<Expected, Failure> {
    if let Some(expected) = of_hash(text, "--expect-body")? {
        return Ok(expected);
    }
    match text.strip_prefix('@') {
        None => Ok(of_bytes(text.as_bytes())),
        Some(path) => of_file(Path::new(path), "--expect-body"),
    }
}

fn of_bytes(bytes: &[u8]) -> Expected {
    Expected {
        bytes: Some(bytes.into()),
        ..Expected::default()
    }
}

fn of_file(path: &Path, flag: &str) -> Result<Expected, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(of_bytes(&bytes)),
        Err(error) => Err(Failure::Usage(format!(
            "{flag}: cannot read {}: {error}",
            path.display()
        ))),
    }
}

/// `None` when it is none.
fn of_hash(text: &str, flag: &str) -> Result<Option<Expected>, Failure> {
    let Some(digits) = text.strip_prefix(HASH_PREFIX) else {
        return Ok(None);
    };
    let mut hash = [0; 32];
    let is_hex = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    if !is_hex {
        return Err(Failure::Usage(format!(
            "{flag}: {text} is no hash, which has 64 hexadecimal digits; if it is the body itself, give it as @FILE"
        )));
    }
    Ok(Some(Expected {
        sha256: Some(hash),
        ..Expected::default()
    }))
}

fn of_files(files: &[PathBuf], templates: &[Template]) -> Result<Vec<Option<Expected>>, Failure> {
    if files.len() != templates.len() {
        return Err(Failure::Usage(format!(
            "--golden: {} bodies for {} templates; give one for each, - where any body will do, or a directory",
            files.len(),
            templates.len()
        )));
    }
    let one = |path: &PathBuf| {
        let name = path.to_string_lossy();
        if name == "-" {
            return Ok(None);
        }
        match of_hash(&name, "--golden")? {
            Some(expected) => Ok(Some(expected)),
            None => of_file(path, "--golden").map(Some),
        }
    };
    files.iter().map(one).collect()
}

/// `x.body` for the template `x.raw`.
fn of_folder(
    folder: &Path,
    templates: &[Template],
    mut note: impl FnMut(String),
) -> Result<Vec<Option<Expected>>, Failure> {
    let mut bodies = Vec::with_capacity(templates.len());
    for template in templates {
        let path = Path::new(&template.name).file_stem().map(|stem| {
            let mut name = stem.to_owned();
            name.push(".body");
            folder.join(name)
        });
        let found = path.as_ref().filter(|path| path.exists());
        if found.is_none() {
            note(format!(
                "--golden: {} has no {}, so its bodies are not compared",
                folder.display(),
                match path.as_ref().and_then(|path| path.file_name()) {
                    Some(name) => name.to_string_lossy(),
                    None => "file for a template without a name".into(),
                }
            ));
        }
        bodies.push(found.map(|path| of_file(path, "--golden")).transpose()?);
    }
    if bodies.iter().any(Option::is_some) {
        return Ok(bodies);
    }
    Err(Failure::Usage(format!(
        "--golden: {} has no body for any template; the one for x.raw is x.body",
        folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Setup;

    fn templates(names: &[&str]) -> Vec<Template> {
        let setup = Setup::of_depth(1);
        let template =
            |name: &&str| Template::new((*name).into(), b"GET / HTTP/1.1\r\n\r\n", &setup);
        names.iter().map(|name| template(name).unwrap()).collect()
    }

    fn golden(paths: &[&Path], names: &[&str]) -> (Result<Vec<Option<Expected>>, String>, usize) {
        let asked = args::Checks {
            golden: paths.iter().map(|path| path.to_path_buf()).collect(),
            ..args::Checks::default()
        };
        let mut notes = 0;
        let bodies = bodies(&asked, &templates(names), |_| notes += 1);
        (bodies.map_err(|error| error.to_string()), notes)
    }

    #[test]
    fn texts_files_and_hashes() {
        assert_eq!(of_text("ok").unwrap().bytes.as_deref(), Some(&b"ok"[..]));
        let hash = of_text(&format!("sha256:{}", "0aF1".repeat(16))).unwrap();
        assert_eq!(hash.sha256.unwrap()[..4], [0x0a, 0xf1, 0x0a, 0xf1]);
        assert_eq!(hash.bytes, None);
        for text in [
            "sha256:",
            "sha256:12",
            &format!("sha256:{}", "0g".repeat(32)),
        ] {
            let error = of_text(text).unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
        }
        let error = of_text("@/no/such/body").unwrap_err().to_string();
        assert!(
            error.contains("--expect-body: cannot read /no/such/body"),
            "{error}"
        );
    }

    #[test]
    fn golden_bodies_belong_to_templates() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("get.v2.body");
        fs::write(&file, "golden").unwrap();
        let expected = Some(of_bytes(b"golden"));

        let (bodies, _) = golden(&[Path::new("-"), &file], &["a", "b"]);
        assert_eq!(bodies.unwrap(), [None, expected.clone()]);
        let (bodies, notes) = golden(&[folder.path()], &["/x/get.v2.raw", "/x/post.raw"]);
        assert_eq!((bodies.unwrap(), notes), (vec![expected, None], 1));

        let (bodies, _) = golden(&[&file], &["a", "b"]);
        assert!(bodies.unwrap_err().contains("1 bodies for 2 templates"));
        let (bodies, _) = golden(&[folder.path()], &["a", "/"]);
        assert!(bodies.unwrap_err().contains("no body for any template"));
        let (bodies, _) = golden(&[Path::new("/no/such.body")], &["a"]);
        assert!(
            bodies
                .unwrap_err()
                .contains("--golden: cannot read /no/such.body")
        );
    }

    #[test]
    fn a_size_is_asked_of_all() {
        let asked = args::Checks {
            expect_body: Some("ok".into()),
            expect_size: Some(3),
            ..args::Checks::default()
        };
        let all = bodies(&asked, &templates(&["a", "b"]), drop).unwrap();
        for body in &all {
            let body = body.as_ref().unwrap();
            assert!(body.bytes.is_some() && body.size == Some(3));
        }
        assert_eq!(all.len(), 2);
    }
}
